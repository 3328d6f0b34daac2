import { randomUUID } from 'node:crypto'
import { waitWithin } from '../../../deadline.js'
import { ErrorCode, replaceExecuted, ShmwireError } from '../../../errors.js'
import type { MessageCodec } from '../../../messaging/message-codec.js'
import type { JobTerms } from '../../../messaging/queue/job.js'
import { givenTerms } from '../../../messaging/queue/job-terms.js'
import { CORRELATION_ID } from '../../../messaging/queue/push-options.js'
import type { DeadJob, PushedJob, PushOptions, Queue, QueueStats } from '../../../messaging/queue/types.js'
import { encodeKey } from '../../../messaging/topic/key.js'
import { type Place, tracedPush } from '../../../messaging/traced-messages.js'
import { queuePush } from '../../../observe/diagnostics-channels.js'
import type { PushPayload } from '../../../observe/diagnostics-payloads.js'
import { isTraced } from '../../../observe/diagnostics-trace.js'
import { checkWaitOptions, integer, invalid, TIMEOUT_MS_MAX, type WaitOptions } from '../../../options.js'
import type { EngineConnection } from '../connection.js'
import { type Stored, StreamPublisher } from '../publisher.js'
import { DeadJobs } from './dead-jobs.js'
import type { DelayedJobs } from './delayed-jobs.js'
import { addJobHead, dedupIdOf, ID_BYTES_MAX } from './job-message.js'
import { statsOf } from './queue-stats.js'
import { type QueueDescription, whatOf } from './queue-streams.js'
import type { Replies } from './replies.js'

const PUSH_NAMES = [
  'signal',
  'timeoutMs',
  'attempts',
  'backOff',
  'timeLimitMs',
  'id',
  'delayMs',
  'key',
  'headers',
] satisfies (keyof PushOptions)[]

/** A request waits so much longer than the attempts of its job can take, unless it has `timeoutMs`. */
const REQUEST_EXTRA_MS = 60_000
const LIMIT_MAX = 100_000
/** The headers and the subject of a job, about. */
const STORED_BYTES = 512

export interface QueueParts {
  readonly connection: EngineConnection
  readonly name: string
  readonly description: QueueDescription
  readonly codec: MessageCodec
  readonly replies: Replies
  /** Only of a queue that this process has created. */
  readonly delayed: DelayedJobs | undefined
}

/** A queue of JetStream. A stream has no owner, so the program that has created it and one that only uses it can do the same. */
export class JetQueue<Job, Result> implements Queue<Job, Result> {
  readonly address: string
  readonly store = undefined
  readonly #parts: QueueParts
  readonly #publisher: StreamPublisher
  readonly #dead: DeadJobs<Job>
  /** Pushes without an answer. */
  readonly #pending = new Set<Promise<unknown>>()
  #isClosed = false

  constructor(parts: QueueParts) {
    const { connection, name, description, codec } = parts
    this.address = name
    this.#parts = parts
    const { dedupWindowMs } = description
    this.#publisher = new StreamPublisher(connection, { what: whatOf(name), dedupWindowMs })
    this.#dead = new DeadJobs(connection, name, this.#publisher, codec)
  }

  /** Whether another queue of the same engine can use this one for its dead letters. */
  isOf(connection: EngineConnection): boolean {
    return this.#parts.connection === connection
  }

  push(job: Job, options?: PushOptions): Promise<PushedJob> {
    if (!isTraced(queuePush)) return this.#push(job, options)
    return tracedPush(this.#place, options, false, (changed, traced) => this.#push(job, changed, traced))
  }

  request(job: Job, options?: PushOptions): Promise<Result> {
    if (!isTraced(queuePush)) return this.#request(job, options)
    return tracedPush(this.#place, options, true, (changed, traced) => this.#request(job, changed, traced))
  }

  get #place(): Place {
    return { address: this.address, name: this.address }
  }

  async #push(job: Job, options: PushOptions = {}, traced?: PushPayload): Promise<PushedJob> {
    const wait = checkWaitOptions(options, PUSH_NAMES)
    this.#assertUsable()
    const { id = randomUUID() } = options
    const terms = this.#termsOf(options)
    const { duplicate } = await this.#store(job, id, options, terms, wait, undefined, traced)
    // The engine can have sent a job with a random id twice itself.
    return { id, duplicate: duplicate && options.id !== undefined }
  }

