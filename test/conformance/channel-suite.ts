import { once, setMaxListeners } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import type { CodecName } from '../../src/codec/codec.js'
import { ErrorCode } from '../../src/errors.js'
import type { Transport } from '../../src/link/link.js'
import type { ChannelPairOptions, JoinChannels } from '../support/channel-pairs.js'
import { mixedLengths, Pattern } from '../support/pattern.js'
import { countFromEnvironment, integerFrom, newSeed, type Random, randomFrom } from '../support/random.js'
import { turn, turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'

export interface ChannelImplementation {
  readonly name: string
  readonly transport: Transport
  readonly join: JoinChannels
  /** The longest payload that travels in one piece. */
  inlineBytesMax(ringBytes: number): number
}

const RING_BYTES = 64 * 1024
const MESSAGE_BYTES_MAX = 16 * RING_BYTES + 3
/** What a sender may get rid of while nobody reads: rings, socket buffers, an inbox; far from "everything". */
const UNREAD_BYTES_MAX = 32 * 1024 * 1024
const SOAK_MESSAGES = 100_000
const SOAK_TIMEOUT_MS = 30 * 60_000

/** Everything that the channel promises, whatever its link. */
export function channelSuite(implementation: ChannelImplementation): void {
  const { name } = implementation
  const inlineBytesMax = implementation.inlineBytesMax(RING_BYTES)
  const pattern = new Pattern(
    newSeed(`channel over ${name}`),
    MESSAGE_BYTES_MAX,
    mixedLengths(inlineBytesMax, 4 * RING_BYTES),
  )
  const channels: Channel[] = []

  afterEach(() => {
    for (const channel of channels.splice(0)) channel.destroy()
  })

  async function join(options: ChannelPairOptions = {}): Promise<[Channel, Channel]> {
    const pair = await implementation.join({ ringBytes: RING_BYTES, maxMessageBytes: MESSAGE_BYTES_MAX, ...options })
    channels.push(...pair)
    return pair
  }

  /** Sends until nothing has fitted for a long time. Returns how many messages were taken. */
  async function fill(channel: Channel, message: (index: number) => Buffer): Promise<number> {
    let count = 0
    let bytes = 0
    for (let refusals = 0; refusals < 50; ) {
      if (channel.trySend(message(count))) {
        bytes += message(count).length
        count += 1
        refusals = 0
        if (bytes > UNREAD_BYTES_MAX) throw new Error(`the channel took ${bytes} bytes that nobody reads`)
      } else {
        refusals += 1
        await turn()
      }
    }
    return count
  }

  /** Takes `count` messages by a loop, and leaves the loop. */
  async function take(channel: Channel, count: number): Promise<Buffer[]> {
    const taken: Buffer[] = []
    if (count === 0) return taken
    for await (const message of channel) {
      taken.push(message)
      if (taken.length === count) break
    }
    return taken
  }

  function firstWrong(taken: Buffer[], message: (index: number) => Buffer): number {
    return taken.findIndex((bytes, index) => !bytes.equals(message(index)))
  }

  describe(`channel over ${name}: messages`, () => {
    it('names its transport', async () => {
      for (const channel of await join()) expect(channel.transport).toBe(implementation.transport)
    })

    it.each([
      ['msgpack', [1, 'ü', null, true, { list: [1.5, -3, 2 ** 40], bytes: Buffer.from('abc') }]],
      ['json', [1, 'ü', null, true, { list: [1.5, -3, 2 ** 40], nested: { a: '' } }]],
      ['v8', [1, 'ü', undefined, 10n ** 30n, new Map([[1, new Set(['x'])]]), new Date(7), /r/g]],
      ['bytes', [Buffer.alloc(0), Buffer.from('abc'), Buffer.alloc(200_000, 7)]],
    ] as [CodecName, unknown[]][])('codec %s gives values back as they were', async (codec, values) => {
      const ends = await join({ codec })
      for (const [index, end] of ends.entries()) {
        const other = ends[1 - index] as Channel
        other.handle((value) => value)
        for (const value of values) await end.send(value)
        const seen: unknown[] = []
        for await (const value of other) if (seen.push(value) === values.length) break
        expect(seen).toEqual(values)
        for (const value of values) expect(await end.request(value)).toEqual(value)
      }
      await ends[0].close()
    })

    it('keep the order of the calls, whichever call it was', async () => {
      const [left, right] = await join()
      const seen: number[] = []
      right.on('message', (message: number) => seen.push(message))
      right.handle((message: number) => seen.push(message))
      const waits: Promise<unknown>[] = []
      for (let index = 0; index < 5_000; index += 1) {
        if (index % 3 === 0) waits.push(left.send(index))
        else if (index % 3 === 1) waits.push(left.request(index))
        else if (!left.trySend(index)) waits.push(left.send(index))
      }
      await Promise.all(waits)
      await left.close()
      expect(seen).toEqual(Array.from({ length: 5_000 }, (_, index) => index))
    })

    it.each([
      ['no byte', 0],
      ['the longest inline payload', inlineBytesMax],
      ['one byte more than that', inlineBytesMax + 1],
      ['the ring', RING_BYTES],
      ['ten rings', 10 * RING_BYTES],
      ['maxMessageBytes', MESSAGE_BYTES_MAX],
    ])('of %s arrive whole, as message, request and reply', async (_what, bytes) => {
      const [left, right] = await join({ codec: 'bytes' })
      right.handle((message) => message)
      const sending = left.send(pattern.slice(1, bytes))
      const reply = left.request<Buffer>(pattern.slice(2, bytes))
      const [message] = await take(right, 1)
      await sending
      expect(message?.equals(pattern.slice(1, bytes))).toBe(true)
      expect((await reply).equals(pattern.slice(2, bytes))).toBe(true)
      await left.close()
    })

    it('longer than maxMessageBytes are refused in every call, and the channel lives on', async () => {
      const [left, right] = await join({ codec: 'bytes' })
      const tooLong = Buffer.alloc(MESSAGE_BYTES_MAX + 1)
      const fault = { code: ErrorCode.MESSAGE_TOO_LARGE }
      right.handle(() => tooLong)
      expect(() => left.trySend(tooLong)).toThrow(expect.objectContaining(fault) as Error)
      await expect(left.send(tooLong)).rejects.toMatchObject(fault)
      await expect(left.request(tooLong)).rejects.toMatchObject(fault)
      await expect(left.request(Buffer.alloc(1))).rejects.toMatchObject({
        code: ErrorCode.REMOTE,
        remoteCode: ErrorCode.MESSAGE_TOO_LARGE,
      })
      left.trySend(pattern.slice(3, 1_000))
      expect((await take(right, 1))[0]?.equals(pattern.slice(3, 1_000))).toBe(true)
      await left.close()
    })

    it.each([1, 300, inlineBytesMax, RING_BYTES, 10 * RING_BYTES])(
      'of %i bytes may be written over right after trySend',
      async (bytes) => {
        const [left, right] = await join({ codec: 'bytes' })
        const sent: number[] = []
        const memory = Buffer.alloc(bytes)
        const reading = take(right, 20)
        for (let index = 0; sent.length < 20; index += 1) {
          pattern.slice(index, bytes).copy(memory)
          if (left.trySend(memory)) sent.push(index)
          else await turn()
          memory.fill(0xee)
        }
        const taken = await reading
        expect(taken.findIndex((got, at) => !got.equals(pattern.slice(sent[at] as number, bytes)))).toBe(-1)
      },
    )

    it('are never altered later, however many are kept', async () => {
      const [left, right] = await join({ codec: 'bytes' })
      const count = 8_000
      const sending = (async () => {
        for (let index = 0; index < count; index += 1) await left.send(pattern.message(index))
      })()
      const kept = await take(right, count)
      await sending
      expect(firstWrong(kept, (index) => pattern.message(index))).toBe(-1)
    })

    it('go on after a listener has thrown', async () => {
      const [left, right] = await join()
      const seen: number[] = []
      const thrown = await collectUncaught(async () => {
        right.on('message', (message: number) => {
          seen.push(message)
          if (message % 10 === 0) throw new Error(`no ${message}`)
        })
        for (let index = 0; index < 100; index += 1) left.trySend(index)
        await left.close()
      })
      expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index))
      expect(thrown).toHaveLength(10)
    })

    it('one listener may be taken off and another put on between two messages', async () => {
      const [left, right] = await join()
      const seen: string[] = []
      const listenOnce = (turnOf: number): void => {
        right.once('message', (message: number) => {
          seen.push(`${turnOf}:${message}`)
          if (turnOf < 99) setImmediate(() => listenOnce(turnOf + 1))
        })
      }
      listenOnce(0)
      for (let index = 0; index < 100; index += 1) await left.send(index)
      while (seen.length < 100) await turn()
      expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => `${index}:${index}`))
    })
  })

  describe(`channel over ${name}: back-pressure`, () => {
    const message = (index: number): Buffer => pattern.slice(index, 1_000)

    it('a reader that does not read stops the sender, and drain follows when it does', async () => {
      const [left, right] = await join({ codec: 'bytes' })
      const count = await fill(left, message)
      const drained = once(left, 'drain')
      const taken = take(right, count)
      await drained
      expect(firstWrong(await taken, message)).toBe(-1)
      expect(left.trySend(message(0))).toBe(true)
    })

    it('a loop that is busy stops the sender', async () => {
      const [left, right] = await join({ codec: 'bytes' })
      const loop = right[Symbol.asyncIterator]()
      const count = await fill(left, message)
      for (let index = 0; index < count; index += 1) {
        const { value } = await loop.next()
        if (!(value as Buffer).equals(message(index))) throw new Error(`message ${index} is another`)
      }
      await loop.return?.()
    })

    it('both senders may be stopped at once, and both go on', async () => {
      const ends = await join({ codec: 'bytes' })
      const counts = await Promise.all(ends.map((end) => fill(end, message)))
      const taken = await Promise.all(ends.map((end, index) => take(end, counts[1 - index] as number)))
      for (const messages of taken) expect(firstWrong(messages, message)).toBe(-1)
      for (const end of ends) expect(end.trySend(message(0))).toBe(true)
    })

    it('send waits, in the order of the calls, and gives up on its signal without sending', async () => {
      const [left, right] = await join({ codec: 'bytes' })
      const count = await fill(left, message)
      const controller = new AbortController()
      // The first may have begun to travel; those behind it have not.
      const first = left.send(message(count))
      const given = left.send(message(99_999), { signal: controller.signal })
      const late = left.send(message(99_998), { timeoutMs: 1 })
      const last = left.send(message(count + 1))
      controller.abort(new Error('why'))
      await expect(given).rejects.toMatchObject({ code: ErrorCode.ABORTED, cause: { message: 'why' } })
      await expect(late).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
      const taken = await take(right, count + 2)
      await Promise.all([first, last])
      expect(firstWrong(taken, message)).toBe(-1)
      await left.close()
    })
  })

  describe(`channel over ${name}: requests`, () => {
    it('run in both directions at once, each answered with its own reply', async () => {
      const ends = await join()
      for (const end of ends) {
        end.handle(async (value: number) => {
          if (value % 3 === 0) await turn()
          return value * 2
        })
      }
      const replies = await Promise.all(
        ends.flatMap((end) => Array.from({ length: 2_000 }, (_, index) => end.request<number>(index))),
      )
      expect(replies.findIndex((reply, index) => reply !== (index % 2_000) * 2)).toBe(-1)
      await ends[0].close()
    })

    it('may be nested: a handler asks back before it answers', async () => {
      const ends = await join()
      for (const [index, end] of ends.entries()) {
        end.handle(async ({ depth }: { depth: number }): Promise<number[]> => {
          if (depth === 0) return [index]
          return [index, ...(await end.request<number[]>({ depth: depth - 1 }))]
        })
      }
      const [left, right] = ends
      const [fromLeft, fromRight] = await Promise.all([left.request({ depth: 49 }), right.request({ depth: 49 })])
      expect(fromLeft).toEqual(Array.from({ length: 50 }, (_, index) => 1 - (index % 2)))
      expect(fromRight).toEqual(Array.from({ length: 50 }, (_, index) => index % 2))
      await left.close()
    })

    it('are answered although both rings are full of messages', async () => {
      const ends = await join({ codec: 'bytes' })
      const block = pattern.slice(5, 4_000)
      for (const end of ends) {
        end.on('message', () => {})
        end.handle((value) => value)
      }
      const runs = ends.map(async (end) => {
        const sends: Promise<void>[] = []
        const replies: Promise<Buffer>[] = []
        for (let index = 0; index < 500; index += 1) {
          sends.push(end.send(block))
          replies.push(end.request<Buffer>(pattern.slice(index, index * 20)))
        }
        await Promise.all(sends)
        return firstWrong(await Promise.all(replies), (index) => pattern.slice(index, index * 20))
      })
      expect(await Promise.all(runs)).toEqual([-1, -1])
      await ends[0].close()
    })

    it('reject with REMOTE when the handler throws, and the channel lives on', async () => {
      const [left, right] = await join()
      right.handle((value: number) => {
        if (value < 0) throw Object.assign(new RangeError('negative'), { code: 'E_NEGATIVE' })
        return value
      })
      await expect(left.request(-1)).rejects.toMatchObject({ code: ErrorCode.REMOTE, remoteCode: 'E_NEGATIVE' })
      expect(await left.request(1)).toBe(1)
      await left.close()
    })

    it('that are given up abort the handler, and the others are answered', async () => {
      const [left, right] = await join()
      const aborted: unknown[] = []
      right.handle((value: number, { signal }) => {
        if (value % 2 === 0) return value
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(value)
            resolve(undefined)
          })
        })
      })
      const controller = new AbortController()
      setMaxListeners(0, controller.signal)
      const waits = Array.from({ length: 20 }, (_, value) => left.request(value, { signal: controller.signal }))
      expect(await Promise.all(waits.filter((_, value) => value % 2 === 0))).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
      controller.abort()
      const results = await Promise.allSettled(waits)
      expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10)
      await left.close()
      expect(aborted).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
    })
  })

  describe(`channel over ${name}: the end`, () => {
    it('close delivers what was sent and awaits what was asked', async () => {
      const [left, right] = await join({ codec: 'bytes' })
      right.handle(async (value: Buffer) => {
        await turns(5)
        return value
      })
      const sends = Array.from({ length: 300 }, (_, index) => left.send(pattern.message(index)))
      const replies = Array.from({ length: 50 }, (_, index) => left.request<Buffer>(pattern.slice(index, 3_000)))
      const closing = left.close()
      expect(() => left.trySend(Buffer.alloc(1))).toThrow(expect.objectContaining({ code: ErrorCode.CLOSED }) as Error)
      const taken: Buffer[] = []
      for await (const message of right) taken.push(message)
      await Promise.all([...sends, closing])
      expect(taken.length).toBe(300)
      expect(firstWrong(taken, (index) => pattern.message(index))).toBe(-1)
      expect(firstWrong(await Promise.all(replies), (index) => pattern.slice(index, 3_000))).toBe(-1)
    })

    it('both sides may close at once in the midst of it all', async () => {
      for (let round = 0; round < 20; round += 1) {
        const ends = await join({ codec: 'bytes' })
        const seen = ends.map(() => 0)
        for (const [index, end] of ends.entries()) {
          end.on('message', () => {
            seen[index] = (seen[index] as number) + 1
          })
          end.handle(() => turn().then(() => Buffer.alloc(10)))
        }
        const pending = ends.flatMap((end) =>
          Array.from({ length: 50 }, (_, index) => [end.send(pattern.message(index)), end.request(pattern.slice(1, 10))]),
        )
        const settled = Promise.allSettled(pending.flat())
        await turns(round % 5)
        const closed = ends.map(closeOf)
        await Promise.all(ends.map((end) => end.close()))
        expect(await Promise.all(closed)).toEqual([undefined, undefined])
        for (const result of await settled) {
          if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: ErrorCode.CLOSED })
        }
      }
    })

    it('destroy rejects everything that is pending, here with CLOSED and there with PEER_GONE', async () => {
      const [left, right] = await join({ codec: 'bytes' })
      for (const end of [left, right]) end.handle(() => new Promise(() => {}))
      const errors: unknown[] = []
      right.on('error', (error) => errors.push(error))
      const pendingOf = (end: Channel) => [
        end.request(Buffer.alloc(1)),
        ...Array.from({ length: 40 }, () => end.send(Buffer.alloc(MESSAGE_BYTES_MAX))),
      ]
      const leftPending = Promise.allSettled(pendingOf(left))
      const rightPending = Promise.allSettled(pendingOf(right))
      const rightClosed = closeOf(right)
      // Nobody reads the long messages, so some sends wait on both sides.
      await turns(20)
      left.destroy()
      const codes = (results: PromiseSettledResult<unknown>[]): unknown[] =>
        results.flatMap((result) => (result.status === 'rejected' ? [(result.reason as { code: string }).code] : []))
      const [here, there] = [codes(await leftPending), codes(await rightPending)]
      expect(here.length).toBeGreaterThan(1)
      expect(new Set(here)).toEqual(new Set([ErrorCode.CLOSED]))
      expect(there.length).toBeGreaterThan(1)
      expect(new Set(there)).toEqual(new Set([ErrorCode.PEER_GONE]))
      expect(await rightClosed).toMatchObject({ code: ErrorCode.PEER_GONE })
      expect(errors).toMatchObject([{ code: ErrorCode.PEER_GONE }])
    })

    it('a loop gets what had come before the peer was destroyed, then throws PEER_GONE', async () => {
      const [left, right] = await join()
      for (let index = 0; index < 10; index += 1) left.trySend(index)
      await once(right, 'message')
      left.destroy()
      const seen: number[] = []
      const loop = async (): Promise<void> => {
        for await (const message of right) seen.push(message as number)
      }
      await expect(loop()).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => index + 10 - seen.length))
      await expect(right.send(1)).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
      await expect(right.request(1)).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
      await right.close()
    })

    it('destroy inside a listener, a handler or a drain is no fault', async () => {
      for (const where of ['message', 'handler', 'drain'] as const) {
        const [left, right] = await join({ codec: 'bytes' })
        if (where === 'message') right.once('message', () => right.destroy())
        if (where === 'handler') right.handle(() => right.destroy())
        if (where === 'drain') left.once('drain', () => left.destroy())
        if (where !== 'message') right.on('message', () => {})
        const gone = closeOf(where === 'drain' ? right : left)
        if (where === 'handler') left.request(Buffer.alloc(1)).catch(() => {})
        else while (left.trySend(Buffer.alloc(1_000))) {}
        expect(await gone).toMatchObject({ code: ErrorCode.PEER_GONE })
      }
    })

    it('leaves nothing open in the counters', async () => {
      const [left, right] = await join()
      right.handle((value) => value)
      await Promise.all(Array.from({ length: 100 }, (_, index) => left.request(index)))
      await left.close()
      for (const channel of [left, right]) {
        expect(channel.stats()).toMatchObject({ requestsOpen: 0, requestsRunning: 0, outboxRecords: 0 })
      }
      expect(left.stats()).toMatchObject({ messagesSent: 100, messagesReceived: 100 })
      expect(right.stats()).toMatchObject({ messagesSent: 100, messagesReceived: 100 })
    })
  })

  describe(`channel over ${name}: soak`, () => {
    const count = countFromEnvironment('SHMWIRE_SOAK_MESSAGES', SOAK_MESSAGES)
    it(
      `carries ${count} messages and many requests in each direction at once, by loops that pause at random`,
      async () => {
        const seed = newSeed(`channel soak ${name}`)
        const soak = new Pattern(seed, 4 * RING_BYTES, mixedLengths(inlineBytesMax, 4 * RING_BYTES))
        const ends = await join({ codec: 'bytes' })
        for (const end of ends) end.handle((value) => value)
        const runs = ends.flatMap((end, side) => {
          const random = randomFrom(seed ^ (side + 1))
          return [
            readAll(end, soak, count, random),
            sendAll(end, soak, count, random),
            askAll(end, soak, count / 50, random),
          ]
        })
        await Promise.all(runs)
        await ends[0].close()
      },
      SOAK_TIMEOUT_MS,
    )
  })
}

