import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import type { CodecName } from '../../src/codec/codec.js'
import { ErrorCode } from '../../src/errors.js'
import { eventually, turn, turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { type ChannelFixture, firstWrong, MESSAGE_BYTES_MAX, RING_BYTES, take } from './channel-fixture.js'

/** Messages: codecs, order, sizes, and ownership of their memory. */
export function channelMessages(fixture: ChannelFixture): void {
  const { inlineBytesMax, name, pattern } = fixture

  describe(`channel over ${name}: messages`, () => {
    it('report the transport', async () => {
      for (const channel of await fixture.join()) expect(channel.transport).toBe(fixture.transport)
    })

    it.each([
      ['msgpack', [1, 'ü', null, true, { list: [1.5, -3, 2 ** 40], bytes: Buffer.from('abc') }]],
      ['json', [1, 'ü', null, true, { list: [1.5, -3, 2 ** 40], nested: { a: '' } }]],
      ['v8', [1, 'ü', undefined, 10n ** 30n, new Map([[1, new Set(['x'])]]), new Date(7), /r/g]],
      ['bytes', [Buffer.alloc(0), Buffer.from('abc'), Buffer.alloc(200_000, 7)]],
    ] as [CodecName, unknown[]][])('arrive unchanged through codec %s', async (codec, values) => {
      const ends = await fixture.join({ codec })
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

    it('keep the order of the calls, for any mix of calls', async () => {
      const [left, right] = await fixture.join()
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
      const [left, right] = await fixture.join({ codec: 'bytes' })
      right.handle((message) => message)
      const sending = left.send(pattern.slice(1, bytes))
      const reply = left.request<Buffer>(pattern.slice(2, bytes))
      const [message] = await take(right, 1)
      await sending
      expect(message?.equals(pattern.slice(1, bytes))).toBe(true)
      expect((await reply).equals(pattern.slice(2, bytes))).toBe(true)
      await left.close()
    })

    it('longer than maxMessageBytes are refused by every call, and the channel stays open', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
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
      'of %i bytes may be overwritten right after trySend',
      async (bytes) => {
        const [left, right] = await fixture.join({ codec: 'bytes' })
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

    it('never change later, however many are kept', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      const count = 8_000
      const sending = (async () => {
        for (let index = 0; index < count; index += 1) await left.send(pattern.message(index))
      })()
      const kept = await take(right, count)
      await sending
      expect(firstWrong(kept, (index) => pattern.message(index))).toBe(-1)
    })

    it('continue after a listener has thrown', async () => {
      const [left, right] = await fixture.join()
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

    it.each([
      ['short', 8],
      ['long', 3 * RING_BYTES],
    ])('reach the listeners of batches although a listener throws: the last one, %s', async (_, bytes) => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      const batches: number[] = []
      const listen = (): void => {
        right.on('message', () => {
          throw new Error('no')
        })
        right.on('messages', (messages: Buffer[]) => batches.push(messages.length))
      }
      const thrown = await collectUncaught(async () => {
        // One message is held, because there is no listener yet, and one is not.
        await left.send(Buffer.alloc(bytes))
        await turns(20)
        listen()
        await eventually(() => batches.length === 1)
        await left.send(Buffer.alloc(bytes))
        await eventually(() => batches.length === 2)
      })
      expect(batches).toEqual([1, 1])
      expect(thrown).toHaveLength(2)
      await left.close()
    })

    it('do not delay the reply and the close behind them when a listener of batches throws', async () => {
      const [left, right] = await fixture.join()
      const thrown = await collectUncaught(async () => {
        right.on('messages', () => {
          throw new Error('no')
        })
        left.handle(async (count: number) => {
          for (let index = 0; index < count; index += 1) left.trySend(index)
          return count
        })
        for (const count of [1, 3, 100]) expect(await right.request(count, { timeoutMs: 20_000 })).toBe(count)
        left.trySend('last')
        await left.close({ timeoutMs: 20_000 })
      })
      expect(thrown.length).toBeGreaterThan(0)
    })

    it.each(['adaptive', 'sleep', 'spin'] as const)(
      "of a burst longer than a turn all arrive, and the reply behind them, with wait: '%s'",
      async (wait) => {
        const [left, right] = await fixture.join({ wait })
        let seen = 0
        right.on('message', () => {
          seen += 1
          for (const endMs = performance.now() + 0.1; performance.now() < endMs; );
        })
        right.handle(() => seen)
        // Both sides sleep before each burst: the gap is longer than any polling.
        for (let round = 1; round <= 6; round += 1) {
          await new Promise((resolve) => setTimeout(resolve, 5))
          for (let index = 0; index < 200; index += 1) await left.send(index)
          expect(await left.request('how many', { timeoutMs: 20_000 })).toBe(200 * round)
        }
        await left.close()
      },
    )

    it('reach a listener that replaces another between two messages', async () => {
      const [left, right] = await fixture.join()
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
}
