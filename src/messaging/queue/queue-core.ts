import { ErrorCode, replaceExecuted, ShmwireError } from '../../errors.js'
import { clearTimeout, nextTick, nowMs, setTimeout, timeOfDayMs } from '../../host.js'
import { LinkedQueue } from '../../linked-queue.js'
import { TIMEOUT_MS_MAX } from '../../options.js'
import { carriedError } from '../carried-error.js'
import { Commits, type Committed } from './commits.js'
import { DeadLetters } from './dead-letters.js'
import type { FrameQueue } from './frame-queue.js'
import type { Job, JobOutcome } from './job.js'
import type { JobStore, StoredQueue } from './job-store.js'
import { type Admission, JobTable, type TableBounds } from './job-table.js'
import { encodeReason, reasonOf } from './reason.js'
import { RoomWaits } from './room-waits.js'
import type { QueueStats } from './types.js'
import { type SessionOwner, WorkerSession } from './worker-session.js'

const WORKERS_MAX = 10_000
/** Ids are dropped in groups. */
const FORGET_MS = 1_000

type CoreEvent = 'queue.deadJobRefused' | 'queue.deadJobsWait' | 'queue.stopped'
/** `job`: the job that the line is about. */
type CoreLog = (event: CoreEvent, error: unknown, job?: Job) => void

export interface QueueParts {
  readonly bounds: TableBounds
  readonly store: JobStore | undefined
  readonly stored: StoredQueue | undefined
  /** Copies a dead job to another queue. Undefined: dead jobs stay. */
  readonly copyDead: ((job: Job) => Promise<unknown>) | undefined
  /** For events that no call reports. */
  readonly log?: CoreLog | undefined
}

/**
 * Runs a queue: the table, its timers, its store and its workers. Everything that happens in one turn of the event loop has its effects together,
 * at the end of the turn.
 */
export class QueueCore implements SessionOwner {
  readonly table: JobTable
  readonly waits: RoomWaits
  /** Called when the store has failed, with the error of the jobs that the queue has: they do not run any more. */
  onFailed: ((error: ShmwireError) => void) | undefined
  readonly #bytesMax: number
  readonly #log: CoreLog
  readonly #commits: Commits
  readonly #sessions = new Set<WorkerSession>()
  /** Workers with room, in the order in which they get jobs. */
  readonly #ready = new LinkedQueue<WorkerSession>()
  #written: WorkerSession[] = []
  readonly #dead: DeadLetters | undefined
  #scheduled = false
  #running = false
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY
  #forgetMs = 0
  /** Why the queue accepts nothing more. */
  #ended: ShmwireError | undefined
  #failure: ShmwireError | undefined
  #closed = false
  #onIdle: (() => void) | undefined

  constructor(parts: QueueParts) {
    const { bounds, store, stored, copyDead, log = () => {} } = parts
    this.#bytesMax = Math.min(bounds.maxBytes, store?.jobBytesMax ?? Number.POSITIVE_INFINITY)
    this.#log = log
    this.#commits = new Commits(store, (error) => this.#storeFailed(error))
    this.table = new JobTable(bounds, {
      now: nowMs,
      timeOfDay: timeOfDayMs,
      random: Math.random,
      journal: store === undefined ? undefined : this.#commits.add,
      copiesDead: copyDead !== undefined,
    })
    this.waits = new RoomWaits(bounds.maxBytes)
    if (copyDead !== undefined) this.#dead = new DeadLetters(copyDead, this)
    if (stored !== undefined) this.table.restore(stored)
  }

  /** Called once, when programs can reach the queue. */
  start(): void {
    for (const job of this.table.deadAfter(0)) this.#dead?.add(job)
    this.schedule()
  }

