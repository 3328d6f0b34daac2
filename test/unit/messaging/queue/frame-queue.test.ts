import { describe, expect, it } from 'vitest'
import { FrameQueue, MESSAGE_BYTES } from '../../../../src/messaging/queue/frame-queue.js'

function write(queue: FrameQueue, bytes: Buffer): void {
  const at = queue.reserve(bytes.length)
  queue.memory.set(bytes, at)
}

const done = { value: undefined, done: true }

async function copyOfNext(queue: FrameQueue): Promise<Buffer | undefined> {
  const { value } = await queue.next()
  return value === undefined ? undefined : Buffer.from(value)
}

describe('FrameQueue', () => {
  it('joins the frames that were written before the next one is taken', async () => {
    const queue = new FrameQueue()
    for (const text of ['a', 'bc', 'def']) write(queue, Buffer.from(text))
    expect(String(await copyOfNext(queue))).toBe('abcdef')
    expect(queue.hasFrames).toBe(false)
  })

  it('delivers frames to a consumer that waits, when they are flushed', async () => {
    const queue = new FrameQueue()
    const next = queue.next()
    queue.flush()
    write(queue, Buffer.from('a'))
    write(queue, Buffer.from('b'))
    queue.flush()
    expect(String((await next).value)).toBe('ab')
  })

  it('keeps the bytes of a message until the next one is taken', async () => {
    const queue = new FrameQueue()
    for (let round = 0; round < 10; round += 1) {
      write(queue, Buffer.alloc(100, round))
      const { value } = await queue.next()
      write(queue, Buffer.alloc(100, 99))
      expect(value?.every((byte) => byte === round)).toBe(true)
      expect((await queue.next()).value?.every((byte) => byte === 99)).toBe(true)
    }
  })

  it('cuts messages at their length, and keeps the order', async () => {
    const queue = new FrameQueue()
    const frames = Array.from({ length: 500 }, (_, index) => Buffer.alloc(1 + ((index * 37) % 3_000), index))
    for (const frame of frames) write(queue, frame)
    queue.end()
    const messages: Buffer[] = []
    for (let next = await copyOfNext(queue); next !== undefined; next = await copyOfNext(queue))
      messages.push(next)
    expect(messages.every(({ length }) => length <= MESSAGE_BYTES)).toBe(true)
    expect(messages.length).toBeGreaterThan(5)
    expect(Buffer.concat(messages).equals(Buffer.concat(frames))).toBe(true)
  })

  it('carries a frame that is longer than a message, alone', async () => {
    const queue = new FrameQueue()
    write(queue, Buffer.from('a'))
    write(queue, Buffer.alloc(3 * MESSAGE_BYTES, 7))
    write(queue, Buffer.from('b'))
    expect((await copyOfNext(queue))?.length).toBe(1)
    expect((await copyOfNext(queue))?.length).toBe(3 * MESSAGE_BYTES)
    expect(String(await copyOfNext(queue))).toBe('b')
  })

  it('ends after its messages', async () => {
    const queue = new FrameQueue()
    write(queue, Buffer.from('a'))
    queue.end()
    expect(String(await copyOfNext(queue))).toBe('a')
    expect(await queue.next()).toEqual(done)
    const waiting = new FrameQueue()
    const next = waiting.next()
    waiting.end()
    expect(await next).toEqual(done)
  })

  it('fails at once, without its messages', async () => {
    const queue = new FrameQueue()
    write(queue, Buffer.from('a'))
    queue.fail(new Error('broken'))
    await expect(queue.next()).rejects.toThrow('broken')
  })

  it('drops its messages when the consumer leaves', async () => {
    const queue = new FrameQueue()
    const next = queue.next()
    expect(await queue.return()).toEqual(done)
    expect(await next).toEqual(done)
    write(queue, Buffer.from('a'))
    queue.flush()
    await queue.return()
    expect(queue.hasFrames).toBe(false)
  })
})
