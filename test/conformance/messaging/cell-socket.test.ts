import { beforeEach } from 'vitest'
import { SOCKET_TRANSPORT } from '../../support/local-address.js'
import { newName, useOwnDirectory } from './cell-fixture.js'
import { cellSuite } from './cell-suite.js'

beforeEach(useOwnDirectory)

cellSuite({
  name: 'a socket',
  transport: SOCKET_TRANSPORT,
  address: newName,
  server: { transport: 'socket' },
})
