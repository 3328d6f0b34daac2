import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { REQUESTS_OPEN_MAX } from '../../src/channel/outgoing-requests.js'
import { ErrorCode } from '../../src/errors.js'
import { eventually, turn } from '../support/turns.js'
import { sendUntilFull } from '../support/until-full.js'
import type { ChannelFixture } from './channel-fixture.js'

/** A note of a codec arrives before the messages that need it, even if messages between them are dropped. */
export function channelNotes(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`channel over ${name}: notes of the codec`, () => {
    it('arrive although their message found no room', async () => {
      const [left, right] = await fixture.join()
      const count = await fill(left)
      for (const value of [1, 2, 3]) expect(left.trySend({ refused: value })).toBe(false)
      // The note of the second message waits in order.
      expect(left.stats().outboxRecords).toBe(1)
      const drained = once(left, 'drain')
      const seen = readAll(right)
      await drained
      expect(left.trySend({ refused: 4 })).toBe(true)
      await left.close()
      // A slow machine delivers held messages in several turns, also after the close.
      await eventually(() => seen.length > count)
      expect(seen.length).toBe(count + 1)
      expect(seen.at(-1)).toEqual({ refused: 4 })
    })

    it('arrive although their send was cancelled', async () => {
      const [left, right] = await fixture.join()
      const count = await fill(left)
      for (const value of [1, 2, 3]) {
        await expect(left.send({ late: value }, { timeoutMs: 1 })).rejects.toMatchObject({
          code: ErrorCode.TIMEOUT,
        })
      }
      const seen = readAll(right)
      await left.send({ late: 4 })
      await left.close()
      await eventually(() => seen.length > count)
      expect(seen.slice(count)).toEqual([{ late: 4 }])
    })

    it('arrive before requests that were encoded long before they were sent', async () => {
      const [left, right] = await fixture.join()
      let release = (): void => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      right.handle(async (message) => {
        await released
        return { echo: message }
      })
      const seen = readAll(right)
      // Each shape occurs three times. Requests behind the limit wait, and messages of the same shapes overtake them.
      const sent = Array.from({ length: REQUESTS_OPEN_MAX + 60 }, (_, index) =>
        index < REQUESTS_OPEN_MAX - 30 ? index : { [`key${index % 20}`]: index },
      )
      const replies = sent.map((message) => left.request(message))
      const messages = sent.slice(-60)
      for (const message of messages) await left.send(message)
      release()
      expect(await Promise.all(replies)).toEqual(sent.map((message) => ({ echo: message })))
      await left.close()
      expect(seen).toEqual(messages)
    })

    it('do not interfere between the two sides, for any mix of calls', async () => {
      const ends = await fixture.join()
      const shapeOf = (index: number) => ({
        [`kind${index % 7}`]: index,
        rows: [{ [`row${index % 11}`]: index }, { [`row${index % 5}`]: -index }],
      })
      const count = 500
      await Promise.all(
        ends.map(async (end, side) => {
          const other = ends[1 - side] as Channel
          other.handle((message) => ({ [`reply${message.rows.length}`]: message }))
          const seen = readAll(other)
          const waits: Promise<unknown>[] = []
          for (let index = 0; index < count; index += 1) {
            const message = shapeOf(index + side)
            if (!end.trySend(message)) waits.push(end.send(message))
            const reply = end.request(message)
            waits.push(reply.then((value) => expect(value).toEqual({ reply2: message })))
            if (index % 50 === 0) await turn()
          }
          await Promise.all(waits)
          while (seen.length < count) await turn()
          expect(seen).toEqual(Array.from({ length: count }, (_, index) => shapeOf(index + side)))
        }),
      )
      await ends[0].close()
    })

    it('are sent with replies while the channel closes', async () => {
      const [left, right] = await fixture.join()
      let release = (): void => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      const running: unknown[] = []
      left.handle(async (index) => {
        running.push(index)
        await released
        return { late: index }
      })
      const replies = [1, 2, 3, 4].map((index) => right.request(index))
      while (running.length < 4) await turn()
      const closed = once(right, 'close')
      const closing = left.close()
      release()
      expect(await Promise.all(replies)).toEqual([1, 2, 3, 4].map((late) => ({ late })))
      await closing
      expect(await closed).toEqual([undefined])
    })

    it('are not sent after the end of the channel', async () => {
      const [left, right] = await fixture.join()
      const closed = once(right, 'close')
      const closing = left.close()
      for (let round = 0; round < 4; round += 1) {
        expect(() => left.trySend({ after: round })).toThrow(
          expect.objectContaining({ code: ErrorCode.CLOSED }) as Error,
        )
      }
      await closing
      expect(await closed).toEqual([undefined])
      for (let round = 0; round < 4; round += 1) expect(() => right.trySend({ after: round })).toThrow()
    })

    it('longer than maxMessageBytes are not sent: neither is the message', async () => {
      const [left, right] = await fixture.join({ maxMessageBytes: 20 })
      const seen = readAll(right)
      for (let round = 0; round < 6; round += 1) {
        expect(() => left.trySend({ 'a key of more than twenty bytes': round })).toThrow(
          expect.objectContaining({ code: ErrorCode.MESSAGE_TOO_LARGE }) as Error,
        )
        left.trySend({ key: round })
      }
      await left.close()
      expect(seen).toEqual([0, 1, 2, 3, 4, 5].map((key) => ({ key })))
    })
  })
}

/** Sends until not even a byte fits for a long time. Returns the number of accepted messages. */
function fill(channel: Channel): Promise<number> {
  return sendUntilFull(() => channel.trySend('x'.repeat(1_000)) || channel.trySend(0))
}

function readAll(channel: Channel): unknown[] {
  const seen: unknown[] = []
  channel.on('message', (message) => seen.push(message))
  return seen
}
