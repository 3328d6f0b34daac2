import { EventEmitter } from 'node:events'
import { correlationOf } from '../../../correlation.js'
import { waitWithin } from '../../../deadline.js'
import type { ShmwireError } from '../../../errors.js'
import { Fifo } from '../../../fifo.js'
import { clearTimeout, nextTick, nowMs, setTimeout } from '../../../host.js'
import { notifyLateListeners } from '../../../late-listeners.js'
import type { LogEvent } from '../../../log/lines.js'
import { type LogDetails, log } from '../../../log/log.js'
import type { MessageCodec } from '../../../messaging/message-codec.js'
import type { Replies } from '../../../messaging/queue/replies.js'
import type { JobHandler, Worker, WorkerEvents } from '../../../messaging/queue/types.js'
import { takeTrace } from '../../../messaging/traced-messages.js'
import { queueTake } from '../../../observe/diagnostics-channels.js'
import { isTraced } from '../../../observe/diagnostics-trace.js'
import { checkWaitOptions, type WaitOptions } from '../../../options.js'
import { runApart, textOfThrown } from '../../../uncaught.js'
import type { EngineConnection, Msg } from '../connection.js'
import { Acknowledgement, deliveryOf } from '../delivery.js'
import { readHeaders } from '../headers.js'
import { Pull } from '../pull.js'
import { DelayedJobs } from './delayed-jobs.js'
import { readJobHead } from './job-message.js'
import { ensureWorkers, type QueueDescription, whatOf } from './queue-streams.js'
import { bufferOf } from './replies.js'
import { RunningJob } from './running-job.js'
import { Settlement } from './settlement.js'

/** As parts of `leaseMs`: two lost signs of life must not end a lease. */
const RENEW_PART = 1 / 3
const CHECK_PART = 1 / 10

export interface WorkerParts {
  readonly connection: EngineConnection
  readonly name: string
  readonly description: QueueDescription
  readonly codec: MessageCodec
  readonly concurrency: number
  /** The option `replyQueues`. */
  readonly replies: Replies
}

/**
 * Runs jobs of a work-queue stream. It requests as many jobs as it has free places, so the lease of a job begins when its handler begins.
 * JetStream does not notice that a worker is gone: the lease ends `leaseMs` after the last sign of life.
 */
export class JetWorker<Job, Result> extends EventEmitter<WorkerEvents<Job>> implements Worker<Job> {
  readonly address: string
  readonly #parts: WorkerParts
  readonly #handler: JobHandler<Job, Result>
  readonly #settlement: Settlement
  readonly #pull: Pull
  readonly #delayed: DelayedJobs
  /** From the delivery to the confirmed end. */
  readonly #jobs = new Set<RunningJob>()
  /** Jobs that a late answer of the server brought beyond the free places. */
  readonly #held = new Fifo<RunningJob>()
  readonly #idle: (() => void)[] = []
  #running = 0
  #timer: NodeJS.Timeout | undefined
  #isClosing = false
  #isOver = false

