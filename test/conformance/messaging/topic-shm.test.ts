import { beforeEach } from 'vitest'
import { newName, useOwnDirectory } from './topic-fixture.js'
import { topicSuite } from './topic-suite.js'

beforeEach(useOwnDirectory)

topicSuite({ name: 'shared memory', transport: 'shm', address: newName, client: { transport: 'shm' } })

// The messages of a ring in shared memory, for a subscriber that cannot read it.
topicSuite({
  name: 'a socket beside shared memory',
  transport: 'unix',
  address: newName,
  client: { transport: 'socket' },
})
