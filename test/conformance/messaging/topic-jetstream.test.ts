import { beforeAll, describe } from 'vitest'
import type { Engine } from '../../../src/messaging/engine.js'
import { NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'
import { newName } from './topic-fixture.js'
import { topicSuite } from './topic-suite.js'

describe.skipIf(NATS_VERSION === undefined)(`JetStream${NATS_REASON}`, () => {
  let engine: Engine
  beforeAll(async () => {
    engine = openEngine(await NatsServer.start())
  })
  topicSuite({ name: 'JetStream', transport: 'nats', address: newName, engine: () => engine })
})
