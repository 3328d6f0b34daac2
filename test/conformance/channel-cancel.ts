import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { ErrorCode } from '../../src/errors.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { eventually, turn, turns } from '../support/turns.js'
import { sendUntilFull } from '../support/until-full.js'
import { type ChannelFixture, firstWrong, take } from './channel-fixture.js'

/** Requests of one side that may be open at once. */
const OPEN_MAX = 4096

/** Requests and sends that their caller cancels. */
export function channelCancel(fixture: ChannelFixture): void {
  const { name, pattern } = fixture

  /** Sends `count` requests and cancels them after `time`. */
  async function cancelRequests(
    channel: Channel,
    message: unknown,
    count: number,
    time: () => Promise<void>,
  ): Promise<void> {
    const controller = new AbortController()
    const { signal } = controller
    const waits = Array.from({ length: count }, () => channel.request(message, { signal }))
    const settled = Promise.allSettled(waits)
    await time()
    controller.abort()
    const reasons = (await settled).map((result) => (result.status === 'rejected' ? result.reason.code : ''))
    expect(new Set(reasons)).toEqual(new Set([ErrorCode.ABORTED]))
  }

  describe(`channel over ${name}: a cancelled request`, () => {
    it('frees its slot on both sides, although the handler never ends', async () => {
      const [left, right] = await fixture.join()
      let hanging = 0
      right.handle((message) => {
        if (message !== 'hang') return message
        hanging += 1
        return new Promise(() => {})
      })
      await cancelRequests(left, 'hang', OPEN_MAX + 1_000, () => eventually(() => hanging === OPEN_MAX))
      expect(await left.request('good')).toBe('good')
      await eventually(() => left.stats().requestsOpen === 0 && right.stats().requestsRunning === 0)
      // It waits for open requests, not for handlers.
      await left.close()
    })

    it('makes others fail with BACKLOG while twice as many handlers run, and succeed when they end', async () => {
      const [left, right] = await fixture.join()
      const ends: (() => void)[] = []
      right.handle((message) =>
        message === 'hang' ? new Promise<void>((resolve) => ends.push(resolve)) : message,
      )
      for (const running of [OPEN_MAX, 2 * OPEN_MAX])
        await cancelRequests(left, 'hang', OPEN_MAX, () => eventually(() => ends.length === running))
      await expect(left.request('good')).rejects.toMatchObject({
        code: ErrorCode.REMOTE,
        remoteCode: ErrorCode.BACKLOG,
      })
      for (const end of ends) end()
      await turn()
      expect(await left.request('good')).toBe('good')
      expect([left.open, right.open, ends.length]).toEqual([true, true, 2 * OPEN_MAX])
    })

    it('does not affect the replies of other requests in transit', async () => {
      const [left, right] = await fixture.join()
      const random = randomFrom(newSeed(`cancels over ${name}`))
      right.handle(async (value: number) => {
        await turns(value % 4)
        return value
      })
      const outcomes = Array.from({ length: 10_000 }, async (_, value) => {
        const controller = new AbortController()
        const wait = left.request<number>(value, { signal: controller.signal })
        if (random() < 0.5) void turns(integerFrom(random, 0, 6)).then(() => controller.abort())
        try {
          return (await wait) === value
        } catch (error) {
          return controller.signal.aborted && (error as { code?: string }).code === ErrorCode.ABORTED
        }
      })
      expect((await Promise.all(outcomes)).every((isRight) => isRight)).toBe(true)
      await eventually(() => left.stats().requestsOpen === 0 && right.stats().requestsRunning === 0)
      expect([left.open, right.open]).toEqual([true, true])
      await left.close()
    })

    it('does not pile up while the peer reads nothing', async () => {
      const [left, right] = await fixture.join({ codec: 'bytes' })
      const message = (index: number): Buffer => pattern.slice(index, 1_000)
      let asked = 0
      right.handle((value) => {
        asked += 1
        return value
      })
      // No consumer takes the messages.
      const count = await sendUntilFull((index) => left.trySend(message(index)))
      const { outboxRecords, requestsOpen } = left.stats()
      for (let round = 0; round < 5; round += 1) {
        await cancelRequests(left, message(0), 1_000, turn)
        const late = Array.from({ length: 1_000 }, () => left.send(message(0), { timeoutMs: 1 }))
        await Promise.allSettled(late)
      }
      expect(left.stats()).toMatchObject({ outboxRecords, requestsOpen })
      const last = left.send(message(count))
      expect(firstWrong(await take(right, count + 1), message)).toBe(-1)
      await last
      expect(asked).toBe(0)
      await left.close()
    })
  })
}
