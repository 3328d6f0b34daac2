import { randomBytes } from 'node:crypto'
import { whenAborted } from '../../abort-waits.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { misuse, show } from '../../options.js'
import type { CallContext } from '../../service/call/call-context.js'
import { carriedError } from '../carried-error.js'
import type { MessageCodec } from '../message-codec.js'
import { deadPage } from './dead-frames.js'
import { combinedBytes, FrameQueue } from './frame-queue.js'
import { Intake, type OneResult } from './intake.js'
import type { Job, JobOutcome, JobTerms } from './job.js'
import { type PushMessage, readPush } from './job-frames.js'
import { PushAnswer, PushFlag, PushResult, ReplyAnswer } from './protocol.js'
import type { QueueCore } from './queue-core.js'
import type { QueueStats } from './types.js'
import { CONCURRENCY_MAX, EPOCH_BYTES, readWorkHead, workAnswer } from './work-head.js'

const ALL_ADDED = Buffer.from([PushAnswer.ADDED])
/** A JOB frame and the record around it. */
const FRAME_BYTES = 64
const IDS_MAX = 10_000

/** The handlers of the service of a queue. */
export class QueueService {
  readonly intake: Intake
  readonly #core: QueueCore
  readonly #codec: MessageCodec
  readonly #terms: JobTerms
  readonly #workAnswer = workAnswer(randomBytes(EPOCH_BYTES))
  /** Ends the requests that wait for their jobs. */
  readonly #requests = new Set<(error: ShmwireError) => void>()

  constructor(core: QueueCore, codec: MessageCodec, terms: JobTerms) {
    this.intake = new Intake(core)
    this.#core = core
    this.#codec = codec
    this.#terms = terms
    core.onFailed = (error) => this.failRequests(error)
  }

  /** The functions for `serve`. */
  handlers(): Record<string, (request: never, context: CallContext) => unknown> {
    return {
      push: reporting((message: Buffer, context) => this.#push(message, context)),
      request: reporting((message: Buffer, context) => this.#request(message, context)),
      work: (messages: AsyncIterable<Buffer>, context) => this.#work(messages, context),
      stats: reporting((): QueueStats => this.#core.stats()),
      deadJobs: reporting((message: Buffer, context) => this.#deadJobs(message, context)),
      retryDead: reporting((ids: unknown) => this.#retryDead(ids)),
    }
  }

  /** The requests whose jobs have not ended fail. */
  failRequests(error: ShmwireError): void {
    for (const fail of this.#requests) fail(error)
    this.#requests.clear()
  }

  /** Adds the job of a request, and resolves to its outcome, or to why it does not run. */
  async run(
    job: Job,
    signal: (() => AbortSignal) | undefined,
  ): Promise<JobOutcome | typeof PushResult.DUPLICATE | typeof PushResult.TOO_LARGE> {
    let forget = (): void => {}
    let stopListening = (): void => {}
    const outcome = new Promise<JobOutcome>((resolve, reject) => {
      job.onDone = resolve
      forget = this.#fails(reject)
      const ends = signal?.()
      if (ends !== undefined) stopListening = whenAborted(ends, () => reject(abandoned(ends)))
      const added = (result: OneResult): void => {
        if (result !== PushResult.ADDED) reject(new NotAdded(result))
      }
      this.intake.addOne(job, signal, added, reject)
    })
    try {
      return await outcome
    } catch (error) {
      if (error instanceof NotAdded) return error.result
      throw error
    } finally {
      forget()
      stopListening()
    }
  }

  #push(message: Buffer, context: CallContext): Buffer | Promise<Buffer> {
    const { flags, pusher, jobs } = this.#read(message)
    let answer: Buffer | undefined
    let resolve: ((answer: Buffer) => void) | undefined
    let reject: ((error: unknown) => void) | undefined
    const from = {
      channel: context.channel,
      pusher,
      waits: (flags & PushFlag.WAITS) !== 0,
      signal: () => context.signal,
    }
    const done = (results: Uint8Array): void => {
      answer = pushAnswer(results)
      resolve?.(answer)
    }
    if ((flags & PushFlag.ALONE) !== 0) return this.#pushOne(jobs, context)
    this.intake.addAll(jobs, from, done, (error) => reject?.(carriedError(error)))
    return (
      answer ??
      new Promise((onDone, onFailed) => {
        resolve = onDone
        reject = onFailed
      })
    )
  }

  #pushOne(jobs: readonly Job[], context: CallContext): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const done = (result: OneResult): void => resolve(pushAnswer(Uint8Array.of(result)))
      this.intake.addOne(onlyOne(jobs), () => context.signal, done, reject)
    })
  }

  async #request(message: Buffer, context: CallContext): Promise<Buffer> {
    const outcome = await this.run(onlyOne(this.#read(message).jobs), () => context.signal)
    if (outcome === PushResult.DUPLICATE) return Buffer.from([ReplyAnswer.DUPLICATE])
    if (outcome === PushResult.TOO_LARGE) return Buffer.from([ReplyAnswer.TOO_LARGE])
    if ('error' in outcome) return Buffer.concat([Buffer.from([ReplyAnswer.FAILED]), outcome.error])
    const { result } = outcome
    if (result === undefined) return Buffer.from([ReplyAnswer.NOTHING])
    return Buffer.concat([Buffer.from([ReplyAnswer.RESULT]), result])
  }

  #work(messages: AsyncIterable<Buffer>, context: CallContext): FrameQueue {
    const frames = new FrameQueue(combinedBytes(context.channel.maxMessageBytes))
    this.#serveWorker(messages, frames, context).catch((error: Error) =>
      frames.fail(carriedError(error) as Error),
    )
    return frames
  }

  async #serveWorker(
    messages: AsyncIterable<Buffer>,
    frames: FrameQueue,
    context: CallContext,
  ): Promise<void> {
    const iterator = messages[Symbol.asyncIterator]()
    const first = await iterator.next()
    const head = first.done === true ? 'it has no first message' : readWorkHead(first.value)
    if (typeof head === 'string') throw misuse(`the worker is refused: ${head}`)
    this.#codec.assertSame(head.codec, 'the worker')
    if (head.concurrency < 1 || head.concurrency > CONCURRENCY_MAX)
      throw misuse(`the worker asks for ${head.concurrency} jobs; the bounds are 1 and ${CONCURRENCY_MAX}`)
    const at = frames.reserve(this.#workAnswer.length)
    frames.memory.set(this.#workAnswer, at)
    const session = this.#core.addWorker(
      frames,
      head.concurrency,
      context.channel.maxMessageBytes - FRAME_BYTES,
    )
    try {
      for (;;) {
        const next = await iterator.next()
        if (next.done === true) break
        const fault = session.receive(next.value)
        if (fault !== undefined) throw misuse(`the worker is disconnected, because it sent ${fault}`)
        // A worker that does not read must not make the queue write more.
        if (frames.isFull) await new Promise<void>((resolve) => frames.whenRoom(resolve))
      }
    } catch (error) {
      frames.fail(carriedError(error) as Error)
    } finally {
      session.end()
    }
  }

  /** The function runs when the queue closes, until the returned one is called. */
  #fails(failed: (error: ShmwireError) => void): () => void {
    this.#requests.add(failed)
    return () => this.#requests.delete(failed)
  }

