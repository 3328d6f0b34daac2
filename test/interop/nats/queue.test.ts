import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jetStream } from '../../../src/engine/nats/jet-stream.js'
import type { Engine } from '../../../src/messaging/engine.js'
import { NATS_REASON, NATS_VERSION, NatsServer } from '../../support/nats-server.js'

describe.skipIf(NATS_VERSION === undefined)(`a queue over JetStream${NATS_REASON}`, () => {
  let server: NatsServer
  let engine: Engine
  beforeAll(async () => {
    server = await NatsServer.start()
    engine = jetStream({ servers: server.url, leaseMs: 2_000, answerMs: 1_000, heartbeatMs: 500 })
  })
  afterAll(async () => {
    await engine?.close()
  })

  it('runs pushed jobs', async () => {
    const queue = await engine.createQueue<number, number>('first', {})
    const seen: number[] = []
    const worker = await engine.work<number, number>(
      'first',
      (job) => {
        seen.push(job)
        return job * 2
      },
      { concurrency: 4 },
    )
    for (let i = 0; i < 20; i++) await queue.push(i)
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(20)
    expect(await queue.request(21)).toBe(42)
    console.log(await queue.stats())
    await worker.close()
    await queue.close()
  })
})
