import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { eventually } from '../support/turns.js'
import { sendUntilFull } from '../support/until-full.js'
import { type ChannelFixture, ended } from './channel-fixture.js'

/** A loop that never ends would end the whole run; a starved one ends after this time. */
const LOOP_MS_MAX = 10_000

/** Everything makes progress: the event loop beside a busy channel, and calls that wait for each other. */
export function channelProgress(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`channel over ${name}: progress`, () => {
    it.each(['send', 'request'] as const)(
      'a loop of awaited calls leaves turns to timers, to signals and to incoming messages: %s',
      async (call) => {
        const [left, right] = await fixture.join()
        right.handle((value) => value)
        right.on('message', () => {})
        const controller = new AbortController()
        const { signal } = controller
        let ticks = 0
        let incoming = 0
        const timer = setInterval(() => {
          ticks += 1
          right.trySend('news')
          if (ticks >= 3 && incoming >= 3) controller.abort()
        }, 1)
        left.on('message', () => {
          incoming += 1
        })
        const endMs = performance.now() + LOOP_MS_MAX
        const loop = async (): Promise<void> => {
          while (performance.now() < endMs) await left[call]('x', { signal })
        }
        await expect(loop()).rejects.toMatchObject({ code: ErrorCode.ABORTED })
        clearInterval(timer)
      },
    )

    it('sends of one turn resolve in their order, also when the loop yields', async () => {
      const [left, right] = await fixture.join()
      right.on('message', () => {})
      const order: number[] = []
      const endMs = performance.now() + 5
      const sends: Promise<unknown>[] = []
      while (performance.now() < endMs && sends.length < 100_000) {
        const index = sends.length
        sends.push(left.send('x').then(() => order.push(index)))
      }
      await Promise.all(sends)
      expect(order.findIndex((value, index) => value !== index)).toBe(-1)
    })

    it.each([
      ['at once', (close: () => Promise<void>) => close().then(() => 'bye')],
      ['twice', (close: () => Promise<void>) => Promise.all([close(), close()]).then(() => 'bye')],
      [
        'without a wait',
        (close: () => Promise<void>) => {
          close().catch(() => {})
          return 'bye'
        },
      ],
    ])('close inside a handler does not wait for its own request: %s', async (_how, handler) => {
      const [left, right] = await fixture.join()
      right.handle(() => handler(() => right.close()))
      const closed = Promise.all([ended(left), ended(right)])
      expect(await left.request('quit')).toBe('bye')
      await closed
    })

    it('close inside a handler does not wait for other requests, which are still answered', async () => {
      const [left, right] = await fixture.join()
      let release = (): void => {}
      right.handle(async (message) => {
        if (message === 'quit') return right.close().then(() => 'bye')
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return 'done'
      })
      const slow = left.request('slow')
      expect(await left.request('quit')).toBe('bye')
      release()
      expect(await slow).toBe('done')
    })

    it('close inside a handler does not wait for a request that waits for this handler', async () => {
      const [left, right] = await fixture.join()
      left.handle(async () => {
        await left.close()
        return 'closed'
      })
      right.handle(async () => `${await right.request('call back')} and finished`)
      const closed = Promise.all([ended(left), ended(right)])
      expect(await left.request('job')).toBe('closed and finished')
      await closed
    })

    it('close inside a handler resolves when everything that was sent would arrive', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      right.handle(async (message) => {
        for (let index = 0; index < 40; index += 1) void right.send(Buffer.alloc(20_000, index))
        right.trySend(Buffer.alloc(1))
        await right.close()
        right.destroy()
        return message
      })
      const seen: number[] = []
      left.on('message', (message: Buffer) => seen.push(message[0] as number))
      const end = ended(left)
      await expect(left.request(Buffer.alloc(1))).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
      await end
      expect(seen.slice(0, 40)).toEqual(Array.from({ length: 40 }, (_, index) => index))
    })

    it('maxOutboxBytes: 0 allows one call to wait, although a note of the codec waits before it', async () => {
      const [left, right] = await fixture.join({ maxOutboxBytes: 0 })
      await left.send({ some: 1, keys: 2 })
      const filler = 'x'.repeat(1_000)
      await sendUntilFull(() => left.trySend(filler) || left.trySend(1))
      const sent = left.send({ some: 1, keys: 3 })
      await expect(left.send({ some: 1, keys: 4 })).rejects.toMatchObject({ code: ErrorCode.BACKLOG })
      right.on('message', () => {})
      await sent
    })

    it('maxOutboxBytes bounds the calls that wait, with BACKLOG, and loses none of the others', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes', maxOutboxBytes: 100_000 })
      const outcomes = await (async () => {
        const sends: Promise<unknown>[] = []
        for (let index = 0; index < 100_000; index += 1) {
          const message = Buffer.alloc(5_000, index)
          sends.push(
            left.send(message).then(
              () => index,
              (error: { code: string }) => error.code,
            ),
          )
          if (left.stats().outboxBytes > 95_000) break
        }
        expect(left.stats().outboxBytes).toBeLessThanOrEqual(100_000)
        sends.push(left.send(Buffer.alloc(10_000)).catch((error: { code: string }) => error.code))
        sends.push(left.request(Buffer.alloc(10_000)).catch((error: { code: string }) => error.code))
        let received = 0
        right.on('message', () => {
          received += 1
        })
        const all = await Promise.all(sends)
        await eventually(() => received === sends.length - 2)
        return all
      })()
      expect(outcomes.slice(-2)).toEqual([ErrorCode.BACKLOG, ErrorCode.BACKLOG])
      expect(outcomes.slice(0, -2)).toEqual(Array.from({ length: outcomes.length - 2 }, (_, index) => index))
      expect(left.stats().outboxBytes).toBe(0)
    })
  })
}
