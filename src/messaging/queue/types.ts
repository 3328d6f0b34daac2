import type { EventEmitter } from 'node:events'
import type { Codec, CodecName } from '../../codec/codec.js'
import type { BackOff, KeepConnectedOptions } from '../../keep-connected.js'
import type { WaitOptions } from '../../options.js'
import type { MessageHeaders, ServedOptions } from '../types.js'

/** How jobs run; the defaults of a queue, which each `push` can replace. */
export interface JobOptions {
  /** How often a job may run: 1 to 1,000. Then it is dead. Default 5. */
  attempts?: number | undefined
  /** The waits before further attempts, with full jitter. Default 100 ms to 30 s. */
  backOff?: BackOff | undefined
  /** How long one attempt may take. Then the job runs again. Default 60,000; at most a day. */
  timeLimitMs?: number | undefined
}

/** The options of `createQueue`. */
export interface QueueOptions extends ServedOptions, WaitOptions, JobOptions {
  codec?: CodecName | Codec | undefined
  /** The file of a queue that survives its process. Default: the jobs are in memory only. */
  store?: string | undefined
  /** Jobs that are not done. Pushes wait for room. Default 100,000. */
  maxJobs?: number | undefined
  /** Their bytes. Pushes that wait for room may have as many again, and at least 64 MiB. Default 256 MiB. */
  maxBytes?: number | undefined
  /** How long the id of a job is known after its push. Default 120,000. */
  dedupWindowMs?: number | undefined
  /** Ids that are known. At this bound, pushes with an id wait until an older id is not known any more. Default 1,000,000. */
  maxIds?: number | undefined
  /** Where dead jobs go. Those that this queue refuses stay here, as without it. Default: all stay; see `deadJobs`. */
  deadLetters?: QueueClient | undefined
  /** Dead jobs that stay; older ones are dropped. Default 1,000. */
  maxDead?: number | undefined
  engine?: QueueEngine | undefined
}

export interface PushOptions extends WaitOptions, JobOptions {
  /** A job with the id of one that was pushed within `dedupWindowMs` is not pushed again. Default: a random id. */
  id?: string | undefined
  /** The job runs after this time at the earliest. Default 0; at most 30 days. */
  delayMs?: number | undefined
  key?: string | undefined
  headers?: MessageHeaders | undefined
}

export interface PushedJob {
  readonly id: string
  /** There was a job with this id within the window; this one was not pushed. */
  readonly duplicate: boolean
}

export interface QueueStats {
  /** Jobs that wait for a worker. */
  readonly waiting: number
  /** Jobs that wait for their time. */
  readonly delayed: number
  /** Jobs that workers have now. */
  readonly leased: number
  readonly dead: number
  readonly bytes: number
  readonly workers: number
  /** Since the start of the queue's process. */
  readonly pushed: number
  readonly completed: number
  readonly failed: number
  readonly redelivered: number
  /** Dead jobs that left the queue because of `maxDead`, or of `maxBytes`. Undefined: the engine does not count them. */
  readonly deadDropped?: number | undefined
}

export interface DeadJob<Job> {
  readonly job: Job
  readonly id: string
  readonly attempts: number
  readonly reason: string
  /** The codec cannot decode the job: `job` is its bytes. */
  readonly fault?: Error | undefined
  readonly headers: MessageHeaders
}

/** A queue, as a program that pushes jobs sees it. */
// biome-ignore lint/suspicious/noExplicitAny: the programs agree on the types of jobs
export interface QueueClient<Job = any, Result = any> extends AsyncDisposable {
  readonly address: string
  /**
   * Resolves when the queue's process holds the job; with `store`, when it is on disk. Waits while the queue is full. Rejects with the
   * errors of a call, whose `executed` says whether the job may be in the queue.
   */
  push(job: Job, options?: PushOptions): Promise<PushedJob>
  /** Pushes a job and resolves to what its handler returns. Rejects with the error of the last attempt. */
  request(job: Job, options?: PushOptions): Promise<Result>
  /** Rejects with the error of the store if it has failed. */
  stats(): Promise<QueueStats>
  /** The dead jobs that stay in the queue, oldest first, at most `limit` (default 100). */
  deadJobs(limit?: number): Promise<DeadJob<Job>[]>
  /** Lets dead jobs run again, with all their attempts. Default: all. Resolves to their number. */
  retryDead(ids?: readonly string[]): Promise<number>
  close(options?: WaitOptions): Promise<void>
}

/** A queue whose jobs this process holds. `close` accepts no new jobs, and waits for the jobs of workers. */
// biome-ignore lint/suspicious/noExplicitAny: the programs agree on the types of jobs
export interface Queue<Job = any, Result = any> extends QueueClient<Job, Result> {
  readonly store: string | undefined
}

export interface OpenQueueOptions extends WaitOptions {
  name?: string | undefined
  codec?: CodecName | Codec | undefined
  engine?: QueueEngine | undefined
  channel?: KeepConnectedOptions | undefined
  /** Waits for a queue that is not up yet, and for the servers of an engine, within `signal` and `timeoutMs`. Default false: rejects if there is none. */
  waitForServer?: boolean | undefined
}

export interface WorkOptions extends OpenQueueOptions {
  /** Jobs that run at once: 1 to 10,000. Default 1. */
  concurrency?: number | undefined
  /**
   * The queues that get the results of jobs whose header `reply-to` has their name here. The reply has the header `correlation-id` of its job, or
   * the job's id. A job that names another queue fails. Default: `reply-to` has no effect.
   */
  replyQueues?: Readonly<Record<string, QueueClient>> | undefined
}

/** The job of a handler. */
export interface JobContext {
  readonly id: string
  /** From 1. */
  readonly attempt: number
  readonly attempts: number
  readonly key: string | undefined
  readonly headers: MessageHeaders
  /** Fires when the lease ends: at the time limit, when the queue is gone, and when the worker is destroyed. */
  readonly signal: AbortSignal
  /** In milliseconds until the time limit. */
  readonly remainingMs: number
  /** Begins the time limit again. Rejects with `LEASE_LOST`. It needs no receiver. */
  readonly extend: () => Promise<void>
}

export type JobHandler<Job, Result> = (job: Job, context: JobContext) => Result | PromiseLike<Result>

// biome-ignore lint/suspicious/noExplicitAny: the programs agree on the types of jobs
export interface WorkerEvents<Job = any> {
  /** The handler threw, or its answer could not be acknowledged. */
  failed: [error: Error, job: Job, context: JobContext]
  close: [error: Error | undefined]
}

/** Runs the jobs of a queue. It connects again when the queue comes back. */
// biome-ignore lint/suspicious/noExplicitAny: the programs agree on the types of jobs
export interface Worker<Job = any> extends EventEmitter<WorkerEvents<Job>>, AsyncDisposable {
  readonly address: string
  /** Jobs whose handlers run now. */
  readonly running: number
  /** Takes no further job, and waits for those that run. At the end of its time, their leases end. */
  close(options?: WaitOptions): Promise<void>
}

/** Carries queues beyond this machine; see Engine. */
export interface QueueEngine {
  createQueue<Job, Result>(name: string, options: QueueOptions): Promise<Queue<Job, Result>>
  openQueue<Job, Result>(name: string, options: OpenQueueOptions): Promise<QueueClient<Job, Result>>
  work<Job, Result>(
    name: string,
    handler: JobHandler<Job, Result>,
    options: WorkOptions,
  ): Promise<Worker<Job>>
}
