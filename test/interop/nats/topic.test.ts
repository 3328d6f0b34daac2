import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jetStream } from '../../../src/engine/nats/jet-stream.js'
import type { Engine } from '../../../src/messaging/engine.js'
import { NATS_REASON, NATS_VERSION, NatsServer } from '../../support/nats-server.js'

describe.skipIf(NATS_VERSION === undefined)(`a topic over JetStream${NATS_REASON}`, () => {
  let server: NatsServer
  let engine: Engine
  beforeAll(async () => {
    server = await NatsServer.start()
    engine = jetStream({ servers: server.url, leaseMs: 2_000, answerMs: 1_000, heartbeatMs: 500 })
  })
  afterAll(async () => {
    await engine?.close()
  })

  it('delivers published messages in order, and ends when the topic closes', async () => {
    const topic = await engine.createTopic<number>('numbers', {})
    const subscription = await engine.subscribe<number>('numbers', {})
    const count = 3_000
    const all = Array.from({ length: count }, (_, i) =>
      topic.publish(i, i % 2 ? { key: `odd.${i}`, headers: { a: ' b ' } } : {}),
    )
    await Promise.all(all)
    await topic.close()
    const received: number[] = []
    for await (const [message, info] of subscription.entries()) {
      received.push(message)
      if (message === 1) expect(info).toMatchObject({ key: 'odd.1', sequence: 2, headers: { a: ' b ' } })
    }
    expect(received).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(subscription.stats()).toEqual({ received: count, lost: 0, filtered: 0 })
  })

  it('cell', async () => {
    const cell = await engine.createCell('c', { a: 1 }, {})
    const watch = await engine.watch<{ a: number }>('c', {})
    expect(watch.get()).toEqual({ a: 1 })
    expect(watch.stale).toBe(false)
    await cell.set({ a: 2 })
    const seen = []
    for await (const [value, info] of watch.entries()) {
      seen.push([value.a, info.version, info.initial])
      if (value.a === 2) break
    }
    console.log(seen)
    await cell.close()
    await expect.poll(() => watch.stale).toBe(true)
    await watch.close()
  })
})
