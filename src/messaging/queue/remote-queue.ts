import { randomInt } from 'node:crypto'
import { decodeRemoteError } from '../../channel/remote-error.js'
import { endWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { queuePush } from '../../observe/diagnostics-channels.js'
import type { PushPayload } from '../../observe/diagnostics-payloads.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import { checkWaitOptions, integer, invalid, type WaitOptions } from '../../options.js'
import type { CallOptions } from '../../service/call/call-context.js'
import type { ClientConnection } from '../../service/client-connection.js'
import { ServiceCalls } from '../../service/service-calls.js'
import { receivedError } from '../carried-error.js'
import { decodeHeaders, NO_HEADERS } from '../headers.js'
import type { MessageCodec } from '../message-codec.js'
import { type Place, tracedPush } from '../traced-messages.js'
import { DEAD_LIMIT_MAX, deadRequest, decodedDead, readDeadPage } from './dead-frames.js'
import { combinedBytes, MESSAGE_BYTES } from './frame-queue.js'
import { jobFrame, pushHead } from './job-frames.js'
import { calledAs, PushAnswer, PushFlag, ReplyAnswer } from './protocol.js'
import { jobTooLarge, malformedAnswer, PushBatches, settleOne } from './push-batches.js'
import { JobEncoder, setEncoded } from './push-options.js'
import type { DeadJob, PushedJob, PushOptions, QueueClient, QueueStats } from './types.js'

const DEAD_LIMIT = 100
const CLOSE_TIMEOUT_MS = 10_000
/** After its time, the connection has this time to close. */
const CANCEL_MS = 1_000
/** Of a message of jobs: the name of a codec is at most 255 bytes. */
const HEAD_BYTES_MAX = 264
const UINT32_MAX = 2 ** 32 - 1

type Call = (request: unknown, options?: CallOptions) => Promise<unknown>

/** A queue in another process, or behind a channel of this one. */
export class RemoteQueue<Job, Result> implements QueueClient<Job, Result> {
  readonly address: string
  readonly #place: Place
  readonly #connection: ClientConnection
  readonly #codec: MessageCodec
  readonly #encoder: JobEncoder
  readonly #batches: PushBatches
  readonly #push: Call
  readonly #request: Call
  readonly #stats: Call
  readonly #deadJobs: Call
  readonly #retryDead: Call
  readonly #pusher = randomInt(UINT32_MAX)
  #closed = false

  constructor(place: Place, connection: ClientConnection, service: string, codec: MessageCodec) {
    this.address = place.address ?? ''
    this.#place = place
    this.#connection = connection
    this.#codec = codec
    this.#encoder = new JobEncoder(codec)
    // A push is not repeated by itself: its program knows whether the job has an id.
    const calls = new ServiceCalls(connection, service, {
      timeoutMs: Number.POSITIVE_INFINITY,
      retries: 0,
    })
    const call = (method: Parameters<typeof calledAs>[0]): Call => {
      const invoke = calls.function(method, calledAs(method))
      return (request, options) =>
        (invoke(request, options) as Promise<unknown>).catch((error: unknown) => {
          throw receivedError(error)
        })
    }
    this.#push = call('push')
    this.#request = call('request')
    this.#stats = call('stats')
    this.#deadJobs = call('deadJobs')
    this.#retryDead = call('retryDead')
    this.#batches = new PushBatches(
      async (flags, frames) => (await this.#push(this.#message(flags, frames))) as Buffer,
      () => combinedBytes(connection.channel?.maxMessageBytes ?? MESSAGE_BYTES) - HEAD_BYTES_MAX,
    )
  }

  push(job: Job, options?: PushOptions): Promise<PushedJob> {
    if (!isTraced(queuePush)) return this.#pushJob(job, options, undefined)
    return tracedPush(this.#place, options, false, (changed, traced) => this.#pushJob(job, changed, traced))
  }

  request(job: Job, options?: PushOptions): Promise<Result> {
    if (!isTraced(queuePush)) return this.#requestJob(job, options, undefined)
    return tracedPush(this.#place, options, true, (changed, traced) => this.#requestJob(job, changed, traced))
  }

  #pushJob(job: Job, options: PushOptions | undefined, traced: PushPayload | undefined): Promise<PushedJob> {
    try {
      this.#assertOpen()
      const encoded = this.#encoder.encode(job, options)
      if (traced !== undefined) setEncoded(traced, encoded)
      const frame = jobFrame(encoded)
      if (encoded.wait === undefined) return this.#batches.push(encoded.id, frame)
      return this.#pushAlone(encoded.id, frame, encoded.wait)
    } catch (thrown) {
      const error = thrown as Error
      return Promise.reject(error)
    }
  }

  async #requestJob(
    job: Job,
    options: PushOptions | undefined,
    traced: PushPayload | undefined,
  ): Promise<Result> {
    this.#assertOpen()
    const encoded = this.#encoder.encodeRequest(job, options)
    if (traced !== undefined) setEncoded(traced, encoded)
    const message = this.#message(PushFlag.ALONE, [jobFrame(encoded)])
    const answer = (await this.#request(message, encoded.wait)) as Buffer
    return replyOf(answer, this.#codec) as Result
  }

  async stats(): Promise<QueueStats> {
    return (await this.#stats(undefined)) as QueueStats
  }

  async deadJobs(limit = DEAD_LIMIT): Promise<DeadJob<Job>[]> {
    integer('limit', limit, 1, DEAD_LIMIT_MAX)
    const jobs: DeadJob<Job>[] = []
    let after = 0
    while (jobs.length < limit) {
      const page = readDeadPage((await this.#deadJobs(deadRequest(after, limit - jobs.length))) as Buffer)
      if (page === undefined || page.length > limit - jobs.length) throw malformedAnswer('deadJobs')
      const last = page.at(-1)
      if (last === undefined) break
      for (const { id, attempts, reason, headers, body } of page)
        jobs.push({
          ...decodedDead<Job>(this.#codec, body),
          id,
          attempts,
          reason,
          headers: decodeHeaders(headers) ?? NO_HEADERS,
        })
      if (last.number <= after) throw malformedAnswer('deadJobs')
      after = last.number
    }
    return jobs
  }

  async retryDead(ids?: readonly string[]): Promise<number> {
    checkIds(ids)
    const count = await this.#retryDead(ids ?? null)
    if (typeof count !== 'number') throw malformedAnswer('retryDead')
    return count
  }

  async close(options?: WaitOptions): Promise<void> {
    const { signal, timeoutMs = CLOSE_TIMEOUT_MS } = checkWaitOptions(options)
    const bounds = { signal, timeoutMs }
    this.#closed = true
    try {
      await endWithin(bounds, 'the close of the queue', (resolve, reject) => {
        this.#batches.idle().then(resolve, reject)
        return () => {}
      })
    } finally {
      await this.#connection.close({ timeoutMs: CANCEL_MS })
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #pushAlone(id: string, frame: Buffer, wait: WaitOptions): Promise<PushedJob> {
    const answer = (await this.#push(this.#message(PushFlag.ALONE, [frame]), wait)) as Buffer
    const result = answer[0] === PushAnswer.EACH ? answer[1] : answer[0]
    return new Promise((resolve, reject) => settleOne(result, { id, resolve, reject }))
  }

  #message(flags: number, frames: readonly Buffer[]): Buffer {
    return Buffer.concat([pushHead(this.#codec.name, flags, this.#pusher), ...frames])
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new ShmwireError(ErrorCode.CLOSED, 'this client of the queue is closed; open another one', {
        executed: 'no',
      })
  }
}

/** Throws `INVALID_ARGUMENT`. */
export function checkIds(ids: readonly string[] | undefined): void {
  if (ids !== undefined && !(Array.isArray(ids) && ids.every((id) => typeof id === 'string')))
    throw invalid('ids', ids, 'an array of ids of dead jobs')
}

/** The result of a request, from the answer, which is input from the queue. */
function replyOf(answer: Buffer, codec: MessageCodec): unknown {
  const rest = answer.subarray(1)
  switch (answer[0]) {
    case ReplyAnswer.RESULT:
      return codec.decode(rest)
    case ReplyAnswer.NOTHING:
      return undefined
    case ReplyAnswer.FAILED:
      throw decodeRemoteError(rest)
    case ReplyAnswer.DUPLICATE:
      throw duplicateRequest()
    case ReplyAnswer.TOO_LARGE:
      throw jobTooLarge()
    default:
      throw malformedAnswer('request')
  }
}

export function duplicateRequest(): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_STATE,
    'a job with this id was pushed within dedupWindowMs, so this one does not run, and has no result; use another id',
    { executed: 'no' },
  )
}
