// The durable queue of a load run.
import { setTimeout as sleep } from 'node:timers/promises'
import { createQueue } from '../../../../dist/index.js'

const OPTIONS = {
  codec: 'json',
  attempts: 1_000,
  backOff: { minMs: 5, maxMs: 200 },
  timeLimitMs: 10_000,
  maxJobs: 2_000,
  dedupWindowMs: 3_600_000,
}
const POLL_MS = 20
const DRAIN_MS = 60_000

export async function startQueue({ address, store }) {
  let queue = await createQueue(address, { ...OPTIONS, store })
  return {
    /** Resolves to the error that ended the queue, and undefined if it works. */
    state: () =>
      queue.stats().then(
        () => undefined,
        ({ code, message }) => ({ code, message }),
      ),
    /** After a failure of the disk. */
    async again() {
      await queue.close()
      queue = await createQueue(address, { ...OPTIONS, store })
    },
    /** Resolves when all jobs are done, or to the counts if they are not in time. */
    async drained() {
      const endMs = performance.now() + DRAIN_MS
      for (;;) {
        const stats = await queue.stats()
        if (stats.waiting + stats.delayed + stats.leased === 0 || performance.now() > endMs) return stats
        await sleep(POLL_MS)
      }
    },
    close: () => queue.close(),
  }
}