  async #request(job: Job, options: PushOptions = {}, traced?: PushPayload): Promise<Result> {
    const wait = checkWaitOptions(options, PUSH_NAMES)
    this.#assertUsable()
    const { id = randomUUID() } = options
    const terms = this.#termsOf(options)
    const { name, replies, codec } = this.#parts
    const { timeoutMs = longestMs(terms) } = wait
    const reply = replies.expect(whatOf(name))
    try {
      const bounds = { ...wait, timeoutMs }
      const headers = { [CORRELATION_ID]: id, ...options.headers }
      const pushed = { ...options, headers }
      const bytes = await waitWithin<Buffer | undefined>(
        bounds,
        `a request to ${whatOf(name)}`,
        (resolve, reject) => {
          this.#store(job, id, pushed, terms, bounds, reply.subject, traced).then(
            ({ duplicate, canBeOwn }) => {
              // The result of its own job still arrives.
              if (duplicate && options.id !== undefined && !canBeOwn) reject(duplicateId(name, id))
            },
            reject,
          )
          reply.result.then(resolve, reject)
          return () => reply.forget()
        },
      )
      return (bytes === undefined ? undefined : codec.decode(bytes)) as Result
    } catch (error) {
      // The job can run, or have run, while this side waited for its result.
      throw error instanceof ShmwireError && ENDED_WAITS.has(error.code)
        ? replaceExecuted(error, 'unknown')
        : error
    } finally {
      reply.forget()
    }
  }

  async stats(): Promise<QueueStats> {
    this.#assertOpen()
    return statsOf(this.#parts.connection, this.#parts.name)
  }

  async deadJobs(limit = 100): Promise<DeadJob<Job>[]> {
    this.#assertUsable()
    return this.#dead.list(integer('limit', limit, 1, LIMIT_MAX))
  }

  async retryDead(ids?: readonly string[]): Promise<number> {
    this.#assertOpen()
    if (ids !== undefined && (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')))
      throw invalid('ids', ids, 'an array of strings')
    return this.#dead.retry(ids)
  }

  /** The jobs stay in the stream, and workers of other processes continue. */
  async close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    this.#isClosed = true
    await this.#parts.delayed?.stop()
    await waitWithin<void>(bounds, `closing ${whatOf(this.address)}`, (resolve) => {
      void Promise.allSettled(this.#pending).then(() => resolve())
      return () => {}
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #store(
    job: Job,
    id: string,
    options: PushOptions,
    terms: JobTerms & { readonly delayMs: number },
    wait: WaitOptions,
    reply: string | undefined,
    traced: PushPayload | undefined,
  ): Promise<Stored> {
    checkId(id)
    const { connection, name, codec } = this.#parts
    const headers = connection.newHeaders()
    const { key } = options
    encodeKey(key)
    const own = hasTerms(options) ? terms : undefined
    addJobHead(headers, { key, terms: own, delayMs: terms.delayMs, reply }, options.headers)
    // Other messages are encoded while the stream has no room for this one.
    const body = codec.keep(codec.encode(job))
    if (traced !== undefined) {
      traced.id = id
      traced.byteLength = body.length
    }
    this.#assertFits(body.length)
    const subject = connection.settings.names.subject('queue', name, terms.delayMs > 0 ? 'later' : 'job')
    const stored = this.#publisher.publish({ subject, body, headers, id: dedupIdOf(id) }, wait)
    this.#pending.add(stored)
    try {
      return await stored
    } finally {
      this.#pending.delete(stored)
    }
  }

  /** The server would refuse it for ever, as if the queue were full. */
  #assertFits(bytes: number): void {
    const { maxBytes } = this.#parts.description
    if (bytes + STORED_BYTES <= maxBytes) return
    throw new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `${whatOf(this.address)}: the job is ${bytes} bytes, and maxBytes is ${maxBytes} with ${STORED_BYTES} for its headers; raise maxBytes`,
      { executed: 'no' },
    )
  }

  /** The terms of the queue, unless the push has its own. */
  #termsOf({
    attempts,
    backOff,
    timeLimitMs,
    delayMs,
  }: PushOptions): JobTerms & { readonly delayMs: number } {
    const given = givenTerms({ attempts, backOff, timeLimitMs, delayMs })
    const { terms } = this.#parts.description
    const backOffMinMs = given.backOffMinMs || terms.backOffMinMs
    return {
      attempts: given.attempts || terms.attempts,
      backOffMinMs,
      backOffMaxMs: Math.max(given.backOffMaxMs || terms.backOffMaxMs, backOffMinMs),
      timeLimitMs: given.timeLimitMs || terms.timeLimitMs,
      delayMs: given.delayMs,
    }
  }

  /** As a local queue, it refuses each call of a client with another codec, but not the client. */
  #assertUsable(): void {
    this.#assertOpen()
    this.#parts.codec.assertSame(this.#parts.description.codec, whatOf(this.address))
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new ShmwireError(ErrorCode.CLOSED, `${whatOf(this.address)} is closed`, { executed: 'no' })
  }
}

const ENDED_WAITS: ReadonlySet<string> = new Set([ErrorCode.TIMEOUT, ErrorCode.ABORTED])

function hasTerms({ attempts, backOff, timeLimitMs }: PushOptions): boolean {
  return attempts !== undefined || backOff !== undefined || timeLimitMs !== undefined
}

function checkId(id: unknown): void {
  if (typeof id !== 'string' || id === '' || dedupIdOf(id).length > ID_BYTES_MAX)
    throw invalid(
      'id',
      id,
      `a string of 1 to ${ID_BYTES_MAX} bytes, in which each byte beyond ASCII counts three times`,
    )
}

function duplicateId(name: string, id: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_STATE,
    `${whatOf(name)}: a job with the id ${JSON.stringify(id)} was pushed before, so this one does not run; use another id`,
    { executed: 'no', status: 'ALREADY_EXISTS' },
  )
}

/** A result can be lost while this process connects again, so a request must end. */
function longestMs({
  attempts,
  timeLimitMs,
  backOffMaxMs,
  delayMs,
}: JobTerms & { readonly delayMs: number }): number {
  return Math.min(TIMEOUT_MS_MAX, attempts * (timeLimitMs + backOffMaxMs) + delayMs + REQUEST_EXTRA_MS)
}
