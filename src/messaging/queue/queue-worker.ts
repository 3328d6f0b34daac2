import { EventEmitter } from 'node:events'
import { onceAborted } from '../../abort-waits.js'
import { encodeRemoteError } from '../../channel/remote-error.js'
import { endWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { Fifo } from '../../fifo.js'
import { newAbortController, nextTick, setTimeout } from '../../host.js'
import { notifyLateListeners } from '../../late-listeners.js'
import { checkWaitOptions, type WaitOptions } from '../../options.js'
import type { ClientConnection } from '../../service/client-connection.js'
import { isThenable } from '../../thenable.js'
import { runApart } from '../../uncaught.js'
import type { MessageCodec } from '../message-codec.js'
import { crossed } from '../remote-failure.js'
import { ERROR_BYTES_MAX } from './reason.js'
import type { Replies } from './replies.js'
import { leaseLost, type RunningJob } from './running-job.js'
import type { JobHandler, Worker, WorkerEvents } from './types.js'
import { workHead } from './work-head.js'
import { QueueFault, WorkerLink } from './worker-link.js'

const CLOSE_TIMEOUT_MS = 10_000
/** After its time, the connection of a worker has this time to close. */
const CANCEL_MS = 1_000
const BACK_OFF_MS_MIN = 20
const BACK_OFF_MS_MAX = 2_000

/** Another attempt would end the same way. */
const LASTING_CODES: ReadonlySet<unknown> = new Set([
  ErrorCode.INVALID_ARGUMENT,
  ErrorCode.VERSION,
  ErrorCode.CODEC,
])
const LASTING_STATUSES: ReadonlySet<unknown> = new Set(['PERMISSION_DENIED', 'UNAUTHENTICATED'])

export interface WorkerParts {
  readonly address: string
  readonly connection: ClientConnection
  /** Begins the conversation of a worker. */
  readonly work: (frames: AsyncIterable<Buffer>) => AsyncIterable<unknown>
  readonly codec: MessageCodec
  readonly concurrency: number
  readonly replies: Replies
}

/** Runs the jobs of a queue, and connects again when its process comes back. */
export class QueueWorker<Job, Result> extends EventEmitter<WorkerEvents<Job>> implements Worker<Job> {
  readonly address: string
  readonly #parts: WorkerParts
  readonly #handler: JobHandler<Job, Result>
  readonly #stopping = newAbortController()
  /** Jobs that wait for handlers of an earlier connection. */
  readonly #pending = new Fifo<RunningJob>()
  readonly #active = new Set<RunningJob>()
  #link: WorkerLink | undefined
  #closing: Promise<void> | undefined
  #starting = false
  #onIdle: (() => void) | undefined
  #failures = 0

  constructor(parts: WorkerParts, handler: JobHandler<Job, Result>) {
    super()
    this.address = parts.address
    this.#parts = parts
    this.#handler = handler
  }

  get running(): number {
    return this.#active.size
  }

  /** Begins. Resolves when the queue has accepted the worker. Without `waits`, rejects if it cannot. */
  begin(waits: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let accepted = waits
      const onAccepted = (): void => {
        accepted = true
        resolve()
      }
      void this.#run(onAccepted, () => accepted).then((error) => {
        reject(error ?? new ShmwireError(ErrorCode.CLOSED, 'the worker was closed'))
        void this.#closed(error)
      })
    })
  }

  close(options?: WaitOptions): Promise<void> {
    try {
      const { signal, timeoutMs = CLOSE_TIMEOUT_MS } = checkWaitOptions(options)
      this.#closing ??= this.#close({ signal, timeoutMs })
      return this.#closing
    } catch (thrown) {
      const error = thrown as Error
      return Promise.reject(error)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** No job follows. */
  async #closed(error: ShmwireError | undefined): Promise<void> {
    try {
      await this.#closing
    } catch {
      // The caller of `close` gets it.
    }
    await this.#parts.connection.close({ timeoutMs: CANCEL_MS }).catch(() => {})
    nextTick(() => {
      notifyLateListeners(this, 'close', error)
      this.emit('close', error)
    })
  }

  #start(job: RunningJob): void {
    if (this.#closing !== undefined) job.link.unused(job)
    else if (this.#active.size < this.#parts.concurrency) this.#handle(job)
    else this.#pending.push(job)
  }

  /** Resolves to the error after which no attempt follows; undefined: the worker was closed. */
  async #run(onAccepted: () => void, mayRetry: () => boolean): Promise<ShmwireError | undefined> {
    const { signal } = this.#stopping
    const { connection } = this.#parts
    while (!signal.aborted && this.#closing === undefined) {
      try {
        await connection.ready({ timeoutMs: Number.POSITIVE_INFINITY, signals: [signal] })
      } catch (error) {
        return signal.aborted ? undefined : (error as ShmwireError)
      }
      const error = await this.#converse(onAccepted)
      if (signal.aborted || this.#closing !== undefined) return undefined
      if (error !== undefined && (isLasting(error) || !mayRetry())) return error
      await this.#wait()
    }
    return undefined
  }

  /** Resolves to the error that ended the conversation; undefined if the queue closed. */
  async #converse(onAccepted: () => void): Promise<ShmwireError | undefined> {
    const { codec, concurrency, work } = this.#parts
    const owner = {
      start: (job: RunningJob) => this.#start(job),
      tooLate: (job: RunningJob, error: ShmwireError) => this.#report(error, job),
    }
    const link = new WorkerLink(owner, workHead(codec.name, concurrency), concurrency)
    this.#link = link
    try {
      await link.run(work(link.frames), () => {
        this.#failures = 0
        onAccepted()
      })
      return undefined
    } catch (error) {
      return crossed(error) as ShmwireError
    } finally {
      this.#link = undefined
    }
  }

  #wait(): Promise<void> {
    const { signal } = this.#stopping
    const delayMs = Math.random() * Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 16)
    return new Promise((resolve) => {
      const end = (): void => {
        stopListening()
        resolve()
      }
      setTimeout(end, delayMs)
      const stopListening = onceAborted(signal, end)
    })
  }

  #handle(job: RunningJob): void {
    this.#active.add(job)
    let result: unknown
    try {
      // The bytes are a view of the message, which is this side's own memory.
      job.value = this.#parts.codec.decode(job.body)
      result = this.#handler(job.value as Job, job)
    } catch (error) {
      this.#failed(job, error)
      return
    }
    if (isThenable(result))
      result.then(
        (value) => this.#returned(job, value),
        (error) => this.#failed(job, error),
      )
    else this.#returned(job, result)
  }

  #returned(job: RunningJob, result: unknown): void {
    const reply = this.#parts.replies.send(job, result)
    if (reply === undefined) this.#acknowledge(job, result)
    else
      reply.then(
        () => this.#acknowledge(job, result),
        (error) => this.#failed(job, error),
      )
  }

  #acknowledge(job: RunningJob, result: unknown): void {
    const { link, lost } = job
    if (lost !== undefined) {
      link.done(job, undefined)
      this.#report(lost, job)
    } else if (job.wantsReply && result !== undefined) {
      try {
        link.done(job, this.#parts.codec.encode(result))
      } catch (error) {
        this.#failed(job, error)
        return
      }
    } else link.done(job, undefined)
    this.#ended(job)
  }

  #failed(job: RunningJob, thrown: unknown): void {
    job.link.failed(job, encodeRemoteError(thrown, ERROR_BYTES_MAX))
    this.#report(thrown, job)
    this.#ended(job)
  }

  #report(thrown: unknown, job: RunningJob): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    runApart(() => this.emit('failed', error, job.value as Job, job))
  }

  #ended(job: RunningJob): void {
    this.#active.delete(job)
    if (!this.#starting) this.#startPending()
    if (this.#active.size === 0) this.#onIdle?.()
  }

  /** A handler that returns at once ends its job within this loop. */
  #startPending(): void {
    this.#starting = true
    while (this.#active.size < this.#parts.concurrency) {
      const job = this.#pending.shift()
      if (job === undefined) break
      // Its lease can have ended while it waited for a handler of an earlier connection.
      if (job.lost === undefined) this.#handle(job)
      else job.link.unused(job)
    }
    this.#starting = false
  }

  async #close(bounds: WaitOptions): Promise<void> {
    const link = this.#link
    link?.drain()
    for (let job = this.#pending.shift(); job !== undefined; job = this.#pending.shift()) job.link.unused(job)
    try {
      await endWithin(bounds, 'the close of the worker', (resolve, reject) => {
        this.#finish(link).then(resolve, reject)
        return () => {}
      })
    } finally {
      this.#stopping.abort()
      for (const job of this.#active) job.lose(leaseLost('the worker was closed before its handler ended'))
      link?.abandon()
      await this.#parts.connection.close({ timeoutMs: CANCEL_MS })
    }
  }

  /** Waits for the handlers, and for the queue to read their outcomes. */
  async #finish(link: WorkerLink | undefined): Promise<void> {
    if (this.#active.size > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    this.#stopping.abort()
    link?.finish()
    await link?.ended
  }
}

function isLasting(error: ShmwireError): boolean {
  return error instanceof QueueFault || LASTING_CODES.has(error.code) || LASTING_STATUSES.has(error.status)
}
