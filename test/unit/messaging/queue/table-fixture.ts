import { Job, type JobTerms } from '../../../../src/messaging/queue/job.js'
import { JobBytes } from '../../../../src/messaging/queue/job-bytes.js'
import type { JobChange } from '../../../../src/messaging/queue/job-store.js'
import { JobTable, type TableBounds } from '../../../../src/messaging/queue/job-table.js'

/** The time of day at the begin of each test. */
export const DAY_MS = 1_000_000

export const BOUNDS: TableBounds = {
  maxJobs: 10,
  maxBytes: 1_000,
  maxDead: 3,
  dedupWindowMs: 1_000,
  maxIds: 5,
}

export const TERMS: JobTerms = { attempts: 3, backOffMinMs: 100, backOffMaxMs: 300, timeLimitMs: 500 }

/** A table with a clock and a random number that the test sets. */
export class TableFixture {
  nowMs = 0
  random = 1
  /** The random numbers go down from this one. Undefined: all are `random`. */
  nextRandom: number | undefined
  readonly changes: JobChange[] = []
  readonly expired: Job[] = []
  readonly table: JobTable
  readonly holder = {
    leaseExpired: (job: Job): void => {
      this.expired.push(job)
      this.table.fail(job, 'too slow')
    },
  }

  constructor(bounds: Partial<TableBounds> = {}, { copiesDead = false, journal = true } = {}) {
    this.table = new JobTable(
      { ...BOUNDS, ...bounds },
      {
        now: () => this.nowMs,
        timeOfDay: () => DAY_MS + this.nowMs,
        random: () => {
          if (this.nextRandom === undefined) return this.random
          this.nextRandom -= 2 ** -20
          return this.nextRandom
        },
        journal: journal ? (change) => this.changes.push(change) : undefined,
        copiesDead,
      },
    )
  }

  take(): Job | undefined {
    const job = this.table.take(this.holder)
    if (job !== undefined) this.table.extend(job)
    return job
  }

  /** Lets the time pass, and does what is due. */
  advance(ms: number): void {
    this.nowMs += ms
    this.table.promote()
    while (this.table.expire());
  }
}

/** A job with this id, and a body that makes it `bytes` long. */
export function newJob(
  id: string,
  options: { terms?: Partial<JobTerms>; delayMs?: number; dedup?: boolean; bytes?: number } = {},
): Job {
  const { terms, delayMs = 0, dedup = false, bytes = id.length } = options
  const memory = Buffer.alloc(Math.max(bytes, id.length))
  const idBytes = memory.write(id)
  const parts = new JobBytes(memory, 0, idBytes, 0, 0, memory.length)
  return new Job(parts, { ...TERMS, ...terms }, { delayMs, dedup })
}
