import { describe, expect, it } from 'vitest'
import { Channel } from '../../../src/channel/channel.js'
import { bytesCodec } from '../../../src/codec/bytes.js'
import { longBuffer } from '../../../src/link/long-buffers.js'
import type { NativeBinding } from '../../../src/native/binding.js'
import { fillByStream } from '../../support/byte-stream.js'
import { collectGarbage } from '../../support/garbage.js'
import { joinShmLinks, needBinding } from '../../support/link-pairs.js'
import { integerFrom, newSeed, randomFrom } from '../../support/random.js'
import { eventually, turns } from '../../support/turns.js'

const MIB = 1024 * 1024

/** Whether the addon has a pool: one without external buffers has none. */
const hasPool = needBinding().takeMemory(MIB) !== undefined

function fakeBinding(memory: ArrayBuffer | undefined) {
  const fake = { asked: [] as number[], trims: 0, inUse: true }
  const binding = {
    takeMemory: (bytes: number) => {
      fake.asked.push(bytes)
      return memory
    },
    trimMemory: () => {
      fake.trims += 1
      return fake.inUse
    },
  } as unknown as NativeBinding
  return { fake, binding }
}

/** The pool, after all of its unreferenced memory has returned. */
async function collected(): Promise<void> {
  for (let count = 0; count < 3; count += 1) {
    collectGarbage()
    await turns(3)
  }
}

describe('longBuffer', () => {
  it('takes memory of the pool for a long message only', () => {
    const { fake, binding } = fakeBinding(new ArrayBuffer(128 * 1024))
    expect(longBuffer(binding, 128 * 1024 - 1).length).toBe(128 * 1024 - 1)
    expect(longBuffer(binding, 128 * 1024).length).toBe(128 * 1024)
    expect(fake.asked).toEqual([128 * 1024])
  })

  it('allocates memory where the pool has none', () => {
    const { fake, binding } = fakeBinding(undefined)
    expect(longBuffer(binding, MIB).length).toBe(MIB)
    expect(fake.asked).toEqual([MIB])
  })

  it('trims the pool until it was not used for a while, and again after the next use', async () => {
    const { fake, binding } = fakeBinding(new ArrayBuffer(MIB))
    longBuffer(binding, MIB)
    longBuffer(binding, MIB)
    await eventually(() => fake.trims === 2)
    fake.inUse = false
    await eventually(() => fake.trims === 3)
    longBuffer(binding, MIB)
    await eventually(() => fake.trims === 4)
  })
})

describe.runIf(hasPool)('the pool of the addon', () => {
  const binding = needBinding()
  const take = (bytes: number) => new Uint8Array(binding.takeMemory(bytes) as ArrayBuffer)

  it('takes exactly the requested length', () => {
    for (const bytes of [1, 128 * 1024, MIB, MIB + 1, 32 * MIB]) expect(take(bytes).length).toBe(bytes)
    expect(binding.takeMemory(32 * MIB + 1)).toBeUndefined()
  })

  it('rejects a length that is not a positive integer', () => {
    for (const bytes of [0, -1, 1.5, Number.NaN, '1', undefined, 2 ** 53])
      expect(() => binding.takeMemory(bytes as number)).toThrow(TypeError)
  })

  it('reuses memory after its collection, and only then', async () => {
    let held: Uint8Array[] | undefined = []
    for (let count = 1; count <= 20; count += 1) held.push(take(MIB).fill(count))
    await collected()
    const others = Array.from({ length: 20 }, () => take(MIB).fill(99))
    expect(held.map((one) => [one[0], one[MIB - 1]])).toEqual(held.map((_, index) => [index + 1, index + 1]))
    others.length = 0
    held = undefined
    await collected()
    const firstBytes = Array.from({ length: 40 }, () => take(MIB)[0])
    expect(firstBytes.filter((byte) => byte !== 0).length).toBeGreaterThan(20)
  })

  it('keeps memory that a stream has taken for as long as it is referenced', async () => {
    const own = take(MIB)
    const taken = await fillByStream(own, 7)
    expect(own.length).toBe(0)
    await collected()
    for (let count = 0; count < 30; count += 1) take(MIB).fill(9)
    expect(Buffer.from(taken).equals(Buffer.alloc(MIB, 7))).toBe(true)
  })

  it('gives no more than a limit at once, so that a loop without turns cannot exhaust the memory', async () => {
    await collected()
    const held: unknown[] = []
    let memory = binding.takeMemory(4 * MIB)
    while (memory !== undefined && held.length < 1000) {
      held.push(memory)
      memory = binding.takeMemory(4 * MIB)
    }
    expect(held.length).toBeGreaterThan(32)
    expect(held.length).toBeLessThanOrEqual(64)
    held.length = 0
    await collected()
    expect(binding.takeMemory(4 * MIB)).toBeDefined()
  })

  it('rests after a time without use, and then keeps nothing', async () => {
    take(2 * MIB).fill(5)
    await collected()
    take(2 * MIB)
    binding.trimMemory()
    expect(binding.trimMemory()).toBe(false)
    await collected()
    expect(take(2 * MIB)[0]).toBe(0)
    expect(binding.trimMemory()).toBe(true)
  })
})

