import { describe, expect, it } from 'vitest'
import { AsyncQueue } from '../../../../src/async-queue.js'
import { MessageCodec } from '../../../../src/messaging/message-codec.js'
import { PlainRing } from '../../../../src/messaging/topic/plain-ring.js'
import { Publisher } from '../../../../src/messaging/topic/publisher.js'
import { encodeSubscribe } from '../../../../src/messaging/topic/subscribe-frames.js'
import { TopicService } from '../../../../src/messaging/topic/topic-service.js'
import { turns } from '../../../support/turns.js'

const RING_BYTES = 64 * 1024

function setUp() {
  const ring = new PlainRing(RING_BYTES)
  const publisher = new Publisher({
    ring,
    blockTimeoutMs: 60_000,
    keep: (payload) => payload,
    onPublished: () => service.onPublished(),
    onTooSlow: (reader) => service.onTooSlow(reader),
  })
  const service = new TopicService({
    epoch: 'e',
    overflow: 'block',
    codec: new MessageCodec('bytes', 1_000, 'use shorter ones'),
    ring,
    publisher,
    obstacle: 'of the test',
    memory: () => ({}) as never,
  })
  return { publisher, service }
}

/** A subscriber over a stream that has received the begin. */
async function subscribed(service: TopicService) {
  const requests = new AsyncQueue<Buffer>()
  requests.push(encodeSubscribe({ version: 1, codec: 'bytes', from: 'next', obstacle: 'of the test' }))
  const context = {
    channel: { transport: 'tcp', maxMessageBytes: 1_000_000 },
    peer: {},
    signal: new AbortController().signal,
  }
  const handlers = service.handlers() as unknown as Record<
    'subscribe',
    (requests: unknown, context: unknown) => AsyncGenerator<Buffer>
  >
  const answers = handlers.subscribe(
    requests.iterate(() => {}),
    context,
  )
  // The welcome, the reason and the begin.
  for (let count = 0; count < 3; count += 1) expect((await answers.next()).done).toBe(false)
  return { requests, answers }
}

describe('TopicService', () => {
  it('keeps a new subscriber that has the index of one which ended without reading', async () => {
    const { publisher, service } = setUp()
    const message = Buffer.alloc(1_000)
    const none = Buffer.alloc(0)
    const fill = (): void => {
      while (publisher.tryPublish(message, none, 0));
    }
    const old = await subscribed(service)
    const batch = old.answers.next()
    fill()
    expect((await batch).done).toBe(false)
    fill()
    // It has ended its stream, and does not take the next batch.
    old.requests.end()
    await turns(3)
    service.onTooSlow(0)
    expect(service.subscribers).toBe(0)
    const next = await subscribed(service)
    expect(service.subscribers).toBe(1)
    expect((await old.answers.next()).done).toBe(true)
    expect(service.subscribers).toBe(1)
    // The new one still blocks.
    fill()
    expect(publisher.tryPublish(message, none, 0)).toBe(false)
    expect((await next.answers.next()).done).toBe(false)
    await next.answers.return(undefined)
    expect(service.subscribers).toBe(0)
    expect(publisher.tryPublish(message, none, 0)).toBe(true)
  })
})
