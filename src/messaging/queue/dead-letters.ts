import { Fifo } from '../../fifo.js'
import { clearTimeout, setTimeout } from '../../host.js'
import type { Job } from './job.js'

const COPIES_MAX = 16
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 30_000

/**
 * Copies dead jobs to another queue, and removes each one when its copy is confirmed. So a crash can duplicate a job, but never lose it.
 */
export class DeadLetters {
  readonly #copy: (job: Job) => Promise<unknown>
  readonly #copied: (job: Job) => void
  readonly #waiting = new Fifo<Job>()
  #copies = 0
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #onIdle: (() => void) | undefined

  /** `copied` removes the job. */
  constructor(copy: (job: Job) => Promise<unknown>, copied: (job: Job) => void) {
    this.#copy = copy
    this.#copied = copied
  }

  add(job: Job): void {
    this.#waiting.push(job)
    this.#start()
  }

  /** Begins no further copy. Resolves when those that run have ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    if (this.#copies > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
  }

  #start(): void {
    while (!this.#stopped && this.#timer === undefined && this.#copies < COPIES_MAX) {
      const job = this.#waiting.shift()
      if (job === undefined) return
      // It may have been revived meanwhile.
      if (job.state === 'dead') void this.#run(job)
    }
  }

  async #run(job: Job): Promise<void> {
    this.#copies += 1
    try {
      await this.#copy(job)
      this.#failures = 0
      this.#copied(job)
    } catch {
      // The other queue can be full or absent for a time. The job stays here until it is copied.
      this.#waiting.push(job)
      this.#pause()
    }
    this.#copies -= 1
    if (this.#copies === 0) this.#onIdle?.()
    this.#start()
  }

  #pause(): void {
    if (this.#timer !== undefined || this.#stopped) return
    const delayMs = Math.random() * Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 16)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#start()
    }, delayMs).unref()
  }
}
