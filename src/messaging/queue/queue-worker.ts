import { EventEmitter } from 'node:events'
import { onceAborted, pause } from '../../abort-waits.js'
import { backOffMs } from '../../back-off.js'
import { encodeRemoteError } from '../../channel/remote-error.js'
import { correlationOf } from '../../correlation.js'
import { endWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { newAbortController, nextTick } from '../../host.js'
import { notifyLateListeners } from '../../late-listeners.js'
import { log, loggerOf } from '../../log/log.js'
import { queueTake } from '../../observe/diagnostics-channels.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import { checkWaitOptions, type WaitOptions } from '../../options.js'
import type { ClientConnection } from '../../service/client-connection.js'
import { isThenable } from '../../thenable.js'
import { runApart, textOfThrown } from '../../uncaught.js'
import { receivedError } from '../carried-error.js'
import type { MessageCodec } from '../message-codec.js'
import { type Place, takeTrace } from '../traced-messages.js'
import { MESSAGE_BYTES } from './frame-queue.js'
import { ERROR_BYTES_MAX } from './reason.js'
import type { Replies } from './replies.js'
import { type JobLink, leaseLost, type RunningJob } from './running-job.js'
import type { JobHandler, Worker, WorkerEvents } from './types.js'
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
  readonly place: Place
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
  readonly #active = new Set<RunningJob>()
  #link: WorkerLink | undefined
  #closing: Promise<void> | undefined
  #onIdle: (() => void) | undefined
  #onRoom: (() => void) | undefined
  #failures = 0

  constructor(parts: WorkerParts, handler: JobHandler<Job, Result>) {
    super()
    this.address = parts.place.address ?? ''
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
    else this.#handle(job)
  }

  /** Resolves to the error after which no attempt follows; undefined: the worker was closed. */
  async #run(onAccepted: () => void, mayRetry: () => boolean): Promise<ShmwireError | undefined> {
    const { signal } = this.#stopping
    const { connection } = this.#parts
    while (!signal.aborted && this.#closing === undefined) {
      try {
        await this.#handlersEnd()
        await connection.ready({ timeoutMs: Number.POSITIVE_INFINITY, signals: [signal] })
      } catch (error) {
        return signal.aborted ? undefined : (error as ShmwireError)
      }
      // The worker can have been closed meanwhile, and a new conversation would bring jobs.
      if (this.#closing !== undefined) return undefined
      const error = await this.#converse(onAccepted)
      if (signal.aborted || this.#closing !== undefined) return undefined
      if (error !== undefined && (isLasting(error) || !mayRetry())) return error
      await this.#wait()
    }
    return undefined
  }

  /** Resolves to the error that ended the conversation; undefined if the queue closed. */
  async #converse(onAccepted: () => void): Promise<ShmwireError | undefined> {
    const { codec, concurrency, connection, work } = this.#parts
    const owner = {
      start: (job: RunningJob) => this.#start(job),
      tooLate: (job: RunningJob, error: ShmwireError) => this.#report(error, job),
    }
    const maxMessageBytes = connection.channel?.maxMessageBytes ?? MESSAGE_BYTES
    const link = new WorkerLink(owner, codec.name, concurrency - this.#active.size, maxMessageBytes)
    this.#link = link
    try {
      await link.run(work(link.frames), () => {
        this.#failures = 0
        onAccepted()
      })
      return undefined
    } catch (error) {
      return receivedError(error) as ShmwireError
    } finally {
      this.#link = undefined
    }
  }

  /** Handlers of an earlier connection still run. Resolves when there is room for one job. */
  async #handlersEnd(): Promise<void> {
    const { signal } = this.#stopping
    if (this.#active.size < this.#parts.concurrency || signal.aborted) return
    await new Promise<void>((resolve) => {
      const stopListening = onceAborted(signal, resolve)
      this.#onRoom = () => {
        stopListening()
        resolve()
      }
    })
    this.#onRoom = undefined
  }

  #wait(): Promise<void> {
    const { signal } = this.#stopping
    this.#failures += 1
    return pause(backOffMs(this.#failures, BACK_OFF_MS_MIN, BACK_OFF_MS_MAX), signal)
  }

  #handle(job: RunningJob): void {
    this.#active.add(job)
    if (isTraced(queueTake)) {
      const trace = takeTrace(this.#parts.place, job, job.body.length)
      job.trace = trace
      trace.begin(() => this.#runHandler(job))
    } else this.#runHandler(job)
  }

  #runHandler(job: RunningJob): void {
    // A thenable of the program can call its functions more than once.
    let settled = false
    const once = (settle: () => void): void => {
      if (settled) return
      settled = true
      settle()
    }
    const failed = (error: unknown): void => once(() => this.#failed(job, error))
    try {
      // The bytes are a view of the message, which is this side's own memory.
      job.value = this.#parts.codec.decode(job.body)
      const result: unknown = this.#handler(job.value as Job, job)
      if (isThenable(result)) result.then((value) => once(() => this.#returned(job, value)), failed)
      else once(() => this.#returned(job, result))
    } catch (error) {
      failed(error)
    }
  }

  #returned(job: RunningJob, result: unknown): void {
    let reply: Promise<unknown> | undefined
    try {
      reply = this.#parts.replies.send(job, result)
    } catch (error) {
      this.#failed(job, error)
      return
    }
    if (reply === undefined) this.#acknowledge(job, result)
    else
      reply.then(
        () => this.#acknowledge(job, result),
        (error) => this.#failed(job, error),
      )
  }

  /** The queue decides whether the lease lasts: the clock of this side can be early. */
  #acknowledge(job: RunningJob, result: unknown): void {
    const { link, ended } = job
    if (ended !== undefined || !job.wantsReply || result === undefined) link.done(job, undefined)
    else {
      try {
        link.done(job, this.#encode(result, link))
      } catch (error) {
        this.#failed(job, error)
        return
      }
    }
    if (ended !== undefined) this.#report(ended, job)
    this.#ended(job)
    if (ended === undefined) job.trace?.settle()
    else job.trace?.fail(ended)
  }

  /** A longer message would end the conversation, and the leases of all other jobs. */
  #encode(result: unknown, { resultBytesMax }: JobLink): Uint8Array {
    const bytes = this.#parts.codec.encode(result)
    if (bytes.length <= resultBytesMax) return bytes
    throw new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the result is ${bytes.length} bytes, and the channel carries ${resultBytesMax}; raise maxMessageBytes, or return a place of the data`,
    )
  }

  #failed(job: RunningJob, thrown: unknown): void {
    const bytesMax = Math.min(ERROR_BYTES_MAX, job.link.resultBytesMax)
    try {
      job.link.failed(job, encodeRemoteError(thrown, bytesMax))
      this.#report(thrown, job)
    } finally {
      this.#ended(job)
      job.trace?.fail(thrown)
    }
  }

  #report(thrown: unknown, job: RunningJob): void {
    const { place, connection } = this.#parts
    log(loggerOf(connection.channel), 'queue.attemptFailed', () => ({
      queue: place.name,
      address: place.address,
      jobId: job.id,
      attempt: job.attempt,
      attempts: job.attempts,
      correlationId: correlationOf(job.headers),
      error: thrown,
    }))
    const error = thrown instanceof Error ? thrown : new Error(textOfThrown(thrown))
    runApart(() => this.emit('failed', error, job.value as Job, job))
  }

  #ended(job: RunningJob): void {
    this.#active.delete(job)
    const link = this.#link
    if (link !== undefined && job.link !== link && this.#closing === undefined) {
      let earlier = 0
      for (const active of this.#active) if (active.link !== link) earlier += 1
      link.grow(this.#parts.concurrency - earlier)
    }
    this.#onRoom?.()
    if (this.#active.size === 0) this.#onIdle?.()
  }

  async #close(bounds: WaitOptions): Promise<void> {
    const link = this.#link
    link?.drain()
    try {
      await endWithin(bounds, 'the close of the worker', (resolve, reject) => {
        this.#finish(link).then(resolve, reject)
        return () => {}
      })
    } finally {
      this.#stopping.abort()
      for (const job of this.#active) job.end(leaseLost('the worker was closed before its handler ended'))
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
