import { beforeEach } from 'vitest'
import { newName, useOwnDirectory } from './cell-fixture.js'
import { cellSuite } from './cell-suite.js'

beforeEach(useOwnDirectory)

cellSuite({ name: 'shared memory', transport: 'shm', address: newName, client: { transport: 'shm' } })

// The value is in shared memory, for a watcher that cannot read it.
cellSuite({
  name: 'a socket beside shared memory',
  transport: 'unix',
  address: newName,
  client: { transport: 'socket' },
})