describe('short messages', () => {
  it('share larger memory while they arrive without a pause, and small memory after a sleep', async () => {
    const [left, right] = (await joinShmLinks({ ringBytes: MIB, maxMessageBytes: MIB, wait: 'sleep' })).map(
      (link) => new Channel({ link, codec: bytesCodec, maxDecodedBytes: MIB, maxMessageBytes: MIB }),
    ) as [Channel, Channel]
    const received: Buffer[] = []
    right.on('message', (message: Buffer) => received.push(message))
    const burst = 600
    for (let index = 0; index < burst; index += 1) void left.send(Buffer.alloc(1024, index))
    await eventually(() => received.length === burst)
    expect(received.every((message, index) => message.equals(Buffer.alloc(1024, index)))).toBe(true)
    expect(new Set(received.map((message) => message.buffer.byteLength))).toEqual(
      new Set([64 * 1024, 256 * 1024]),
    )
    await turns(20)
    await left.send(Buffer.alloc(10))
    await eventually(() => received.length === burst + 1)
    expect(received.at(-1)?.buffer.byteLength).toBe(64 * 1024)
    await Promise.all([left.close(), right.close()])
  })
})

describe('long messages', () => {
  it('arrive intact, with some of them held while the memory of others is reused', async () => {
    const random = randomFrom(newSeed('long messages'))
    const [left, right] = (await joinShmLinks({ ringBytes: 64 * 1024, maxMessageBytes: 4 * MIB })).map(
      (link) => new Channel({ link, codec: bytesCodec, maxDecodedBytes: 4 * MIB, maxMessageBytes: 4 * MIB }),
    ) as [Channel, Channel]
    const held = new Map<number, Buffer>()
    let received = 0
    const wrong: number[] = []
    const isIntact = (message: Buffer, index: number) =>
      message.equals(Buffer.alloc(message.length, index % 256))
    right.on('message', (message: Buffer) => {
      if (!isIntact(message, received)) wrong.push(received)
      if (received % 3 === 0) held.set(received, message)
      received += 1
    })
    for (let index = 0; index < 120; index += 1) {
      const bytes = integerFrom(random, 0, random() < 0.25 ? 3 * MIB : 500_000)
      await left.send(Buffer.alloc(bytes, index % 256))
      await eventually(() => received === index + 1)
      if (index % 10 !== 0) continue
      collectGarbage()
      for (const [at, message] of held) {
        if (!isIntact(message, at)) wrong.push(at)
        if (random() < 0.3) held.delete(at)
      }
    }
    expect(wrong).toEqual([])
    await Promise.all([left.close(), right.close()])
    for (const [at, message] of held) expect(isIntact(message, at)).toBe(true)
  })
})