  #deadJobs(message: Buffer, { channel }: CallContext): Buffer {
    return deadPage(this.#core.table, message, combinedBytes(channel.maxMessageBytes))
  }

  #retryDead(ids: unknown): Promise<number> {
    const isValid =
      ids === null ||
      (Array.isArray(ids) && ids.length <= IDS_MAX && ids.every((id) => typeof id === 'string'))
    if (!isValid) throw misuse(`ids is ${show(ids)}; it must be null or an array of at most ${IDS_MAX} ids`)
    return this.retryDead(ids)
  }

  /** Revives the dead jobs with these ids, or all, while there is room. Resolves to their number when the store has the change. */
  retryDead(ids: readonly string[] | null): Promise<number> {
    this.#core.assertOpen()
    const chosen = ids === null ? undefined : new Set(ids)
    const jobs = [...this.#core.table.deadAfter(0)].filter((job: Job) => chosen?.has(job.id) ?? true)
    let count = 0
    for (const job of jobs) if (this.#core.revive(job)) count += 1
    this.#core.schedule()
    return new Promise((resolve, reject) => {
      this.#core.after((error) => {
        if (error === undefined) resolve(count)
        else reject(error)
      })
    })
  }

  #read(message: Buffer): PushMessage {
    const read = readPush(owned(message), this.#terms)
    if (typeof read === 'string') throw misuse(`the message of jobs is malformed: ${read}`)
    this.#codec.assertSame(read.codec, 'the program that pushes')
    return read
  }
}

/** The job was not added, so it has no outcome. */
class NotAdded extends Error {
  readonly result: typeof PushResult.DUPLICATE | typeof PushResult.TOO_LARGE

  constructor(result: typeof PushResult.DUPLICATE | typeof PushResult.TOO_LARGE) {
    super('the job was not added')
    this.result = result
  }
}

/** A job stays for long, and the memory around a message can be that of many messages. */
function owned(message: Buffer): Buffer {
  return message.buffer.byteLength > 2 * message.length ? Buffer.from(message) : message
}

function onlyOne(jobs: readonly Job[]): Job {
  const [job] = jobs
  if (job === undefined || jobs.length > 1)
    throw misuse(`the message has ${jobs.length} jobs; it must have one`)
  return job
}

function pushAnswer(results: Uint8Array): Buffer {
  if (results.every((result) => result === PushResult.ADDED)) return ALL_ADDED
  return Buffer.concat([Buffer.from([PushAnswer.EACH]), results])
}

/** The errors of a handler reach the caller with their codes. */
function reporting<Request>(
  handler: (request: Request, context: CallContext) => unknown,
): (request: Request, context: CallContext) => unknown {
  return (request, context) => {
    let result: unknown
    try {
      result = handler(request, context)
    } catch (error) {
      throw carriedError(error)
    }
    if (!(result instanceof Promise)) return result
    return result.catch((error: unknown) => {
      throw carriedError(error)
    })
  }
}

/** The program does not wait any more, but its job may run. */
function abandoned(signal: AbortSignal): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, 'the request was aborted', {
    cause: signal.reason,
    executed: 'unknown',
  })
}
