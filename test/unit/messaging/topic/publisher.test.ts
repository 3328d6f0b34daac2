import { describe, expect, it } from 'vitest'
import { PlainRing } from '../../../../src/messaging/topic/plain-ring.js'
import { Publisher } from '../../../../src/messaging/topic/publisher.js'
import type { OwnReader } from '../../../../src/messaging/topic/ring.js'
import { turns } from '../../../support/turns.js'

const NO_PREFIX = new Uint8Array(0)
const message = Buffer.alloc(1_000)
const unbounded = (): undefined => undefined

function setUp(blockTimeoutMs: number): {
  publisher: Publisher
  readers: OwnReader[]
  tooSlow: number[]
  fill: () => number
} {
  const ring = new PlainRing(64 * 1024)
  const tooSlow: number[] = []
  const publisher = new Publisher({
    ring,
    blockTimeoutMs,
    keep: (payload) => Buffer.from(payload),
    onPublished: () => {},
    onTooSlow: (reader) => {
      tooSlow.push(reader)
      ring.detach(reader)
    },
  })
  const readers = [ring.createReader(true), ring.createReader(true)]
  const fill = (): number => {
    while (publisher.tryPublish(message, NO_PREFIX, 0));
    return publisher.sequence
  }
  return { publisher, readers, tooSlow, fill }
}

function drain(reader: OwnReader | undefined): void {
  const target = Buffer.alloc(64 * 1024)
  while ((reader?.receive(target, 0, false) ?? 0) > 0);
}

describe('Publisher', () => {
  it('publishes waiting messages in the order of the calls once all readers have made room', async () => {
    const { publisher, readers, fill } = setUp(60_000)
    const full = fill()
    const order: string[] = []
    const waiting = ['a', 'b', 'c'].map((name) =>
      Promise.resolve(publisher.publish(message, NO_PREFIX, 0, unbounded)).then(() => order.push(name)),
    )
    expect(publisher.tryPublish(Buffer.alloc(1), NO_PREFIX, 0)).toBe(false)
    drain(readers[0])
    publisher.roomMade()
    await turns(3)
    expect(publisher.sequence).toBe(full)
    drain(readers[1])
    publisher.roomMade()
    await Promise.all(waiting)
    expect(order).toEqual(['a', 'b', 'c'])
    expect(publisher.sequence).toBe(full + 3)
  })

  it('drops every reader that holds a message for blockTimeoutMs', async () => {
    const { publisher, readers, tooSlow, fill } = setUp(10)
    fill()
    await publisher.publish(message, NO_PREFIX, 0, unbounded)
    expect(new Set(tooSlow)).toEqual(new Set(readers.map(({ index }) => index)))
    expect(publisher.tryPublish(message, NO_PREFIX, 0)).toBe(true)
  })

  it('leaves half of the waiting calls to its own process', async () => {
    const { publisher, fill } = setUp(60_000)
    fill()
    const waiting: unknown[] = []
    const wait = (origin: 'own' | 'remote'): void => {
      const promise = Promise.resolve(publisher.publish(message, NO_PREFIX, 0, unbounded, origin))
      waiting.push(promise.catch((error: { code: string }) => error.code))
    }
    for (let count = 0; count < 2048; count += 1) wait('remote')
    expect(() => wait('remote')).toThrow('wait for subscribers already')
    for (let count = 0; count < 2048; count += 1) wait('own')
    expect(() => wait('own')).toThrow('wait for subscribers already')
    await publisher.close({ timeoutMs: 1 }).catch(() => {})
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['ERR_SHMWIRE_CLOSED']))
  })

  it('does not publish a message whose wait was aborted', async () => {
    const { publisher, readers, fill } = setUp(60_000)
    const full = fill()
    const abort = new AbortController()
    const first = publisher.publish(message, NO_PREFIX, 0, () => ({ signal: abort.signal }))
    const second = publisher.publish(message, NO_PREFIX, 0, unbounded)
    abort.abort()
    await expect(first).rejects.toMatchObject({ code: 'ERR_SHMWIRE_ABORTED' })
    for (const reader of readers) drain(reader)
    publisher.roomMade()
    await second
    expect(publisher.sequence).toBe(full + 1)
  })

  it('waits for waiting messages when it closes, and refuses them after its time', async () => {
    const { publisher, readers, fill } = setUp(60_000)
    fill()
    const sent = publisher.publish(message, NO_PREFIX, 0, unbounded)
    const closing = publisher.close({})
    for (const reader of readers) drain(reader)
    publisher.roomMade()
    await sent
    await closing

    const other = setUp(60_000)
    other.fill()
    const refused = other.publisher.publish(message, NO_PREFIX, 0, unbounded)?.catch((error) => error.code)
    await expect(other.publisher.close({ timeoutMs: 10 })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_TIMEOUT',
    })
    expect(await refused).toBe('ERR_SHMWIRE_CLOSED')
    expect(() => other.publisher.tryPublish(message, NO_PREFIX, 0)).toThrow('closed')
  })

  it('bounds the messages that wait by their number and their bytes', () => {
    const { publisher, fill } = setUp(60_000)
    fill()
    const waiting: (Promise<void> | undefined)[] = []
    const push = (payload: Uint8Array): void => {
      waiting.push(publisher.publish(payload, NO_PREFIX, 0, unbounded))
      waiting.at(-1)?.catch(() => {})
    }
    expect(() => {
      for (let count = 0; count < 5_000; count += 1) push(message)
    }).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_BACKLOG' }))
    expect(waiting).toHaveLength(4_096)
    void publisher.close({ timeoutMs: 0 }).catch(() => {})
  })
})
