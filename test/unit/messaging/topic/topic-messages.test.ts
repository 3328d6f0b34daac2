import { describe, expect, it } from 'vitest'
import { MessageCodec } from '../../../../src/messaging/message-codec.js'
import type { BatchSource } from '../../../../src/messaging/topic/batch-source.js'
import { encodeKey, KeyFilter } from '../../../../src/messaging/topic/key.js'
import { MessageCursor } from '../../../../src/messaging/topic/message-cursor.js'
import { PlainRing } from '../../../../src/messaging/topic/plain-ring.js'
import { TopicMessages } from '../../../../src/messaging/topic/topic-messages.js'

function busyFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('TopicMessages', () => {
  it('has no end while its time was over before the messages were', () => {
    const ring = new PlainRing(64 * 1024)
    const reader = ring.createReader(false)
    const body = Buffer.from('message')
    for (let count = 0; count < 20; count += 1) ring.publish(body, encodeKey('other'), 5)
    ring.publish(body, encodeKey('mine'), 4)
    const cursor = new MessageCursor()
    const target = Buffer.alloc(16)
    const source: BatchSource = {
      cursor,
      end: { error: undefined },
      read() {
        // One message each time.
        busyFor(0.3)
        const count = reader.receive(target, 0, false)
        if (count === 0) return false
        cursor.load(Buffer.from(target), reader.descriptors, count, reader.firstSequence, reader.lost)
        return true
      },
      request: () => {},
      release: () => {},
      close: () => {},
    }
    const messages = new TopicMessages({
      source,
      codec: new MessageCodec('bytes', 1_000, 'use shorter ones'),
      filter: new KeyFilter('mine'),
      epoch: 'e',
      begin: 1,
      isOtherEpoch: false,
      endsWhenLost: false,
      onLost: () => {},
      onTooSlow: () => {},
    })
    let interruptions = 0
    let item = messages.take()
    for (; item === undefined; item = messages.take()) {
      expect(messages.end).toBeUndefined()
      interruptions += 1
    }
    expect(interruptions).toBeGreaterThan(0)
    expect(String(item[0])).toBe('message')
    expect(messages.stats()).toEqual({ received: 1, lost: 0, filtered: 20 })
    expect(messages.take()).toBeUndefined()
    expect(messages.end).toEqual({ error: undefined })
  })
})
