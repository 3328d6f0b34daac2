import { ErrorCode, ShmwireError } from '../../errors.js'
import { Fifo } from '../../fifo.js'
import { clearTimeout, nextTick, nowMs, setTimeout, timeOfDayMs } from '../../host.js'
import { TIMEOUT_MS_MAX } from '../../options.js'
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

export interface QueueParts {
  readonly bounds: TableBounds
  readonly store: JobStore | undefined
  readonly stored: StoredQueue | undefined
  /** Copies a dead job to another queue. Undefined: dead jobs stay. */
  readonly copyDead: ((job: Job) => Promise<unknown>) | undefined
}

/**
 * Runs a queue: the table, its timers, its store and its workers. Everything that happens in one turn of the event loop has its effects together,
 * at the end of the turn.
 */
export class QueueCore implements SessionOwner {
  readonly table: JobTable
  readonly waits: RoomWaits
  readonly #parts: QueueParts
  readonly #commits: Commits
  readonly #sessions = new Set<WorkerSession>()
  /** Workers with room, in the order in which they get jobs. */
  readonly #ready = new Fifo<WorkerSession>()
  readonly #isReady = new WeakSet<WorkerSession>()
  readonly #dead: DeadLetters | undefined
  #scheduled = false
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY
  #forgetMs = 0
  #ended: ShmwireError | undefined
  #onIdle: (() => void) | undefined

  constructor(parts: QueueParts) {
    const { store, stored, copyDead } = parts
    this.#parts = parts
    this.#commits = new Commits(store, (error) => this.#storeFailed(error))
    this.table = new JobTable(parts.bounds, {
      now: nowMs,
      timeOfDay: timeOfDayMs,
      random: Math.random,
      journal: store === undefined ? undefined : this.#commits.add,
      copiesDead: copyDead !== undefined,
    })
    this.waits = new RoomWaits()
    if (copyDead !== undefined) this.#dead = new DeadLetters(copyDead, (job) => this.#copied(job))
    if (stored !== undefined) this.table.restore(stored)
    for (const job of this.table.deadAfter(0)) this.#dead?.add(job)
    this.schedule()
  }

  /** Throws why the queue accepts no job any more. */
  assertOpen(): void {
    if (this.#ended !== undefined) throw this.#ended
  }

  /** Whether the job could ever have room. */
  canHold(job: Job): boolean {
    return job.size <= this.#parts.bounds.maxBytes
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
    this.roomMayBe(session)
    return session
  }

  stats(): QueueStats {
    const { waiting, delayed, leased, dead, bytes, counters } = this.table
    const { pushed, completed, failed, redelivered } = counters
    const workers = this.#sessions.size
    return { waiting, delayed, leased, dead, bytes, workers, pushed, completed, failed, redelivered }
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
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.waits.fail(reason)
    for (const session of this.#sessions) session.close()
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    this.schedule()
    await Promise.race([Promise.all([idle, this.#dead?.stop()]), expired])
    for (const session of this.#sessions) session.end()
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
    this.table.extend(job)
  }

  unused(job: Job): void {
    this.table.giveBack(job)
  }

  left(session: WorkerSession): void {
    this.#sessions.delete(session)
    this.schedule()
  }

  roomMayBe(session: WorkerSession): void {
    if (session.hasRoom && !this.#isReady.has(session)) {
      this.#isReady.add(session)
      this.#ready.push(session)
    }
    this.schedule()
  }

  #died(job: Job, error: Buffer): void {
    this.#dead?.add(job)
    this.#settle(job, { error })
  }

  #settle(job: Job, outcome: JobOutcome): void {
    const { onDone } = job
    // A store that fails has closed the queue, which ends all requests.
    if (onDone !== undefined)
      this.after((error) => {
        if (error === undefined) onDone(outcome)
      })
  }

  #copied(job: Job): void {
    this.table.dropDead(job)
    this.schedule()
  }

  readonly #run = (): void => {
    this.#scheduled = false
    this.table.promote()
    while (this.table.expire());
    this.#forgetIds()
    this.waits.admit()
    if (this.#ended === undefined) this.#dispatch()
    this.#commits.flush()
    for (const session of this.#sessions) session.flush()
    this.#arm()
    if (this.#ended !== undefined && this.table.leased === 0) this.#onIdle?.()
  }

  #dispatch(): void {
    const ready = this.#ready
    while (this.table.waiting > 0) {
      const session = ready.shift()
      if (session === undefined) return
      this.#isReady.delete(session)
      if (!session.hasRoom) continue
      const job = this.table.take(session)
      if (job === undefined) return
      this.#assign(session, job)
      if (session.hasRoom) {
        this.#isReady.add(session)
        ready.push(session)
      }
    }
  }

  #assign(session: WorkerSession, job: Job): void {
    if (!session.fits(job)) {
      this.lost(job, `the job of ${job.size} bytes is longer than maxMessageBytes of the worker`)
      return
    }
    session.assign(job)
    if (this.#commits.isImmediate) {
      session.send(job)
      return
    }
    this.#commits.after((error) => {
      if (error !== undefined || !session.send(job)) return
      // The worker's time begins now.
      this.table.extend(job)
      this.schedule()
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
    this.#ended ??= error
    this.waits.fail(error)
    for (const session of this.#sessions) session.fail(error)
    this.#onIdle?.()
  }
}