  /** Throws why the queue accepts no job any more. */
  assertOpen(): void {
    if (this.#ended !== undefined) throw this.#ended
  }

  /** Whether the job could ever have room. */
  canHold(job: Job): boolean {
    return job.size <= this.#bytesMax
  }

  /** Lets a dead job run again. False: it is not dead, or there is no room. */
  revive(job: Job): boolean {
    // Those that wait for room came before.
    if (job.state !== 'dead' || (this.waits.length > 0 && !job.awaitsCopy)) return false
    this.#dead?.remove(job)
    return this.table.revive(job)
  }

  /** Adds a job, unless others wait for room. */
  add(job: Job): Admission {
    if (this.waits.length > 0) return 'full'
    return this.addNow(job)
  }

  /** For the first one that waits for room. */
  addNow(job: Job): Admission {
    const admission = this.table.add(job)
    if (admission === 'added') this.schedule()
    return admission
  }

  /** Runs `effect` when all changes so far are on disk. */
  after(effect: Committed): void {
    this.#commits.after(effect)
    if (!this.#commits.isImmediate) this.schedule()
  }

  /** Throws `BACKLOG`, or why the queue is closed. */
  addWorker(frames: FrameQueue, concurrency: number, bytesMax: number): WorkerSession {
    this.assertOpen()
    if (this.#sessions.size >= WORKERS_MAX)
      throw new ShmwireError(
        ErrorCode.BACKLOG,
        `the queue has ${WORKERS_MAX} workers, the most that it serves; use a higher concurrency for each`,
      )
    const session = new WorkerSession(this, frames, concurrency, bytesMax)
    this.#sessions.add(session)
    // The answer to the worker is the first of its frames.
    this.wrote(session)
    this.roomMayBe(session)
    return session
  }

  /** Throws why the store has failed. */
  stats(): QueueStats {
    if (this.#failure !== undefined) throw replaceExecuted(this.#failure, 'no')
    return this.counts()
  }

  /** The same, also of a queue whose store has failed. */
  counts(): QueueStats {
    const { waiting, delayed, leased, dead, bytes, counters } = this.table
    return { waiting, delayed, leased, dead, bytes, workers: this.#sessions.size, ...counters }
  }

  /** Ends the turn with the effects of what happened in it. */
  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    nextTick(this.#run)
  }

  /**
   * Accepts nothing new. Resolves when the workers have no job, or after `expired`, which ends their leases. Never rejects.
   */
  async close(reason: ShmwireError, expired: Promise<void>): Promise<void> {
    this.#ended ??= reason
    this.waits.fail(reason)
    for (const session of this.#sessions) session.close()
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    this.schedule()
    await Promise.race([Promise.all([idle, this.#dead?.stop()]), expired])
    for (const session of this.#sessions) session.end()
    this.#closed = true
    clearTimeout(this.#timer)
    await Promise.race([this.#commits.settled(), expired])
  }

  done(job: Job, result: Buffer | undefined): void {
    this.table.complete(job)
    this.#settle(job, { result })
  }

  failed(job: Job, error: Buffer): void {
    if (this.table.fail(job, reasonOf(error)) === 'dead') this.#died(job, error)
  }

  lost(job: Job, reason: string): void {
    if (this.table.fail(job, reason) === 'dead') this.#died(job, encodeReason(reason))
    this.schedule()
  }

  extended(job: Job): void {
    // It can stay for long.
    job.detach()
    this.table.extend(job)
  }

  unused(job: Job): void {
    this.table.giveBack(job)
  }

  left(session: WorkerSession): void {
    this.#sessions.delete(session)
    this.#ready.remove(session)
    this.schedule()
  }

  roomMayBe(session: WorkerSession): void {
    if (session.queue === undefined && this.#sessions.has(session) && session.hasRoom)
      this.#ready.push(session)
    this.schedule()
  }

  wrote(session: WorkerSession): void {
    this.#written.push(session)
    if (!this.#running) this.schedule()
  }

  /** The other queue has the job. */
  copied(job: Job): void {
    this.table.dropDead(job)
    this.schedule()
  }

  /** The other queue will never take the job. */
  notCopied(job: Job, error: unknown): void {
    this.#log('queue.deadJobRefused', error, job)
    this.table.keepDead(job)
    this.schedule()
  }

  copiesFail(error: unknown): void {
    this.#log('queue.deadJobsWait', error)
  }

  #died(job: Job, error: Buffer): void {
    this.#dead?.add(job)
    this.#settle(job, { error })
  }

  #settle(job: Job, outcome: JobOutcome): void {
    const { onDone } = job
    // A dead job that is revived has no program that waits.
    job.onDone = undefined
    // A store that fails has closed the queue, which ends all requests.
    if (onDone !== undefined)
      this.after((error) => {
        if (error === undefined) onDone(outcome)
      })
  }

  readonly #run = (): void => {
    this.#scheduled = false
    if (this.#closed) return
    this.#running = true
    this.table.promote()
    while (this.table.expire());
    this.#forgetIds()
    this.waits.admit()
    if (this.#ended === undefined) this.#dispatch()
    this.#running = false
    this.#commits.flush()
    for (const session of this.#written.splice(0)) session.flush()
    this.#arm()
    if (this.#ended !== undefined && this.table.leased === 0) this.#onIdle?.()
  }

  #dispatch(): void {
    const ready = this.#ready
    while (this.table.waiting > 0) {
      const session = ready.shift()
      if (session === undefined) return
      if (!session.hasRoom) continue
      const job = this.table.take(session)
      if (job === undefined) return
      this.#assign(session, job)
      if (session.hasRoom) ready.push(session)
    }
  }

  #assign(session: WorkerSession, job: Job): void {
    if (!session.fits(job)) {
      this.lost(job, `the job of ${job.size} bytes is longer than maxMessageBytes of the worker`)
      return
    }
    session.assign(job)
    const { lease } = job
    this.#commits.after((error) => {
      // The slot can have the same job again, whose later attempt is not stored yet.
      if (error !== undefined || !session.send(job, lease)) return
      // The worker's time begins now.
      this.table.extend(job)
      if (!this.#running) this.schedule()
    })
  }

  #forgetIds(): void {
    if (this.table.nextIdMs > nowMs()) return
    this.table.forgetIds()
    this.#forgetMs = nowMs() + FORGET_MS
  }

  /** One timer for everything that has a time. A timer that is early only runs once more. */
  #arm(): void {
    const nextMs = Math.min(this.table.nextMs, Math.max(this.table.nextIdMs, this.#forgetMs))
    if (nextMs >= this.#timerMs || nextMs === Number.POSITIVE_INFINITY) return
    clearTimeout(this.#timer)
    this.#timerMs = nextMs
    const delayMs = Math.min(Math.max(0, Math.ceil(nextMs - nowMs())), TIMEOUT_MS_MAX)
    this.#timer = setTimeout(() => {
      this.#timerMs = Number.POSITIVE_INFINITY
      this.schedule()
    }, delayMs).unref()
  }

  #storeFailed(error: ShmwireError): void {
    this.#failure = error
    const refusal = replaceExecuted(error, 'no')
    this.#ended ??= refusal
    this.#log('queue.stopped', error)
    // A copy could not be removed here any more.
    void this.#dead?.stop()
    this.waits.fail(refusal)
    for (const session of this.#sessions) session.fail(carriedError(error) as Error)
    this.onFailed?.(replaceExecuted(error, 'unknown'))
    this.schedule()
  }
}
