import { onceAborted } from '../../abort-waits.js'
import { decodeRemoteError } from '../../channel/remote-error.js'
import { endWithin, waitWithin } from '../../deadline.js'
import { ErrorCode, replaceExecuted, ShmwireError } from '../../errors.js'
import { clearTimeout, newAbortController, nowMs, setTimeout } from '../../host.js'
import { queuePush } from '../../observe/diagnostics-channels.js'
import type { PushPayload } from '../../observe/diagnostics-payloads.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import type { QueueFigures } from '../../observe/figures.js'
import { register } from '../../observe/registry.js'
import { checkWaitOptions, integer, type WaitOptions } from '../../options.js'
import type { RunningService } from '../../service/serve.js'
import { decodeHeaders, NO_HEADERS } from '../headers.js'
import type { MessageCodec } from '../message-codec.js'
import { type Place, tracedPush } from '../traced-messages.js'
import { DEAD_LIMIT_MAX, decodedDead } from './dead-frames.js'
import type { JobTerms, Job as QueuedJob } from './job.js'
import { LocalJobs } from './job-frames.js'
import type { JobStore } from './job-store.js'
import { PushResult } from './protocol.js'
import { jobTooLarge, settleOne } from './push-batches.js'
import { JobEncoder, setEncoded } from './push-options.js'
import type { QueueCore } from './queue-core.js'
import type { QueueService } from './queue-service.js'
import { checkIds, duplicateRequest } from './remote-queue.js'
import type { DeadJob, PushedJob, PushOptions, Queue, QueueStats } from './types.js'

const CLOSE_TIMEOUT_MS = 10_000
/** The store has at least this time, which it needs for its last changes. */
const STORE_CLOSE_MS = 1_000
const DEAD_LIMIT = 100

/** The parts of a queue that this process holds. */
export interface LocalQueueParts {
  readonly core: QueueCore
  readonly service: QueueService
  readonly running: RunningService
  readonly codec: MessageCodec
  readonly terms: JobTerms
  readonly store: JobStore | undefined
  readonly storePath: string | undefined
  readonly address: string
  readonly name: string
}

/** A queue, in the process that holds its jobs. */
export class LocalQueue<Job, Result> implements Queue<Job, Result> {
  readonly address: string
  readonly store: string | undefined
  readonly #parts: LocalQueueParts
  readonly #encoder: JobEncoder
  readonly #jobs = new LocalJobs()
  readonly #unregister: () => void
  #closing: Promise<void> | undefined

  constructor(parts: LocalQueueParts) {
    this.address = parts.address
    this.store = parts.storePath
    this.#parts = parts
    this.#encoder = new JobEncoder(parts.codec)
    this.#unregister = register('queues', this, (queue) => queue.#figures())
  }

