import { ErrorCode, ShmwireError } from '../../../errors.js'
import { clearTimeout, newAbortController, nowMs, setTimeout } from '../../../host.js'
import type { JobContext } from '../../../messaging/queue/types.js'
import type { MessageHeaders } from '../../../messaging/types.js'
import type { Trace } from '../../../observe/diagnostics-trace.js'
import type { Msg } from '../connection.js'
import type { Delivery } from '../delivery.js'
import type { JobHead } from './job-message.js'

/** A job of this worker, as its handler sees it, and its lease. */
export class RunningJob implements JobContext {
  readonly id: string
  readonly attempt: number
  readonly attempts: number
  readonly key: string | undefined
  readonly headers: MessageHeaders
  readonly head: JobHead
  readonly delivery: Delivery
  readonly message: Msg
  /** The server delivers the job to another worker after this time, on the clock of `nowMs`. */
  leaseEndMs: number
  /** When the lease was last asked for again. */
  renewedMs: number
  /** Of a job that is observed. */
  trace: Trace | undefined
  /** The worker has begun to acknowledge, to return or to bury the job. */
  isEnding = false
  #controller: AbortController | undefined
  #lost: ShmwireError | undefined
  #limitEndMs: number
  #timer: NodeJS.Timeout | undefined
  readonly #renew: (job: RunningJob) => Promise<void>

  constructor(
    message: Msg,
    delivery: Delivery,
    head: JobHead,
    headers: MessageHeaders,
    leaseMs: number,
    renew: (job: RunningJob) => Promise<void>,
  ) {
    this.message = message
    this.delivery = delivery
    this.head = head
    this.id = head.id
    this.attempt = delivery.deliveries
    this.attempts = head.terms.attempts
    this.key = head.key
    this.headers = headers
    this.renewedMs = nowMs()
    this.leaseEndMs = this.renewedMs + leaseMs
    this.#limitEndMs = this.renewedMs + head.terms.timeLimitMs
    this.#renew = renew
  }

  get signal(): AbortSignal {
    this.#controller ??= newAbortController()
    if (this.#lost !== undefined) this.#controller.abort(this.#lost)
    return this.#controller.signal
  }

  get remainingMs(): number {
    return Math.max(0, this.#limitEndMs - nowMs())
  }

  /** Why the lease has ended; undefined while this worker has the job. */
  get lost(): ShmwireError | undefined {
    return this.#lost
  }

  /** The time, which has nanoseconds, distinguishes the streams. */
  get uniqueId(): string {
    return `${this.delivery.streamSequence}:${this.delivery.storedAtMs}`
  }

  get hasHeaders(): boolean {
    return Object.keys(this.headers).length > 0
  }

  /** A property, because handlers take it out of the context. */
  readonly extend = async (): Promise<void> => {
    this.assertHeld()
    await this.#renew(this)
    this.assertHeld()
    this.#limitEndMs = nowMs() + this.head.terms.timeLimitMs
    if (this.#timer !== undefined) this.#timer.refresh()
  }

  /** `onLimit` runs when the time limit passes. */
  startLimit(onLimit: () => void): void {
    this.#timer = setTimeout(onLimit, this.head.terms.timeLimitMs)
  }

  stopLimit(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Throws `LEASE_LOST` if the server can have delivered the job again, or the time limit has passed. */
  assertHeld(): void {
    if (this.#lost !== undefined) throw this.#lost
    this.assertLeased()
  }

  /** Throws `LEASE_LOST` if the server can have delivered the job again. The event loop can have stalled, so timers are not enough. */
  assertLeased(): void {
    if (nowMs() >= this.leaseEndMs) throw this.lose('the worker sent no sign of life within leaseMs')
  }

  /** Ends the lease. The first reason stays. */
  lose(reason: string): ShmwireError {
    this.#lost ??= new ShmwireError(
      ErrorCode.LEASE_LOST,
      `attempt ${this.attempt} of the job ${JSON.stringify(this.id)} has lost its lease: ${reason}; the job can run again`,
    )
    this.stopLimit()
    this.#controller?.abort(this.#lost)
    return this.#lost
  }
}
