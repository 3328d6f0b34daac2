import { describe, expect, it } from 'vitest'
import type { JobContext } from '../../../src/messaging/queue/types.js'
import { gate, Log, numbers, type QueueFixture } from './queue-fixture.js'

/** Jobs that succeed. */
export function queueRuns(fixture: QueueFixture): void {
  const { features } = fixture

  describe('runs', () => {
    it('runs a pushed job with its context', async () => {
      const { client, place } = await fixture.queue({ attempts: 7 })
      const contexts = new Log<JobContext>()
      const jobs = new Log<unknown>()
      await place.work((job, context) => {
        jobs.add(job)
        contexts.add(context)
      })
      const headers = { 'content-type': 'text/plain', traceparent: 'ä' }
      const pushed = await client.push({ text: 'hello' }, { key: 'user.created', headers, id: 'first' })
      expect(pushed).toEqual({ id: 'first', duplicate: false })
      await jobs.atLeast(1)
      expect(jobs.items).toEqual([{ text: 'hello' }])
      const [context] = contexts.items
      expect(context).toMatchObject({ id: 'first', attempt: 1, attempts: 7, key: 'user.created', headers })
      expect(context?.signal.aborted).toBe(false)
      expect(context?.remainingMs).toBeGreaterThan(0)
    })

    it('returns different ids for jobs without one', async () => {
      const { client, queue } = await fixture.queue()
      const pushed = await Promise.all([client, queue, client, queue].map((each) => each.push(1)))
      expect(new Set(pushed.map(({ id }) => id)).size).toBe(4)
      expect(pushed.every(({ duplicate }) => !duplicate)).toBe(true)
    })

    it('runs each job once, with two clients and two workers', async () => {
      const { client, queue, place } = await fixture.queue()
      const log = new Log<unknown>()
      const run = async (job: unknown): Promise<void> => {
        await Promise.resolve()
        log.add(job)
      }
      await Promise.all([place.work(run, { concurrency: 5 }), place.work(run, { concurrency: 50 })])
      await Promise.all(numbers(1_000).map((index) => (index % 2 === 0 ? client : queue).push(index)))
      await log.atLeast(1_000)
      expect(log.items.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(1_000))
      if (features.deadJobs) expect(await client.stats()).toMatchObject({ pushed: 1_000, dead: 0 })
    })

    it('runs jobs that were pushed before the worker came', async () => {
      const { client, place } = await fixture.queue()
      await Promise.all(numbers(20).map((index) => client.push(index)))
      const log = new Log<unknown>()
      await place.work((job) => log.add(job))
      await log.atLeast(20)
      if (features.exactOrder) expect(log.items).toEqual(numbers(20))
    })

    it.skipIf(!features.exactOrder)('begins the jobs of a client in the order of the pushes', async () => {
      const { client, place } = await fixture.queue()
      const log = new Log<unknown>()
      await place.work((job) => log.add(job), { concurrency: 100 })
      const pushes = numbers(2_000).map((index) => client.push(index))
      await Promise.all(pushes)
      await log.atLeast(2_000)
      expect(log.items).toEqual(numbers(2_000))
    })

    it('runs at most `concurrency` jobs at once', async () => {
      const { client, place } = await fixture.queue()
      const ends = gate()
      const begun = new Log<unknown>()
      const worker = await place.work(
        async (job) => {
          begun.add(job)
          await ends.opened
        },
        { concurrency: 3 },
      )
      await Promise.all(numbers(10).map((index) => client.push(index)))
      await begun.atLeast(3)
      await client.push(10)
      expect([begun.items.length, worker.running]).toEqual([3, 3])
      ends.open()
      await begun.atLeast(11)
    })

    it('runs a delayed job not before its time', async () => {
      const { client, place } = await fixture.queue()
      const log = new Log<{ job: unknown; atMs: number }>()
      await place.work((job) => log.add({ job, atMs: performance.now() }))
      const beganMs = performance.now()
      await client.push('late', { delayMs: 200 })
      await client.push('soon')
      await log.atLeast(2)
      expect(log.items.map(({ job }) => job)).toEqual(['soon', 'late'])
      // A timer of Node can fire up to a millisecond early.
      expect((log.items[1]?.atMs ?? 0) - beganMs).toBeGreaterThanOrEqual(198)
    })

    it('drops a job with an id that was pushed before', async () => {
      const { client, queue, place } = await fixture.queue()
      const log = new Log<unknown>()
      await place.work((job) => log.add(job))
      const first = await client.push(1, { id: 'same' })
      const second = await queue.push(2, { id: 'same' })
      const third = await client.push(3, { id: 'other' })
      expect([first.duplicate, second.duplicate, third.duplicate]).toEqual([false, true, false])
      await log.atLeast(2)
      expect(log.items).toEqual([1, 3])
    })

    it('carries a job of 1 MiB, and an empty one', async () => {
      const { client, place } = await fixture.queue({ codec: 'bytes' })
      const log = new Log<unknown>()
      await place.work((job) => log.add(job), { codec: 'bytes' })
      const other = await place.open({ codec: 'bytes' })
      const long = Buffer.alloc(1024 * 1024, 7)
      await other.push(long)
      await other.push(new Uint8Array(0))
      await log.atLeast(2)
      expect(long.equals(log.items[0] as Buffer)).toBe(true)
      expect(log.items[1]).toHaveLength(0)
      await expect(client.push({ other: 'codec' })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      })
    })

    it('refuses a worker with another codec', async () => {
      const { place } = await fixture.queue({ codec: 'json' })
      await expect(place.work(() => {}, { codec: 'v8' })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      })
    })

    it('leaves the jobs of a closed worker to another one', async () => {
      const { client, place } = await fixture.queue()
      const ends = gate()
      const first = new Log<unknown>()
      const worker = await place.work(
        async (job) => {
          first.add(job)
          await ends.opened
        },
        { concurrency: 2 },
      )
      await Promise.all(numbers(6).map((index) => client.push(index)))
      await first.atLeast(2)
      const closed = worker.close()
      ends.open()
      await closed
      expect(worker.running).toBe(0)
      const second = new Log<unknown>()
      await place.work((job) => second.add(job))
      await second.atLeast(4)
      expect([...first.items, ...second.items].toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(6))
    })

    it.skipIf(!features.close)(
      'finishes the jobs of workers when it closes, and refuses pushes',
      async () => {
        const { client, queue, place } = await fixture.queue()
        const ends = gate()
        const log = new Log<unknown>()
        const worker = await place.work(async (job) => {
          log.add(job)
          await ends.opened
        })
        const failures = new Log<Error>()
        worker.on('failed', (error) => failures.add(error))
        await client.push(1)
        await log.atLeast(1)
        const closed = queue.close()
        await expect(client.push(2)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED', executed: 'no' })
        await expect(queue.push(3)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED', executed: 'no' })
        ends.open()
        await closed
        expect(failures.items).toEqual([])
        expect(log.items).toEqual([1])
      },
    )
  })
}
