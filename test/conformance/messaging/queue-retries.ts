import { describe, expect, it } from 'vitest'
import type { JobContext } from '../../../src/messaging/queue/types.js'
import { waitFor } from '../../support/wait-for.js'
import { FAST, Log, type QueueFixture } from './queue-fixture.js'

/** Jobs that fail. */
export function queueRetries(fixture: QueueFixture): void {
  const { features } = fixture

  describe('retries', () => {
    it('runs a failed job again, and counts the attempts', async () => {
      const { client, place } = await fixture.queue()
      const attempts = new Log<number>()
      const worker = await place.work((_job, context) => {
        attempts.add(context.attempt)
        if (context.attempt < 3) throw new Error(`attempt ${context.attempt}`)
      })
      const failures = new Log<{ error: Error; job: unknown; context: JobContext }>()
      worker.on('failed', (error, job, context) => failures.add({ error, job, context }))
      await client.push({ number: 1 })
      await attempts.atLeast(3)
      expect(attempts.items).toEqual([1, 2, 3])
      expect(failures.items.map(({ error, job, context }) => [error.message, job, context.attempt])).toEqual([
        ['attempt 1', { number: 1 }, 1],
        ['attempt 2', { number: 1 }, 2],
      ])
    })

    it.skipIf(!features.deadJobs)(
      'keeps a job that failed in all attempts, until it is revived',
      async () => {
        const { client, queue, place } = await fixture.queue({ attempts: 2 })
        const log = new Log<number>()
        let fails = true
        await place.work(async (_job, { attempt }) => {
          log.add(attempt)
          if (fails) throw new TypeError('no\nway')
        })
        await client.push('bad', { id: 'bad', headers: { a: 'b' } })
        await waitFor(async () => expect((await client.stats()).dead).toBe(1))
        const dead = {
          job: 'bad',
          id: 'bad',
          attempts: 2,
          reason: 'TypeError: no\\nway',
          headers: { a: 'b' },
        }
        expect(await client.deadJobs()).toEqual([dead])
        expect(await queue.deadJobs()).toEqual([dead])
        fails = false
        expect(await client.retryDead(['another'])).toBe(0)
        expect(await client.retryDead(['bad'])).toBe(1)
        await log.atLeast(3)
        expect(log.items).toEqual([1, 2, 1])
        await waitFor(async () => expect(await client.stats()).toMatchObject({ dead: 0, completed: 1 }))
      },
    )

    it.skipIf(!features.deadJobs)(
      'returns dead jobs oldest first, up to the limit, and drops older ones',
      async () => {
        const { client, place } = await fixture.queue({ attempts: 1, maxDead: 5 })
        await place.work(() => {
          throw new Error('no')
        })
        for (let index = 0; index < 8; index += 1) {
          await client.push(index)
          await waitFor(async () => expect((await client.stats()).failed).toBe(index + 1), { interval: 2 })
        }
        expect((await client.deadJobs()).map(({ job }) => job)).toEqual([3, 4, 5, 6, 7])
        expect((await client.deadJobs(2)).map(({ job }) => job)).toEqual([3, 4])
      },
    )

    it.skipIf(!features.jobOptions)('prefers the options of a push to those of the queue', async () => {
      const { client, place } = await fixture.queue({ attempts: 50, timeLimitMs: 86_400_000 })
      const log = new Log<[number, number, number]>()
      await place.work(async (_job, context) => {
        log.add([context.attempt, context.attempts, context.remainingMs])
        throw new Error('no')
      })
      await client.push(1, { attempts: 2, timeLimitMs: 5_000, backOff: { minMs: 1, maxMs: 1 } })
      await log.atLeast(2)
      expect(log.items.map(([attempt, attempts]) => [attempt, attempts])).toEqual([
        [1, 2],
        [2, 2],
      ])
      expect(log.items.every(([, , remainingMs]) => remainingMs <= 5_000)).toBe(true)
    })

    it('copies a dead job to another queue, and removes it then', async () => {
      const letters = await fixture.queue()
      const { client, place } = await fixture.queue({ attempts: 2, deadLetters: letters.client })
      await place.work(() => {
        throw new Error('never')
      })
      const log = new Log<{ job: unknown; context: JobContext }>()
      await letters.place.work((job, context) => log.add({ job, context }))
      await client.push({ order: 1 }, { id: 'order-1', key: 'order.created', headers: { own: 'header' } })
      await log.atLeast(1)
      const [letter] = log.items
      expect(letter?.job).toEqual({ order: 1 })
      expect(letter?.context.key).toBe('order.created')
      expect(letter?.context.headers).toMatchObject({
        own: 'header',
        'x-dead-id': 'order-1',
        'x-dead-attempts': '2',
        'x-dead-reason': 'Error: never',
      })
      if (features.deadJobs)
        await waitFor(async () => expect(await client.stats()).toMatchObject({ dead: 0, waiting: 0 }))
    })

    it.skipIf(!features.foreignDeadLetters)('keeps a dead job until the other queue takes it', async () => {
      const letters = await fixture.place()
      let attempts = 0
      const other = {
        push: async (job: unknown, options: object) => {
          attempts += 1
          if (attempts < 3) throw new Error('absent')
          return target.push(job, options)
        },
      }
      const target = await letters.create(FAST)
      const { client, place } = await fixture.queue({ attempts: 1, deadLetters: other as never })
      await place.work(() => {
        throw new Error('never')
      })
      const log = new Log<unknown>()
      await letters.work((job) => log.add(job))
      await client.push('kept')
      await log.atLeast(1)
      expect([log.items, attempts]).toEqual([['kept'], 3])
    })
  })
}
