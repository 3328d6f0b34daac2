import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { gate, Log, type QueueFixture } from './queue-fixture.js'

const LIMIT_MS = 200

/** The ends of leases. */
export function queueLeases(fixture: QueueFixture): void {
  const { features } = fixture
  const { cutWorker } = features

  describe('leases', () => {
    it('runs a job again after its time limit, and aborts the signal of the first run', async () => {
      const { client, place } = await fixture.queue({ timeLimitMs: LIMIT_MS })
      const attempts = new Log<number>()
      const aborts = new Log<unknown>()
      const ends = gate()
      const worker = await place.work(
        async (_job, { attempt, signal }) => {
          attempts.add(attempt)
          if (attempt > 1) return
          signal.addEventListener('abort', () => aborts.add(signal.reason))
          await ends.opened
        },
        { concurrency: 2 },
      )
      const failures = new Log<Error>()
      worker.on('failed', (error) => failures.add(error))
      await client.push('slow')
      await attempts.atLeast(2)
      await aborts.atLeast(1)
      expect(attempts.items).toEqual([1, 2])
      expect(aborts.items[0]).toMatchObject({ code: 'ERR_SHMWIRE_LEASE_LOST' })
      // The late acknowledgement has no effect but the error.
      ends.open()
      await failures.atLeast(1)
      expect(failures.items[0]).toMatchObject({ code: 'ERR_SHMWIRE_LEASE_LOST' })
    })

    it('gives the slot of a job that lost its lease to another one only when its handler has ended', async () => {
      const { client, place } = await fixture.queue({ timeLimitMs: LIMIT_MS, attempts: 1 })
      const begun = new Log<unknown>()
      const ends = gate()
      const worker = await place.work(async (job) => {
        begun.add(job)
        if (job === 'hangs') await ends.opened
      })
      await client.push('hangs')
      await client.push('next')
      await begun.atLeast(1)
      await sleep(2 * LIMIT_MS)
      expect([begun.items, worker.running]).toEqual([['hangs'], 1])
      ends.open()
      await begun.atLeast(2)
    })

    it.skipIf(!features.extend)('keeps a lease that its handler extends', async () => {
      // A slow machine is late with an extension, but not by most of a lease.
      const { client, place } = await fixture.queue({ timeLimitMs: 8 * LIMIT_MS })
      const runs = new Log<number>()
      const finished = new Log<boolean>()
      await place.work(async (_job, { attempt, extend, signal }) => {
        runs.add(attempt)
        for (let step = 0; step < 9; step += 1) {
          await sleep(LIMIT_MS)
          await extend()
        }
        finished.add(signal.aborted)
      })
      await client.push('long')
      await finished.atLeast(1)
      expect([runs.items, finished.items]).toEqual([[1], [false]])
    })

    it.skipIf(!features.extend)('rejects an extension after the end of the lease', async () => {
      const { client, place } = await fixture.queue({ timeLimitMs: LIMIT_MS, attempts: 1 })
      const errors = new Log<unknown>()
      await place.work(async (_job, context) => {
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
        await context.extend().catch((error: unknown) => errors.add(error))
      })
      await client.push('slow')
      await errors.atLeast(1)
      expect(errors.items[0]).toMatchObject({ code: 'ERR_SHMWIRE_LEASE_LOST' })
    })

    it.skipIf(cutWorker === undefined)(
      'runs a job again when the connection of its worker ends',
      async () => {
        const { client, place } = await fixture.queue()
        const attempts = new Log<number>()
        const aborts = new Log<unknown>()
        const first = await place.work(async (_job, { attempt, signal }) => {
          attempts.add(attempt)
          if (attempt === 1)
            await new Promise<void>((resolve) => {
              signal.addEventListener('abort', () => {
                aborts.add(signal.reason)
                resolve()
              })
            })
        })
        await client.push('cut')
        await attempts.atLeast(1)
        cutWorker?.(first)
        await aborts.atLeast(1)
        expect(aborts.items[0]).toMatchObject({ code: 'ERR_SHMWIRE_LEASE_LOST' })
        // The worker connects again by itself.
        await attempts.atLeast(2)
        expect(attempts.items).toEqual([1, 2])
      },
    )

    it('ends the leases of a worker that does not close in time', async () => {
      const { client, place } = await fixture.queue()
      const attempts = new Log<number>()
      const ends = gate()
      const worker = await place.work(async (_job, { attempt }) => {
        attempts.add(attempt)
        await ends.opened
      })
      await client.push('slow')
      await attempts.atLeast(1)
      await expect(worker.close({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
      await place.work((_job, { attempt }) => attempts.add(attempt))
      await attempts.atLeast(2)
      expect(attempts.items).toEqual([1, 2])
      ends.open()
    })
  })
}
