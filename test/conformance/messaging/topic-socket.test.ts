import { beforeEach } from 'vitest'
import { SOCKET_TRANSPORT } from '../../support/local-address.js'
import { newName, useOwnDirectory } from './topic-fixture.js'
import { topicSuite } from './topic-suite.js'

beforeEach(useOwnDirectory)

topicSuite({
  name: 'a socket',
  transport: SOCKET_TRANSPORT,
  address: newName,
  server: { transport: 'socket' },
})