  #figures(): QueueFigures {
    const { core, name, address } = this.#parts
    const stats = core.counts()
    return { address, name, ...stats, deadDropped: stats.deadDropped ?? 0 }
  }

  push(job: Job, options?: PushOptions): Promise<PushedJob> {
    if (!isTraced(queuePush)) return this.#push(job, options, undefined)
    return tracedPush(this.#place, options, false, (changed, traced) => this.#push(job, changed, traced))
  }

  request(job: Job, options?: PushOptions): Promise<Result> {
    if (!isTraced(queuePush)) return this.#request(job, options, undefined)
    return tracedPush(this.#place, options, true, (changed, traced) => this.#request(job, changed, traced))
  }

  get #place(): Place {
    return { address: this.address, name: this.#parts.name }
  }

  #push(job: Job, options: PushOptions | undefined, traced: PushPayload | undefined): Promise<PushedJob> {
    try {
      const encoded = this.#encoder.encode(job, options)
      if (traced !== undefined) setEncoded(traced, encoded)
      const { id, wait } = encoded
      const added = this.#jobs.create(encoded, this.#parts.terms)
      if (wait === undefined) return this.#add(id, added, undefined)
      return within(wait, 'the push', (signal) => this.#add(id, added, signal))
    } catch (thrown) {
      const error = thrown as Error
      return Promise.reject(error)
    }
  }

  #add(id: string, job: QueuedJob, signal: (() => AbortSignal) | undefined): Promise<PushedJob> {
    return new Promise((resolve, reject) => {
      const pushed = { id, resolve, reject }
      this.#parts.service.intake.addOne(job, signal, (result) => settleOne(result, pushed), reject)
    })
  }

  async #request(
    job: Job,
    options: PushOptions | undefined,
    traced: PushPayload | undefined,
  ): Promise<Result> {
    const encoded = this.#encoder.encodeRequest(job, options)
    if (traced !== undefined) setEncoded(traced, encoded)
    const added = this.#jobs.create(encoded, this.#parts.terms)
    const outcome = await within(encoded.wait, 'the request', (signal) =>
      this.#parts.service.run(added, signal),
    )
    if (outcome === PushResult.DUPLICATE) throw duplicateRequest()
    if (outcome === PushResult.TOO_LARGE) throw jobTooLarge()
    if ('error' in outcome) throw decodeRemoteError(outcome.error)
    const { result } = outcome
    return (result === undefined ? undefined : this.#parts.codec.decode(result)) as Result
  }

  async stats(): Promise<QueueStats> {
    return this.#parts.core.stats()
  }

  async deadJobs(limit = DEAD_LIMIT): Promise<DeadJob<Job>[]> {
    integer('limit', limit, 1, DEAD_LIMIT_MAX)
    const jobs: DeadJob<Job>[] = []
    for (const { id, attempt, death, headerBytes, body } of this.#parts.core.table.deadAfter(0)) {
      if (jobs.length === limit) break
      jobs.push({
        // The decoded job may keep views of its memory, and this one stays that of the queue.
        ...decodedDead<Job>(this.#parts.codec, Buffer.from(body)),
        id,
        attempts: attempt,
        reason: death?.reason ?? '',
        headers: decodeHeaders(headerBytes) ?? NO_HEADERS,
      })
    }
    return jobs
  }

  async retryDead(ids?: readonly string[]): Promise<number> {
    checkIds(ids)
    return this.#parts.service.retryDead(ids ?? null)
  }

  close(options?: WaitOptions): Promise<void> {
    try {
      this.#closing ??= this.#close(checkWaitOptions(options))
      return this.#closing
    } catch (thrown) {
      const error = thrown as Error
      return Promise.reject(error)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close({ signal, timeoutMs = CLOSE_TIMEOUT_MS }: WaitOptions): Promise<void> {
    const { core, service, running, store } = this.#parts
    this.#unregister()
    const endMs = nowMs() + timeoutMs
    const reason = closed('no')
    const bound = expiry(timeoutMs, signal)
    await core.close(reason, bound.expired)
    bound.stop()
    service.failRequests(closed('unknown'))
    try {
      await running.close({ timeoutMs: Math.max(0, Math.ceil(endMs - nowMs())) })
    } finally {
      if (store !== undefined) await closeStore(store, endMs)
    }
  }
}

/** A disk that does not answer must not keep the program waiting. */
function closeStore(store: JobStore, endMs: number): Promise<void> {
  const timeoutMs = Math.max(STORE_CLOSE_MS, Math.ceil(endMs - nowMs()))
  return endWithin({ timeoutMs }, 'the close of the store', (resolve, reject) => {
    store.close().then(resolve, reject)
    return () => {}
  })
}

function closed(executed: 'no' | 'unknown'): ShmwireError {
  return new ShmwireError(ErrorCode.CLOSED, 'the queue is closed', { executed })
}

/** Resolves at the end of the time, or when the signal fires. */
function expiry(
  timeoutMs: number,
  signal: AbortSignal | undefined,
): { expired: Promise<void>; stop: () => void } {
  let stop = (): void => {}
  const expired = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, timeoutMs)
    const stopListening = signal === undefined ? undefined : onceAborted(signal, () => resolve())
    if (signal?.aborted === true) resolve()
    stop = () => {
      clearTimeout(timer)
      stopListening?.()
    }
  })
  return { expired, stop }
}

/** Runs a wait in the queue within the limits of its push. The job may be in the queue when the limits end the wait. */
async function within<T>(
  wait: WaitOptions | undefined,
  what: string,
  begin: (signal: (() => AbortSignal) | undefined) => Promise<T>,
): Promise<T> {
  if (wait === undefined) return begin(undefined)
  const leaving = newAbortController()
  try {
    return await waitWithin<T>(wait, what, (resolve, reject) => {
      begin(() => leaving.signal).then(resolve, reject)
      return () => leaving.abort()
    })
  } catch (error) {
    if (!(error instanceof ShmwireError) || error.executed !== undefined) throw error
    throw replaceExecuted(error, 'unknown')
  }
}
