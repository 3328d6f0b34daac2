import { backOffMs } from '../../back-off.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { Fifo } from '../../fifo.js'
import { clearTimeout, nowMs, setTimeout } from '../../host.js'
import type { Job } from './job.js'
import { TimerHeap } from './timer-heap.js'

const COPIES_MAX = 16
/** After a failure, for all jobs: the other queue may be absent. */
const PAUSE_MS = 100
/** For one job. */
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 30_000

/** Another attempt to copy the same job would end the same way. */
const LASTING_CODES: ReadonlySet<unknown> = new Set([
  ErrorCode.INVALID_ARGUMENT,
  ErrorCode.CODEC,
  ErrorCode.MESSAGE_TOO_LARGE,
])

export interface DeadLettersOwner {
  /** Removes the job. */
  copied(job: Job): void
  /** The job stays. */
  notCopied(job: Job, error: unknown): void
  /** The first failure after a copy that succeeded. The jobs are copied later. */
  copiesFail(error: unknown): void
}

/**
 * Copies dead jobs to another queue, and removes each one when its copy is confirmed. So a crash can duplicate a job, but never lose it. A job
 * whose copies fail does not delay those of others.
 */
export class DeadLetters {
  readonly #copy: (job: Job) => Promise<unknown>
  readonly #owner: DeadLettersOwner
  readonly #waiting = new Fifo<Job>()
  /** Jobs that wait for their next copy. */
  readonly #later = new TimerHeap<Job>()
  #copies = 0
  #fails = false
  #pausedUntilMs = 0
  #timer: NodeJS.Timeout | undefined
  #stopping: Promise<void> | undefined
  #onIdle: (() => void) | undefined

  constructor(copy: (job: Job) => Promise<unknown>, owner: DeadLettersOwner) {
    this.#copy = copy
    this.#owner = owner
  }

  add(job: Job): void {
    job.failedCopies = 0
    this.#waiting.push(job)
    this.#start()
  }

  /** The job is not dead any more. */
  remove(job: Job): void {
    this.#later.remove(job)
  }

  /** Begins no further copy. Resolves when those that run have ended. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#copies > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
  }

  #start(): void {
    while (this.#stopping === undefined && this.#copies < COPIES_MAX && this.#pausedUntilMs <= nowMs()) {
      const job = this.#next()
      if (job === undefined) break
      // It may have been revived meanwhile.
      if (job.awaitsCopy) void this.#run(job)
    }
    this.#arm()
  }

  /** New jobs come before those that failed. */
  #next(): Job | undefined {
    const job = this.#waiting.shift()
    if (job !== undefined) return job
    const later = this.#later.first
    if (later === undefined || later.dueMs > nowMs()) return undefined
    this.#later.remove(later)
    return later
  }

  async #run(job: Job): Promise<void> {
    this.#copies += 1
    try {
      await this.#copy(job)
      this.#fails = false
      this.#owner.copied(job)
    } catch (error) {
      this.#failed(job, error)
    }
    this.#copies -= 1
    if (this.#copies === 0) this.#onIdle?.()
    this.#start()
  }

  #failed(job: Job, error: unknown): void {
    if (error instanceof ShmwireError && LASTING_CODES.has(error.code)) {
      this.#owner.notCopied(job, error)
      return
    }
    if (!this.#fails) this.#owner.copiesFail(error)
    this.#fails = true
    this.#pausedUntilMs = nowMs() + PAUSE_MS
    // The program may have let the job run again during its copy.
    if (!job.awaitsCopy || job.heapIndex >= 0) return
    job.failedCopies += 1
    job.dueMs = nowMs() + backOffMs(job.failedCopies, RETRY_MS_MIN, RETRY_MS_MAX)
    this.#later.add(job)
  }

  #arm(): void {
    clearTimeout(this.#timer)
    const firstMs = this.#waiting.length > 0 ? 0 : this.#later.first?.dueMs
    if (this.#stopping !== undefined || this.#copies === COPIES_MAX || firstMs === undefined) return
    const delayMs = Math.max(0, firstMs - nowMs(), this.#pausedUntilMs - nowMs())
    this.#timer = setTimeout(() => this.#start(), Math.ceil(delayMs)).unref()
  }
}
