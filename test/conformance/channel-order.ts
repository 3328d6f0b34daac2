import { EventEmitter, once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import { eventually, turn, turns } from '../support/turns.js'
import { type ChannelFixture, ended } from './channel-fixture.js'

const integers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** Sends `count` messages, and resolves when all of them are sent. */
async function sendAll(channel: Channel, count: number): Promise<void> {
  await Promise.all(integers(count).map((value) => channel.send(value)))
}

/** The promises about the last messages of a peer, and about what arrives before the program listens. */
export function channelOrder(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`channel over ${name}: the end and held messages`, () => {
    it.each(['close', 'destroy'] as const)(
      'close follows messages that wait for a listener: %s',
      async (how) => {
        const [left, right] = await fixture.join()
        const events: unknown[] = []
        right.on('close', (error) =>
          events.push(error === undefined ? 'close' : (error as { code?: string }).code),
        )
        await sendAll(left, 10)
        if (how === 'close') await left.close()
        else left.destroy()
        await turns(20)
        expect(events).toEqual([])
        right.on('message', (message) => events.push(message))
        await eventually(() => events.length > 10)
        expect(events).toEqual([...integers(10), how === 'close' ? 'close' : ErrorCode.PEER_GONE])
      },
    )

    it('a program that calls once in a loop gets every message, then the end', async () => {
      const [left, right] = await fixture.join()
      const end = once(right, 'close').then(() => 'end')
      const seen: unknown[] = []
      const loop = (async () => {
        for (;;) {
          const what = await Promise.race([once(right, 'message'), end])
          if (what === 'end') break
          seen.push(what[0])
          await turns(3)
        }
      })()
      await sendAll(left, 10)
      await left.close()
      await loop
      expect(seen).toEqual(integers(10))
    })

    it('does not hold up close(), whose promise resolves while messages wait', async () => {
      const [left, right] = await fixture.join()
      let closed = false
      right.on('close', () => {
        closed = true
      })
      left.trySend(1)
      await Promise.all([left.close(), right.close()])
      expect(closed).toBe(false)
      right.destroy()
      await eventually(() => closed)
    })

    it('a loop that begins after the end takes the messages, and close comes at its begin', async () => {
      const [left, right] = await fixture.join()
      const end = ended(right)
      await sendAll(left, 5)
      await left.close()
      await turns(10)
      const seen: unknown[] = []
      for await (const message of right) seen.push(message)
      await end
      expect(seen).toEqual(integers(5))
    })

    it('listeners get what a loop has left, before close', async () => {
      const [left, right] = await fixture.join()
      await sendAll(left, 5)
      await left.close()
      await turns(10)
      const events: unknown[] = []
      right.on('close', () => events.push('close'))
      for await (const message of right) {
        events.push(message)
        break
      }
      right.on('message', (message) => events.push(message))
      await turns(10)
      expect(events).toEqual([0, 1, 2, 3, 4, 'close'])
    })

    it.each(['on', 'once', 'prependListener', 'events.once'] as const)(
      'a listener of close that comes after it is called, once: %s',
      async (how) => {
        const [left, right] = await fixture.join()
        const end = ended(right)
        left.destroy()
        await end
        const errors: unknown[] = []
        if (how === 'events.once') errors.push(...((await once(right, 'close')) as unknown[]))
        else right[how]('close', (error) => errors.push(error))
        await turn()
        expect(errors).toMatchObject([{ code: ErrorCode.PEER_GONE }])
        expect(EventEmitter.listenerCount(right, 'close')).toBe(
          how === 'on' || how === 'prependListener' ? 1 : 0,
        )
      },
    )
  })

  describe(`channel over ${name}: listeners of close`, () => {
    it('are called once when a listener of error adds them', async () => {
      const [left, right] = await fixture.join()
      let calls = 0
      right.on('error', () =>
        right.on('close', () => {
          calls += 1
        }),
      )
      const end = ended(right)
      left.destroy()
      await end
      await turns(3)
      expect(calls).toBe(1)
    })

    it('are called although all listeners were removed after the end', async () => {
      const [left, right] = await fixture.join()
      const end = ended(right)
      left.destroy()
      await end
      right.removeAllListeners()
      await once(right, 'close')
    })
  })

  describe(`channel over ${name}: sends that have resolved`, () => {
    it('arrive although the sender is destroyed', async () => {
      const [left, right] = await fixture.join()
      const seen: unknown[] = []
      right.on('message', (message) => seen.push(message))
      const end = ended(right)
      await sendAll(left, 1_000)
      left.destroy()
      await end
      expect(seen).toEqual(integers(1_000))
    })

    it('arrive although the receiver writes before it reads', async () => {
      const [left, right] = await fixture.join()
      const seen: unknown[] = []
      right.on('message', (message) => seen.push(message))
      const end = ended(right)
      await sendAll(left, 100)
      left.destroy()
      // In the same turn, before this side can read what has arrived.
      right.trySend('late')
      await end
      expect(seen).toEqual(integers(100))
    })

    it('are awaited: a call is pending until the peer would get the message', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      const states = integers(200).map(() => 'pending')
      for (const index of states.keys())
        left.send(Buffer.alloc(200_000, index)).then(
          () => {
            states[index] = 'sent'
          },
          () => {
            states[index] = 'failed'
          },
        )
      await turns(20)
      left.destroy()
      const sent = states.filter((state) => state === 'sent').length
      expect(sent).toBeGreaterThan(0)
      expect(sent).toBeLessThan(200)
      const seen: number[] = []
      right.on('message', (message: Buffer) => seen.push(message[0] as number))
      await ended(right)
      expect(seen.slice(0, sent)).toEqual(integers(sent).map((value) => value & 0xff))
    })

    it('the death of the peer is noticed while no consumer takes the messages', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      const pending = expect(right.request(Buffer.alloc(1))).rejects.toMatchObject({
        code: ErrorCode.PEER_GONE,
      })
      // More than a side holds, and less than a ring.
      for (const [count, bytes] of [
        [260, 10],
        [40, 1_000],
      ] as const) {
        for (let index = 0; index < count; index += 1) expect(left.trySend(Buffer.alloc(bytes))).toBe(true)
        await eventually(() => right.stats().messagesReceived >= 256)
        await turns(5)
      }
      left.destroy()
      await pending
      expect(right.open).toBe(false)
    })
  })

  describe(`channel over ${name}: requests before the first handler`, () => {
    it('wait for it, and are answered in their order', async () => {
      const [left, right] = await fixture.join()
      const order: unknown[] = []
      const replies = integers(200).map((value) => left.request(value))
      await eventually(() => right.stats().requestsRunning === 200)
      right.handle((message) => {
        order.push(message)
        return message
      })
      expect(order).toEqual([])
      expect(await Promise.all([...replies, left.request(200)])).toEqual(integers(201))
      expect(order).toEqual(integers(201))
    })

    it('are bounded: beyond 256 requests or 256 KiB, they fail with NO_HANDLER', async () => {
      for (const [count, bytes, held] of [
        [300, 10, 256],
        [100, 8_000, 32],
      ] as const) {
        const [left, right] = await fixture.join({ codec: 'bytes' })
        const replies = integers(count).map((value) =>
          left.request<Buffer>(Buffer.alloc(bytes, value)).then(
            (reply) => reply.length,
            (error: { code: string }) => error.code,
          ),
        )
        await eventually(() => right.stats().messagesReceived === count)
        right.handle((message) => message)
        expect(await Promise.all(replies)).toEqual(
          integers(count).map((index) => (index < held ? bytes : ErrorCode.NO_HANDLER)),
        )
      }
    })

    it('do not limit the requests after it, and keep the order', async () => {
      const [left, right] = await fixture.join()
      const held = integers(100).map((value) => left.request(value))
      await eventually(() => right.stats().requestsRunning === 100)
      const order: unknown[] = []
      right.handle((message) => {
        const endMs = performance.now() + 1
        while (performance.now() < endMs);
        order.push(message)
        return message
      })
      await turn()
      const later = integers(400).map((value) => left.request(100 + value))
      expect(await Promise.all([...held, ...later])).toEqual(integers(500))
      expect(order).toEqual(integers(500))
    })

    it('are answered by a side that closes after it has set the handler', async () => {
      const [left, right] = await fixture.join()
      const held = integers(20).map((value) => left.request(value))
      await eventually(() => right.stats().requestsRunning === 20)
      right.handle((message) => message)
      await right.close()
      expect(await Promise.all(held)).toEqual(integers(20))
    })

    it('fail with NO_HANDLER when the program sets none, or removes it', async () => {
      const [left, right] = await fixture.join()
      const early = left.request(1)
      await eventually(() => right.stats().requestsRunning === 1)
      right.handle(undefined)
      await expect(early).rejects.toMatchObject({ code: ErrorCode.NO_HANDLER })
      await expect(left.request(2)).rejects.toMatchObject({ code: ErrorCode.NO_HANDLER })
    })

    it('can be cancelled, and do not hold up a close of either side', async () => {
      for (const closer of [0, 1] as const) {
        const pair = await fixture.join()
        const [left, right] = pair
        const cancelled = left.request(1, { timeoutMs: 1 })
        await expect(cancelled).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
        await eventually(() => right.stats().requestsRunning === 0)
        if (closer === 0) {
          await pair[closer].close()
          continue
        }
        const refused = expect(left.request(2)).rejects.toMatchObject({ code: ErrorCode.CLOSED })
        await eventually(() => right.stats().requestsRunning === 1)
        await pair[closer].close()
        await refused
      }
    })
  })
}