  constructor(parts: WorkerParts, handler: JobHandler<Job, Result>) {
    super()
    const { connection, name, description } = parts
    const what = whatOf(name)
    const { names } = connection.settings
    this.address = name
    this.#parts = parts
    this.#handler = handler
    this.#settlement = new Settlement(connection, name, what, description)
    this.#delayed = new DelayedJobs(connection, name, description)
    this.#pull = new Pull(connection, {
      what,
      stream: names.stream('queue', name),
      ensureConsumer: () => ensureWorkers(connection, names, 'queue', name),
      onMessage: (message) => this.#receive(message),
      onEnd: (error) => this.#end(error),
    })
  }

  /** Rejects if the queue is gone. */
  async start(): Promise<void> {
    await this.#pull.start()
    await this.#delayed.start()
    this.#watchLeases()
    this.#takeMore()
  }

  get running(): number {
    return this.#running
  }

  async close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    this.#isClosing = true
    await Promise.all([this.#pull.stop(), this.#delayed.stop()])
    try {
      await waitWithin<void>(bounds, `closing the worker of ${whatOf(this.address)}`, (resolve) => {
        this.#idle.push(resolve)
        this.#checkIdle()
        return () => {}
      })
    } finally {
      for (const job of this.#jobs) this.#returnJob(job)
      this.#end(undefined)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Requests jobs for the free places. Acknowledgements that wait for the server take places too, but only beyond twice the number. */
  #takeMore(): void {
    if (this.#isClosing || this.#isOver) return
    const { concurrency } = this.#parts
    this.#pull.setRoom(
      Math.max(
        0,
        Math.min(concurrency - this.#running - this.#held.length, 2 * concurrency - this.#jobs.size),
      ),
    )
  }

  #receive(message: Msg): void {
    if (this.#isOver) return
    let job: RunningJob
    try {
      job = this.#readJob(message)
    } catch (error) {
      void this.#buryMalformed(message, error as Error)
      return
    }
    this.#jobs.add(job)
    if (job.attempt > job.attempts) void this.#buryLost(job)
    else if (this.#running < this.#parts.concurrency) void this.#run(job)
    else this.#held.push(job)
  }

  #readJob(message: Msg): RunningJob {
    const delivery = deliveryOf(message)
    const head = readJobHead(message.headers, String(delivery.streamSequence), this.#parts.description.terms)
    const headers = readHeaders(message.headers)
    const { leaseMs } = this.#parts.connection.settings
    return new RunningJob(message, delivery, head, headers, leaseMs, (job) => this.#renew(job))
  }

  async #run(job: RunningJob): Promise<void> {
    this.#running += 1
    const outcome = await this.#observed(job)
    this.#running -= 1
    job.stopLimit()
    const next = this.#held.shift()
    if (next !== undefined) void this.#run(next)
    this.#takeMore()
    // At the time limit, the job was returned while its handler ran.
    let thrown = outcome.thrown
    if (job.isEnding) {
      thrown ??= job.lost
      this.#report(thrown, job, outcome.input)
    } else if (thrown === undefined) thrown = await this.#complete(job, outcome)
    else {
      this.#report(thrown, job, outcome.input)
      await this.#retry(job, thrown)
    }
    if (thrown === undefined) job.trace?.settle()
    else job.trace?.fail(thrown)
    this.#leave(job)
  }

  #observed(job: RunningJob): Promise<HandlerOutcome<Job>> {
    if (!isTraced(queueTake)) return this.#handle(job)
    const trace = takeTrace({ address: this.address, name: this.address }, job, job.message.data.length)
    job.trace = trace
    return trace.begin(() => this.#handle(job))
  }

  /** Never rejects. */
  async #handle(job: RunningJob): Promise<HandlerOutcome<Job>> {
    const { codec } = this.#parts
    let input: Job | undefined
    try {
      input = codec.decode(bufferOf(job.message.data)) as Job
      job.startLimit(() => void this.#onLimit(job))
      const result = await this.#handler(input, job)
      await this.#parts.replies.send(job, result)
      const isExpected = job.head.reply !== undefined && result !== undefined
      // Other jobs can be encoded before this result is sent.
      return { input, result: isExpected ? codec.keep(codec.encode(result)) : undefined, thrown: undefined }
    } catch (thrown) {
      return { input, result: undefined, thrown: thrown ?? new Error(`the handler threw ${String(thrown)}`) }
    }
  }

  /** Resolves to the reason why the job is not done. */
  async #complete(job: RunningJob, { input, result }: HandlerOutcome<Job>): Promise<unknown> {
    job.isEnding = true
    try {
      job.assertHeld()
      // Before the acknowledgement: a worker that dies in between lets the job run again, and the first result counts.
      this.#settlement.answer(job.head, result)
      await this.#settlement.confirm(job.message, Acknowledgement.done, () => job.assertHeld())
      return undefined
    } catch (error) {
      this.#report(error, job, input)
      return error
    }
  }

  /** Lets the job run again after its back-off, or buries it after its last attempt. */
  async #retry(job: RunningJob, thrown: unknown, attempt = job.attempt): Promise<void> {
    job.isEnding = true
    const { attempts, head, message, delivery } = job
    const assertLeased = (): void => job.assertLeased()
    try {
      if (attempt >= attempts)
        await this.#settlement.bury({ message, delivery, head }, attempt, thrown, assertLeased)
      else
        await this.#settlement.confirm(
          message,
          Acknowledgement.again(this.#settlement.delayMs(head, attempt)),
          assertLeased,
        )
    } catch (error) {
      // The job stays in the stream, and is delivered again when its lease ends.
      this.#log('nats.jobNotAcknowledged', error, job)
    }
  }

  async #onLimit(job: RunningJob): Promise<void> {
    if (job.isEnding) return
    const error = job.lose(`timeLimitMs has passed: ${job.head.terms.timeLimitMs}`)
    this.#log('nats.timeLimit', error, job)
    await this.#retry(job, error)
    this.#jobs.delete(job)
    this.#checkIdle()
  }

  /** A job whose last worker has died, or has lost its connection. */
  async #buryLost(job: RunningJob): Promise<void> {
    const error = new Error(`the worker of its last attempt of ${job.attempts} has died or lost its lease`)
    await this.#retry(job, error, job.attempts)
    this.#leave(job)
  }

  async #buryMalformed(message: Msg, error: Error): Promise<void> {
    const { leaseMs } = this.#parts.connection.settings
    const endMs = nowMs() + leaseMs
    const assertLeased = (): void => {
      if (nowMs() >= endMs) throw error
    }
    try {
      const delivery = deliveryOf(message)
      await this.#settlement.bury({ message, delivery, head: undefined }, 0, error, assertLeased)
    } catch (failure) {
      this.#log('nats.malformedJob', failure)
    }
    this.#takeMore()
  }

  #leave(job: RunningJob): void {
    this.#jobs.delete(job)
    this.#takeMore()
    this.#checkIdle()
  }

  #checkIdle(): void {
    if (!this.#isClosing || this.#jobs.size > 0 || this.#running > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** The worker waits no longer for the handler. The job can run elsewhere at once. */
  #returnJob(job: RunningJob): void {
    job.lose('the worker was closed')
    if (job.isEnding) return
    job.isEnding = true
    this.#settlement
      .confirm(job.message, Acknowledgement.again(0), () => job.assertLeased())
      .catch((error: unknown) => this.#log('nats.jobNotReturned', error, job))
  }

  async #renew(job: RunningJob): Promise<void> {
    const sentMs = nowMs()
    job.renewedMs = sentMs
    await this.#settlement.confirm(job.message, Acknowledgement.working, () => job.assertLeased())
    job.leaseEndMs = sentMs + this.#parts.connection.settings.leaseMs
  }

  #watchLeases(): void {
    if (this.#isOver) return
    const { leaseMs } = this.#parts.connection.settings
    this.#timer = setTimeout(() => {
      for (const job of this.#jobs) this.#checkLease(job, leaseMs)
      this.#watchLeases()
    }, leaseMs * CHECK_PART)
  }

  #checkLease(job: RunningJob, leaseMs: number): void {
    const now = nowMs()
    if (now >= job.leaseEndMs) {
      job.lose('the worker sent no sign of life within leaseMs')
      job.isEnding = true
      this.#leave(job)
    } else if (now - job.renewedMs >= leaseMs * RENEW_PART) {
      this.#renew(job).catch((error: unknown) => this.#log('nats.leaseNotRenewed', error, job))
    }
  }

  #report(thrown: unknown, job: RunningJob, input: Job | undefined): void {
    this.#log('queue.attemptFailed', thrown, job)
    const error = thrown instanceof Error ? thrown : new Error(textOfThrown(thrown))
    runApart(() => this.emit('failed', error, input as Job, job))
  }

  #log(event: LogEvent, error: unknown, job?: RunningJob): void {
    log(this.#parts.connection.settings.logger, event, () => ({
      queue: this.address,
      ...(job === undefined ? {} : jobFields(job)),
      error,
    }))
  }

  #end(error: ShmwireError | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#isClosing = true
    clearTimeout(this.#timer)
    void this.#pull.stop()
    void this.#delayed.stop()
    for (const job of this.#jobs) job.lose('the worker has ended')
    this.#jobs.clear()
    nextTick(() => {
      notifyLateListeners(this, 'close', error)
      this.emit('close', error)
    })
  }
}

interface HandlerOutcome<Job> {
  /** Undefined: the job cannot be decoded. */
  readonly input: Job | undefined
  /** Only for a program that waits for it. */
  readonly result: Uint8Array | undefined
  readonly thrown: unknown
}

function jobFields({ id, attempt, attempts, headers }: RunningJob): LogDetails {
  return { jobId: id, attempt, attempts, correlationId: correlationOf(headers) }
}
