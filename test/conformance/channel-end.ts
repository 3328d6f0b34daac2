import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import { turn, turns } from '../support/turns.js'
import { type ChannelFixture, firstWrong, MESSAGE_BYTES_MAX } from './channel-fixture.js'

/** The end of a channel with pending calls. */
export function channelEnd(fixture: ChannelFixture): void {
  const { name, pattern } = fixture

  describe(`channel over ${name}: the end`, () => {
    it('close delivers sent messages and awaits open requests', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      right.handle(async (value: Buffer) => {
        await turns(5)
        return value
      })
      const sends = Array.from({ length: 300 }, (_, index) => left.send(pattern.message(index)))
      const replies = Array.from({ length: 50 }, (_, index) =>
        left.request<Buffer>(pattern.slice(index, 3_000)),
      )
      const closing = left.close()
      expect(() => left.trySend(Buffer.alloc(1))).toThrow(
        expect.objectContaining({ code: ErrorCode.CLOSED }) as Error,
      )
      const taken: Buffer[] = []
      for await (const message of right) taken.push(message)
      await Promise.all([...sends, closing])
      expect(taken.length).toBe(300)
      expect(firstWrong(taken, (index) => pattern.message(index))).toBe(-1)
      expect(firstWrong(await Promise.all(replies), (index) => pattern.slice(index, 3_000))).toBe(-1)
    })

    it('close completes on both sides at once under load', async () => {
      for (let round = 0; round < 20; round += 1) {
        const ends = await fixture.join({ codec: 'bytes' })
        const seen = ends.map(() => 0)
        for (const [index, end] of ends.entries()) {
          end.on('message', () => {
            seen[index] = (seen[index] as number) + 1
          })
          end.handle(() => turn().then(() => Buffer.alloc(10)))
        }
        const pending = ends.flatMap((end) =>
          Array.from({ length: 50 }, (_, index) => [
            end.send(pattern.message(index)),
            end.request(pattern.slice(1, 10)),
          ]),
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

    it('destroy rejects all pending calls, with CLOSED here and PEER_GONE at the peer', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
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
      // The long messages are not read, so some sends wait on both sides.
      await turns(20)
      left.destroy()
      const codes = (results: PromiseSettledResult<unknown>[]): unknown[] =>
        results.flatMap((result) =>
          result.status === 'rejected' ? [(result.reason as { code: string }).code] : [],
        )
      const [here, there] = [codes(await leftPending), codes(await rightPending)]
      expect(here.length).toBeGreaterThan(1)
      expect(new Set(here)).toEqual(new Set([ErrorCode.CLOSED]))
      expect(there.length).toBeGreaterThan(1)
      expect(new Set(there)).toEqual(new Set([ErrorCode.PEER_GONE]))
      // The event waits for a consumer of the messages that are held.
      right.on('message', () => {})
      expect(await rightClosed).toMatchObject({ code: ErrorCode.PEER_GONE })
      expect(errors).toMatchObject([{ code: ErrorCode.PEER_GONE }])
    })

    it('delivers messages before the destroy of the peer to a loop, which then throws PEER_GONE', async () => {
      const [left, right] = await fixture.join()
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

    it('destroy succeeds inside a listener, a handler or a drain', async () => {
      for (const where of ['message', 'handler', 'drain'] as const) {
        const [left, right] = await fixture.join({ codec: 'bytes' })
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

    it('leaves no open request in the counters', async () => {
      const [left, right] = await fixture.join()
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
}

/** The error of the `close` event. Not `once` of node:events, which would listen for `error` too. */
function closeOf(channel: Channel): Promise<Error | undefined> {
  return new Promise((resolve) => {
    channel.once('close', resolve)
  })
}