/** What the channel's `close` event says. Not `once` of node:events, which would listen for `error` too. */
function closeOf(channel: Channel): Promise<Error | undefined> {
  return new Promise((resolve) => {
    channel.once('close', resolve)
  })
}

async function pauseAtRandom(random: Random, chance: number): Promise<void> {
  if (random() >= chance) return
  if (random() < 0.8) await turn()
  else await new Promise((resolve) => setTimeout(resolve, integerFrom(random, 0, 2)))
}

async function readAll(channel: Channel, pattern: Pattern, count: number, random: Random): Promise<void> {
  let next = 0
  for await (const message of channel) {
    if (!pattern.message(next).equals(message as Buffer)) throw new Error(`message ${next} is another`)
    next += 1
    if (next === count) return
    await pauseAtRandom(random, 0.001)
  }
  throw new Error(`the channel closed after ${next} messages`)
}

async function sendAll(channel: Channel, pattern: Pattern, count: number, random: Random): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const message = pattern.message(index)
    if (random() < 0.3 || !channel.trySend(message)) await channel.send(message)
    await pauseAtRandom(random, 0.001)
  }
}

async function askAll(channel: Channel, pattern: Pattern, count: number, random: Random): Promise<void> {
  for (let index = 0; index < count; index += 10) {
    const asked = Array.from({ length: 10 }, (_, step) => pattern.message(index + step))
    const replies = await Promise.all(asked.map((message) => channel.request<Buffer>(message)))
    if (!replies.every((reply, at) => reply.equals(asked[at] as Buffer))) throw new Error(`a reply of ${index} is another`)
    await pauseAtRandom(random, 0.1)
  }
}
