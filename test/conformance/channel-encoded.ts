import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { encodeOnce } from '../../src/channel/encoded-message.js'
import { SHAPES_MAX } from '../../src/codec/tree-format.js'
import { ErrorCode } from '../../src/errors.js'
import type { ChannelFixture } from './channel-fixture.js'

/** `encodeOnce`: every channel delivers the message as if it had encoded it. */
export function channelEncoded(fixture: ChannelFixture): void {
  const { name } = fixture
  const next = async (channel: Channel): Promise<unknown> => (await once(channel, 'message'))[0]

  /** Sends a message on one channel and resolves to what arrives on the other. */
  async function through([left, right]: readonly [Channel, Channel], message: unknown): Promise<unknown> {
    const arrived = next(right)
    await left.send(message)
    return arrived
  }

  describe(`channel over ${name}: messages that are encoded once`, () => {
    it('arrive by every call that sends', async () => {
      const [left, right] = await fixture.join()
      const value = { id: 1, tags: ['a', 'b'] }
      const message = encodeOnce(value)
      right.handle((request) => [request, message])
      left.handle((request) => request)
      const trySend = async (): Promise<void> => {
        expect(left.trySend(message)).toBe(true)
      }
      const sendCorked = async (): Promise<void> => {
        left.cork()
        expect(left.trySend(message)).toBe(true)
        left.uncork()
      }
      for (const send of [() => left.send(message), trySend, sendCorked]) {
        const arrived = next(right)
        await send()
        expect(await arrived).toEqual(value)
      }
      right.handle(() => message)
      expect(await left.request(message)).toEqual(value)
      expect(await right.request(message)).toEqual(value)
    })

    it('arrive on channels that have announced other shapes, and more often than once', async () => {
      const pairs = await Promise.all(Array.from({ length: 3 }, () => fixture.join()))
      // The ids of the shapes differ from channel to channel.
      for (const [index, pair] of pairs.entries())
        for (let shape = 0; shape < index; shape += 1)
          for (let count = 0; count < 3; count += 1)
            expect(await through(pair, { [`own${shape}`]: count })).toEqual({ [`own${shape}`]: count })
      for (let round = 0; round < 4; round += 1) {
        const value = { round, inner: { left: round, right: [{ deep: round }, { deep: -round }] } }
        const message = encodeOnce(value)
        for (const pair of pairs) {
          expect(await through(pair, message)).toEqual(value)
          expect(await through(pair, value)).toEqual(value)
        }
      }
    })

    it('arrive on a channel that cannot announce their shapes', async () => {
      const pair = await fixture.join()
      const [left, right] = pair
      let count = 0
      const all = new Promise<void>((resolve) => {
        right.on('message', () => {
          count += 1
          if (count === 2 * SHAPES_MAX) resolve()
        })
      })
      for (let index = 0; index < 2 * SHAPES_MAX; index += 1)
        await left.send({ [`key${index >> 1}`]: index, other: index })
      await all
      right.removeAllListeners('message')
      for (let round = 0; round < 3; round += 1) {
        const value = { round, unannounced: { bytes: Buffer.from('bytes'), list: [1, 2, 3] } }
        expect(await through(pair, encodeOnce(value))).toEqual(value)
      }
    })

    it('keep references, deep values and every other value', async () => {
      const pair = await fixture.join()
      const cyclic: Record<string, unknown> = { name: 'cyclic', item: { name: 'item', item: undefined } }
      cyclic['self'] = cyclic
      let deep: unknown = { end: true }
      for (let depth = 0; depth < 300; depth += 1) deep = { deep }
      const values = [undefined, null, 1n << 80n, 'text', new Map([[{ a: 1 }, new Set([2])]]), cyclic, deep]
      for (const value of values)
        for (let count = 0; count < 3; count += 1)
          expect(await through(pair, encodeOnce(value))).toEqual(value)
    })

    it('do not change with their value', async () => {
      const pair = await fixture.join({ codec: 'bytes' })
      const bytes = Buffer.from('before')
      const message = encodeOnce(bytes, 'bytes')
      bytes.fill('x')
      expect(await through(pair, message)).toEqual(Buffer.from('before'))
      expect(message.byteLength).toBe(6)
    })

    it('have memory of their own at each receiver', async () => {
      const first = await fixture.join()
      const pairs = [first, await fixture.join()]
      const message = encodeOnce({ bytes: Buffer.from('unchanged') })
      const received: unknown[] = []
      for (const pair of pairs) received.push(await through(pair, message))
      ;(received[0] as { bytes: Buffer }).bytes.fill('x')
      expect(received[1]).toEqual({ bytes: Buffer.from('unchanged') })
      expect(await through(first, message)).toEqual({ bytes: Buffer.from('unchanged') })
    })

    it('wait for room, and arrive whole', async () => {
      const [left, right] = await fixture.join({ codec: 'json' })
      const value = { text: 'a'.repeat(30_000) }
      const message = encodeOnce(value, 'json')
      const count = 40
      const sent = Array.from({ length: count }, () => left.send(message))
      let arrived = 0
      for await (const one of right) {
        expect(one).toEqual(value)
        arrived += 1
        if (arrived === count) break
      }
      await Promise.all(sent)
    })

    it('are refused with another codec, and beyond maxMessageBytes', async () => {
      const [left, right] = await fixture.join({ maxMessageBytes: 1000 })
      const refusal = (message: unknown): Promise<unknown> =>
        left.send(message).then(
          () => 'sent',
          (error: unknown) => error,
        )
      expect(await refusal(encodeOnce({ a: 1 }, 'json'))).toMatchObject({
        code: ErrorCode.CODEC,
        message:
          'codec msgpack cannot encode the message: encodeOnce encoded it with json; encode it for the codec of this channel',
      })
      expect(await refusal(encodeOnce('a'.repeat(1000)))).toMatchObject({
        code: ErrorCode.MESSAGE_TOO_LARGE,
      })
      expect(await through([left, right], encodeOnce('short'))).toBe('short')
    })
  })
}
