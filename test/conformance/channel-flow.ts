import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import { turns } from '../support/turns.js'
import { sendUntilFull } from '../support/until-full.js'
import { type ChannelFixture, firstWrong, take } from './channel-fixture.js'

/** The bytes that a sender can send to a peer that does not read: rings, socket buffers, a receive queue. */
const UNREAD_BYTES_MAX = 32 * 1024 * 1024

/** Sends until there is no room for a long time. Returns the number of accepted messages. */
function fill(channel: Channel, message: (index: number) => Buffer): Promise<number> {
  let bytes = 0
  return sendUntilFull((index) => {
    const accepts = channel.trySend(message(index))
    if (accepts) bytes += message(index).length
    if (bytes > UNREAD_BYTES_MAX) throw new Error(`the channel took ${bytes} unread bytes`)
    return accepts
  })
}

/** Back-pressure: a receiver that does not read stops the sender. */
export function channelFlow(fixture: ChannelFixture): void {
  const { name, pattern } = fixture

  describe(`channel over ${name}: back-pressure`, () => {
    const message = (index: number): Buffer => pattern.slice(index, 1_000)

    it('stops the sender while the receiver does not read, and drain follows when it does', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      const count = await fill(left, message)
      const drained = once(left, 'drain')
      const taken = take(right, count)
      await drained
      expect(firstWrong(await taken, message)).toBe(-1)
      expect(left.trySend(message(0))).toBe(true)
    })

    it('stops the sender while the loop of the receiver is busy', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      const loop = right[Symbol.asyncIterator]()
      const count = await fill(left, message)
      for (let index = 0; index < count; index += 1) {
        const { value } = await loop.next()
        if (!(value as Buffer).equals(message(index))) throw new Error(`message ${index} is another`)
      }
      await loop.return?.()
    })

    it('stops both senders at once, and both continue', async () => {
      const ends = await fixture.join({ codec: 'bytes' })
      const counts = await Promise.all(ends.map((end) => fill(end, message)))
      const taken = await Promise.all(ends.map((end, index) => take(end, counts[1 - index] as number)))
      for (const messages of taken) expect(firstWrong(messages, message)).toBe(-1)
      for (const end of ends) expect(end.trySend(message(0))).toBe(true)
    })

    it('stops and continues an unreferenced side, which can be referenced meanwhile', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      left.unref()
      // A process that waits only for this side would end.
      const timer = setInterval(() => {}, 1_000)
      for (const change of ['none', 'ref', 'unref'] as const) {
        const sends = Array.from({ length: 200 }, (_, index) => left.send(pattern.slice(index, 20_000)))
        await turns(20)
        if (change !== 'none') left[change]()
        const taken = await take(right, 200)
        await Promise.all(sends)
        expect(firstWrong(taken, (index) => pattern.slice(index, 20_000))).toBe(-1)
      }
      clearInterval(timer)
    })

    it('delivers everything that an unreferenced side has accepted before it closes', async () => {
      for (const closer of [0, 1] as const) {
        const pair = await fixture.join({ codec: 'bytes' })
        const [left, right] = pair
        left.unref()
        const timer = setInterval(() => {}, 1_000)
        const count = await fill(left, message)
        const closed = pair[closer].close()
        const taken: Buffer[] = []
        for await (const bytes of right) taken.push(bytes as Buffer)
        await closed
        clearInterval(timer)
        expect(taken.length).toBe(count)
        expect(firstWrong(taken, message)).toBe(-1)
      }
    })

    it('keeps send waiting in the order of the calls, and cancels it by its signal', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      const count = await fill(left, message)
      const controller = new AbortController()
      // The first send may have written a part; those behind it have not.
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
}
