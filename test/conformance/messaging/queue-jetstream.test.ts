import { describe, expect } from 'vitest'
import { createQueue } from '../../../src/messaging/queue/create-queue.js'
import { openQueue } from '../../../src/messaging/queue/open-queue.js'
import { work } from '../../../src/messaging/queue/work.js'
import { NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'
import { ALL_FEATURES, type QueueFeatures, type QueuePlace } from './queue-fixture.js'
import { queueSuite } from './queue-suite.js'

const features: QueueFeatures = {
  ...ALL_FEATURES,
  // A stream has no process that holds the queue.
  close: false,
  maxIds: false,
  foreignDeadLetters: false,
}

// The default of max_payload is 1 MiB, with the headers.
const starting = NATS_VERSION === undefined ? undefined : NatsServer.start({ config: 'max_payload: 8MB' })
let engine: ReturnType<typeof openEngine> | undefined
let count = 0

async function place(): Promise<QueuePlace> {
  // A busy machine can stall for a second.
  engine ??= openEngine((await starting) as NatsServer, { leaseMs: 20_000 })
  const own = { engine }
  count += 1
  const name = `q${count}`
  return {
    create: (options) => createQueue(name, { ...options, ...own }),
    open: (options) => openQueue(name, { ...options, ...own }),
    work: (handler, options) => work(name, handler, { ...options, ...own }),
    // The server answers in the order of the messages, and refuses no duplicate.
    async allWait(job, id) {
      const other = await openQueue(name, own)
      expect(await other.push(job, { id })).toMatchObject({ duplicate: true })
      await other.close()
    },
  }
}

describe.skipIf(NATS_VERSION === undefined)(`JetStream${NATS_REASON}`, () => {
  queueSuite({ name: 'JetStream', features, place })
})
