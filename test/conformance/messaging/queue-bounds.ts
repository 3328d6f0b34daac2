import { describe, expect, it } from 'vitest'
import { Log, numbers, type QueueFixture } from './queue-fixture.js'

/** The bounded size, and back-pressure. */
export function queueBounds(fixture: QueueFixture): void {
  const { features } = fixture

  describe.skipIf(!features.exactBounds)('bounds', () => {
    it.each(['client', 'queue'] as const)(
      'lets pushes of a %s wait for room, in their order',
      async (side) => {
        const { place, ...sides } = await fixture.queue({ maxJobs: 10 })
        const settled: number[] = []
        const pushes = numbers(500).map(async (index) => {
          await sides[side].push(index, { id: `job ${index}` })
          settled.push(index)
        })
        await Promise.all(pushes.slice(0, 10))
        await place.allWait?.(0, 'job 0')
        expect(settled.length).toBe(10)
        expect((await sides.client.stats()).waiting).toBe(10)
        const log = new Log<unknown>()
        await place.work((job) => log.add(job), { concurrency: 3 })
        await Promise.all(pushes)
        await log.atLeast(500)
        expect(settled).toEqual(numbers(500))
        expect(log.items).toEqual(numbers(500))
      },
    )

    it('lets pushes of two clients wait for room', async () => {
      const { client, place } = await fixture.queue({ maxJobs: 3 })
      const other = await place.open()
      const pushes = numbers(300).map((index) => (index % 2 === 0 ? client : other).push(index))
      const log = new Log<unknown>()
      await place.work((job) => log.add(job))
      await Promise.all(pushes)
      await log.atLeast(300)
      for (const rest of [0, 1])
        expect(log.items.filter((job) => Number(job) % 2 === rest)).toEqual(
          numbers(300).filter((index) => index % 2 === rest),
        )
    })

    it('counts the bytes of the jobs', async () => {
      const { client, place } = await fixture.queue({ maxBytes: 10_000 })
      const job = 'x'.repeat(4_000)
      await Promise.all([client.push(job), client.push(job)])
      let isDone = false
      const third = client.push(job).then(() => {
        isDone = true
      })
      expect((await client.stats()).waiting).toBe(2)
      expect(isDone).toBe(false)
      await expect(client.push('x'.repeat(10_000), { timeoutMs: 20_000 })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE',
        executed: 'no',
      })
      const log = new Log<unknown>()
      await place.work((one) => log.add(one))
      await third
      await log.atLeast(3)
    })

    it.each(['client', 'queue'] as const)('ends the wait of a %s at its limits', async (side) => {
      const { place, ...sides } = await fixture.queue({ maxJobs: 1 })
      await sides.client.push(0)
      const leaving = new AbortController()
      const late = sides[side].push(1, { timeoutMs: 50 })
      const aborted = sides[side].push(2, { signal: leaving.signal })
      await expect(late).rejects.toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
      leaving.abort()
      await expect(aborted).rejects.toMatchObject({ code: 'ERR_SHMWIRE_ABORTED' })
      const log = new Log<unknown>()
      await place.work((job) => log.add(job))
      await sides.client.push(3)
      await log.atLeast(2)
      expect(log.items).toEqual([0, 3])
    })

    it.skipIf(!features.maxIds)('lets a push with an id wait while it knows too many', async () => {
      const { client } = await fixture.queue({ maxIds: 2, dedupWindowMs: 300 })
      const beganMs = performance.now()
      await Promise.all(['a', 'b', 'c'].map((id) => client.push(id, { id })))
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(298)
    })
  })
}
