import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import { eventually, turns } from '../support/turns.js'
import type { ChannelFixture } from './channel-fixture.js'

const integers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const refused = expect.objectContaining({ code: ErrorCode.INVALID_STATE }) as Error

/** The events of a channel, in their order. */
function eventsOf(channel: Channel): unknown[] {
  const events: unknown[] = []
  channel.on('message', (message) => events.push(message))
  channel.on('end', () => events.push('end'))
  channel.on('close', (error) => events.push(error === undefined ? 'close' : 'error'))
  return events
}

/** Pauses of the listeners, and the end of the messages of one side. */
export function channelHalfClose(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`channel over ${name}: half-close`, () => {
    it('end follows the messages, and the other side can still send', async () => {
      const [left, right] = await fixture.join()
      const events = eventsOf(right)
      const sends = integers(1_000).map((value) => left.send(value))
      left.end()
      left.end()
      await Promise.all(sends)
      await eventually(() => events.length > 1_000)
      expect(events).toEqual([...integers(1_000), 'end'])
      const answer = once(left, 'message')
      await right.send('still here')
      expect(await answer).toEqual(['still here'])
      await left.close()
      await eventually(() => events.length > 1_001)
      expect(events.at(-1)).toBe('close')
    })

    it('refuses the messages, requests and claims of the ended side, which answers requests', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      left.handle((message) => message)
      left.end()
      expect(() => left.trySend(Buffer.alloc(1))).toThrow(refused)
      expect(() => left.claim(1)).toThrow(refused)
      await expect(left.send(Buffer.alloc(1))).rejects.toEqual(refused)
      await expect(left.request(Buffer.alloc(1))).rejects.toEqual(refused)
      await once(right, 'end')
      expect(await right.request(Buffer.from('x'))).toEqual(Buffer.from('x'))
      await right.close()
      expect(() => left.trySend(Buffer.alloc(1))).toThrow(
        expect.objectContaining({ code: ErrorCode.CLOSED }) as Error,
      )
    })

    it('ends a loop after the last message, and a loop that begins later', async () => {
      const [left, right] = await fixture.join()
      for (const value of integers(100)) left.trySend(value)
      left.end()
      const seen: unknown[] = []
      for await (const message of right) seen.push(message)
      expect(seen).toEqual(integers(100))
      for await (const message of right) seen.push(message)
      expect(seen.length).toBe(100)
      expect(right.open).toBe(true)
    })

    it('awaits the open requests of the ended side', async () => {
      const [left, right] = await fixture.join()
      right.handle(async (value) => {
        await turns(10)
        return value
      })
      const replies = integers(50).map((value) => left.request(value))
      left.end()
      expect(await Promise.all(replies)).toEqual(integers(50))
      await left.close()
    })

    it('emits end before close when messages wait for a listener, and not after a destroy', async () => {
      const [left, right] = await fixture.join()
      left.trySend(1)
      left.end()
      await left.close()
      const events = eventsOf(right)
      await eventually(() => events.length === 3)
      expect(events).toEqual([1, 'end', 'close'])

      const [other, destroyed] = await fixture.join()
      other.trySend(1)
      other.end()
      await eventually(() => destroyed.stats().messagesReceived === 1)
      destroyed.destroy()
      const later = eventsOf(destroyed)
      await eventually(() => later.length > 0)
      expect(later).toEqual(['close'])
    })

    it('completes when both sides end and close', async () => {
      const ends = await fixture.join()
      const events = ends.map(eventsOf)
      for (const end of ends) end.trySend('x')
      for (const end of ends) end.end()
      await Promise.all(ends.map((end) => end.close()))
      await eventually(() => events.every((list) => list.includes('close')))
      expect(events).toEqual([
        ['x', 'end', 'close'],
        ['x', 'end', 'close'],
      ])
    })
  })

  describe(`channel over ${name}: pause and resume`, () => {
    it('stops the listeners until resume, in the order of the messages', async () => {
      const [left, right] = await fixture.join()
      const seen: unknown[] = []
      right.on('message', (message) => {
        seen.push(message)
        if (message === 10) right.pause()
      })
      const batches: unknown[] = []
      right.on('messages', (batch) => batches.push(...batch))
      for (const value of integers(100)) left.trySend(value)
      await eventually(() => right.stats().messagesReceived === 100)
      await turns(5)
      expect([seen, batches]).toEqual([integers(11), integers(11)])
      right.resume()
      await eventually(() => batches.length === 100)
      expect([seen, batches]).toEqual([integers(100), integers(100)])
    })

    it('stops the sender, and requests and replies continue until then', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      let received = 0
      right.on('message', () => {
        received += 1
      })
      right.handle((message) => message)
      right.pause()
      for (let index = 0; index < 100; index += 1) left.trySend(Buffer.alloc(10))
      expect(await left.request(Buffer.from('x'))).toEqual(Buffer.from('x'))
      let sent = 100
      for (let refusals = 0; refusals < 50; ) {
        if (left.trySend(Buffer.alloc(1_000))) {
          sent += 1
          refusals = 0
        } else {
          refusals += 1
          await turns(1)
        }
      }
      expect(received).toBe(0)
      const drained = once(left, 'drain')
      right.resume()
      await drained
      await eventually(() => received === sent)
    })

    it('lets a loop take messages, and keeps them from listeners afterwards', async () => {
      const [left, right] = await fixture.join()
      const seen: unknown[] = []
      right.on('message', (message) => seen.push(message))
      right.pause()
      for (const value of integers(10)) left.trySend(value)
      for await (const message of right) if (message === 4) break
      await turns(10)
      expect(seen).toEqual([])
      right.resume()
      await eventually(() => seen.length === 5)
      expect(seen).toEqual([5, 6, 7, 8, 9])
    })

    it('does not hold up a close of either side', async () => {
      for (const closer of [0, 1] as const) {
        const pair = await fixture.join()
        const events = eventsOf(pair[1])
        pair[1].pause()
        for (const value of integers(100)) pair[0].trySend(value)
        await eventually(() => pair[1].stats().messagesReceived === 100)
        await pair[closer].close()
        await turns(5)
        expect(events).toEqual([])
        pair[1].resume()
        await eventually(() => events.length > 100)
        expect(events).toEqual([...integers(100), 'close'])
      }
    })
  })
}
