import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, newAbortController, nowMs, setTimeout } from '../../host.js'
import type { Trace } from '../../observe/diagnostics-trace.js'
import { TIMEOUT_MS_MAX } from '../../options.js'
import { decodeHeaders, NO_HEADERS } from '../headers.js'
import type { MessageHeaders } from '../types.js'
import type { DispatchedJob } from './job-frames.js'
import type { JobContext } from './types.js'

/** The conversation with the queue that a job belongs to. */
export interface JobLink {
  /** The longest result that the queue can get. */
  readonly resultBytesMax: number
  /** Names the process of the queue. */
  readonly epoch: string
  done(job: RunningJob, result: Uint8Array | undefined): void
  failed(job: RunningJob, error: Buffer): void
  /** The job has not begun. */
  unused(job: RunningJob): void
  extend(job: RunningJob): void
}

interface Extension {
  readonly resolve: () => void
  readonly reject: (error: ShmwireError) => void
  readonly beganMs: number
}

/** A job that a worker has, and the context of its handler. Most handlers use little of it, so its parts are created on demand. */
export class RunningJob implements JobContext {
  readonly slot: number
  readonly attempt: number
  readonly attempts: number
  readonly wantsReply: boolean
  readonly link: JobLink
  /** The handler has ended, and the queue has been sent the outcome. */
  isDone = false
  /** For the listeners of `failed`. */
  value: unknown
  /** Of a job that is observed. */
  trace: Trace | undefined
  readonly #job: DispatchedJob
  #dueMs: number
  #headers: MessageHeaders | undefined
  #lost: ShmwireError | undefined
  #ended: ShmwireError | undefined
  #controller: AbortController | undefined
  #timer: NodeJS.Timeout | undefined
  #extensions: Extension[] | undefined

  constructor(job: DispatchedJob, link: JobLink) {
    this.slot = job.slot
    this.attempt = job.attempt
    this.attempts = job.attempts
    this.wantsReply = job.wantsReply
    this.#job = job
    this.link = link
    this.#dueMs = nowMs() + job.timeLimitMs
  }

  get id(): string {
    return this.#job.parts.id
  }

  get key(): string | undefined {
    return this.#job.parts.key
  }

  get headers(): MessageHeaders {
    this.#headers ??= decodeHeaders(this.#job.parts.headerBytes) ?? NO_HEADERS
    return this.#headers
  }

  get body(): Buffer {
    return this.#job.parts.body
  }

  /** Other than that of every other job of every queue. An id of a program is that only within its window. */
  get uniqueId(): string {
    return `${this.link.epoch}:${this.#job.sequence}`
  }

  get hasHeaders(): boolean {
    return this.#job.parts.headersBytes > 0
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = newAbortController()
      if (this.#lost !== undefined) this.#controller.abort(this.#lost)
      else this.#watch()
    }
    return this.#controller.signal
  }

  get remainingMs(): number {
    return this.#lost === undefined ? Math.max(0, this.#dueMs - nowMs()) : 0
  }

  /** Why the lease has ended for the queue, as far as this side knows. */
  get ended(): ShmwireError | undefined {
    return this.#ended
  }

  /** The queue has ended the lease, or is gone. */
  end(error: ShmwireError): void {
    this.#ended ??= error
    this.lose(error)
  }

  /** Why the lease has ended, by the clock of this side, or for the queue; undefined while it lasts. */
  get lost(): ShmwireError | undefined {
    if (this.#lost === undefined && this.#dueMs <= nowMs()) this.lose(this.#late())
    return this.#lost
  }

  /** A function without a receiver, because handlers take it apart from the context. */
  get extend(): () => Promise<void> {
    return () => this.#extend()
  }

  /** The queue has extended the lease. False: nothing asked for it. */
  extended(): boolean {
    const extension = this.#extensions?.shift()
    if (extension === undefined) return false
    this.#dueMs = Math.max(this.#dueMs, extension.beganMs + this.#job.timeLimitMs)
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer)
      this.#watch()
    }
    extension.resolve()
    return true
  }

  /** The lease has ended. */
  lose(error: ShmwireError): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    this.#stopWatching()
    this.#controller?.abort(error)
    for (const { reject } of this.#extensions?.splice(0) ?? []) reject(error)
  }

  /** The handler has ended. */
  release(): void {
    this.#stopWatching()
    // The answers may never arrive, and the job needs them no more.
    for (const { resolve } of this.#extensions?.splice(0) ?? []) resolve()
  }

  #stopWatching(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #extend(): Promise<void> {
    const { lost } = this
    if (lost !== undefined) return Promise.reject(lost)
    if (this.isDone) return Promise.reject(leaseLost('the job is done already'))
    return new Promise((resolve, reject) => {
      this.#extensions ??= []
      this.#extensions.push({ resolve, reject, beganMs: nowMs() })
      this.link.extend(this)
    })
  }

  /** The queue also reports the end of the lease, unless its process does not run at this time. */
  #watch(): void {
    const delayMs = Math.min(Math.ceil(Math.max(0, this.#dueMs - nowMs())), TIMEOUT_MS_MAX)
    this.#timer = setTimeout(() => this.lose(this.#late()), delayMs).unref()
  }

  #late(): ShmwireError {
    return leaseLost(
      `the attempt took longer than its time limit of ${this.#job.timeLimitMs} ms; call extend() during long work, or raise timeLimitMs`,
    )
  }
}

/** The job runs again, or has run for the last time. */
export function leaseLost(why: string): ShmwireError {
  return new ShmwireError(ErrorCode.LEASE_LOST, `the lease of the job has ended: ${why}`)
}
