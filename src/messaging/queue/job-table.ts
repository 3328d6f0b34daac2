import { backOffMs } from '../../back-off.js'
import { Fifo } from '../../fifo.js'
import { DedupWindow } from './dedup-window.js'
import { type Job, type LeaseHolder, storedJob } from './job.js'
import type { JobChange, StoredQueue } from './job-store.js'
import { TimerHeap } from './timer-heap.js'

export interface TableBounds {
  /** Jobs that are not done and not dead. */
  readonly maxJobs: number
  /** Of these jobs; and of the dead ones, apart. */
  readonly maxBytes: number
  readonly maxDead: number
  readonly dedupWindowMs: number
  /** Ids within the dedup window. */
  readonly maxIds: number
}

export interface TableDependencies {
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number
  /** Milliseconds since 1970, for the journal. */
  readonly timeOfDay: () => number
  /** From 0 to 1. */
  readonly random: () => number
  /** Gets each change of a queue with a store. */
  readonly journal: ((change: JobChange) => void) | undefined
  /** Dead jobs wait for their copy; see `takeDead`. They count as jobs until then. */
  readonly copiesDead: boolean
}

export type Admission = 'added' | 'duplicate' | 'full'

const PROCESS_ENDED = 'the process of the queue ended during the last attempt'

/**
 * The jobs of a queue and their states. It has no timers and sends nothing: its owner calls `promote` and `expire` at `nextMs`, and takes jobs
 * for the workers.
 *
 *   new → waiting ⇄ leased → gone
 *     ↘   ↑ ↓         ↓ ↘
 *       delayed ←─────┘  dead → gone or waiting
 */
export class JobTable {
  readonly counters = { pushed: 0, completed: 0, failed: 0, redelivered: 0, deadDropped: 0 }
  readonly #bounds: TableBounds
  readonly #dependencies: TableDependencies
  readonly #waiting = new Fifo<Job>()
  /** Jobs that workers returned unused: the next to go, in the order of their pushes. */
  readonly #returned = new TimerHeap<Job>()
  readonly #delayed = new TimerHeap<Job>()
  /** Leases whose time has begun. */
  readonly #timed = new TimerHeap<Job>()
  /** By their numbers, oldest first. */
  readonly #dead = new Map<number, Job>()
  /** Those that do not wait for a copy, in the order in which they are dropped. */
  readonly #kept = new Map<number, Job>()
  readonly #ids: DedupWindow
  #nextSequence = 1
  #deaths = 0
  #leases = 0
  #jobs = 0
  #bytes = 0
  #deadBytes = 0

  constructor(bounds: TableBounds, dependencies: TableDependencies) {
    this.#bounds = bounds
    this.#dependencies = dependencies
    this.#ids = new DedupWindow(bounds.dedupWindowMs, bounds.maxIds)
  }

  get waiting(): number {
    return this.#waiting.length + this.#returned.length
  }

  get delayed(): number {
    return this.#delayed.length
  }

  get leased(): number {
    return this.#leases
  }

  get dead(): number {
    return this.#dead.size
  }

  get bytes(): number {
    return this.#bytes + this.#deadBytes
  }

  /** When `promote` or `expire` has something to do; Infinity: not before another call. */
  get nextMs(): number {
    return Math.min(
      this.#delayed.first?.dueMs ?? Number.POSITIVE_INFINITY,
      this.#timed.first?.dueMs ?? Number.POSITIVE_INFINITY,
    )
  }

  /** When the oldest id leaves the dedup window; Infinity: it is empty. */
  get nextIdMs(): number {
    return this.#ids.nextMs
  }

  /** Adds a new job. */
  add(job: Job): Admission {
    const { now, timeOfDay, journal } = this.#dependencies
    const { delayMs } = job
    const id = job.dedup && this.#bounds.dedupWindowMs > 0 ? job.id : undefined
    const nowMs = id === undefined && delayMs === 0 ? 0 : now()
    if (id !== undefined && this.#ids.has(id, nowMs)) return 'duplicate'
    if (!this.#hasRoom(job.size) || (id !== undefined && !this.#ids.hasRoom(nowMs))) return 'full'
    job.sequence = this.#nextSequence++
    this.#count(job, 1)
    this.counters.pushed += 1
    journal?.({ type: 'add', job: job.record(), dueAtMs: delayMs === 0 ? 0 : timeOfDay() + delayMs })
    if (id !== undefined) {
      this.#ids.add(id, nowMs)
      journal?.({ type: 'seen', id, untilMs: timeOfDay() + this.#bounds.dedupWindowMs })
    }
    if (delayMs === 0) this.#wait(job)
    else {
      job.detach()
      this.#delayUntil(job, nowMs + delayMs)
    }
    return 'added'
  }

  /** The next job, leased to the holder. Its time limit begins with `extend`, when the holder gets it. */
  take(holder: LeaseHolder): Job | undefined {
    const returned = this.#returned.first
    if (returned !== undefined) this.#returned.remove(returned)
    const job = returned ?? this.#waiting.shift()
    if (job === undefined) return undefined
    job.state = 'leased'
    job.attempt += 1
    job.lease += 1
    job.holder = holder
    job.dueMs = Number.POSITIVE_INFINITY
    this.#leases += 1
    if (job.attempt > 1) this.counters.redelivered += 1
    this.#dependencies.journal?.({ type: 'attempt', sequence: job.sequence, attempt: job.attempt })
    return job
  }

  /** The time limit of the leased job begins, or begins again. */
  extend(job: Job): void {
    job.dueMs = this.#dependencies.now() + job.terms.timeLimitMs
    if (job.heapIndex < 0) this.#timed.add(job)
    else this.#timed.update(job)
  }

  /** The leased job is done. */
  complete(job: Job): void {
    this.#endLease(job)
    this.counters.completed += 1
    this.#remove(job)
  }

  /** The leased job has failed, and runs again or is dead. */
  fail(job: Job, reason: string): 'delayed' | 'dead' {
    this.#endLease(job)
    this.counters.failed += 1
    job.detach()
    if (job.attempt < job.terms.attempts) {
      this.#retryLater(job)
      return 'delayed'
    }
    this.#die(job, reason)
    return 'dead'
  }

  /** The worker returns the leased job, which has not begun to run. The job is the next one. */
  giveBack(job: Job): void {
    this.#endLease(job)
    job.attempt -= 1
    if (job.attempt > 0) this.counters.redelivered -= 1
    job.state = 'waiting'
    job.dueMs = job.sequence
    this.#returned.add(job)
    this.#dependencies.journal?.({ type: 'attempt', sequence: job.sequence, attempt: job.attempt })
  }

  /** Ends the next lease whose time limit has passed, and passes the job to its holder, which calls `fail`. False: there is none. */
  expire(): boolean {
    const job = this.#timed.first
    if (job === undefined || job.dueMs > this.#dependencies.now()) return false
    job.holder?.leaseExpired(job)
    return true
  }

  /** Lets the jobs wait whose time has come. Returns whether there are any. */
  promote(): boolean {
    const nowMs = this.#delayed.length === 0 ? 0 : this.#dependencies.now()
    let found = false
    for (let job = this.#delayed.first; job !== undefined && job.dueMs <= nowMs; job = this.#delayed.first) {
      this.#delayed.remove(job)
      this.#wait(job)
      found = true
    }
    return found
  }

  /** Drops the ids whose time has passed. */
  forgetIds(): void {
    const { now, timeOfDay, journal } = this.#dependencies
    if (this.#ids.forget(now()) > 0) journal?.({ type: 'forget', untilMs: timeOfDay() })
  }

  /** The dead jobs after the one with this number, oldest first. */
  *deadAfter(number: number): Generator<Job> {
    for (const job of this.#dead.values()) if (job.deathNumber > number) yield job
  }

  /** Lets the dead job run again. False: it is not dead, or there is no room. */
  revive(job: Job): boolean {
    if (job.state !== 'dead' || (!job.awaitsCopy && !this.#hasRoom(job.size))) return false
    if (!job.awaitsCopy) this.#count(job, 1)
    this.#leaveDead(job)
    job.attempt = 0
    job.death = undefined
    this.#dependencies.journal?.({ type: 'revive', sequence: job.sequence })
    this.#wait(job)
    return true
  }

  /** The dead job cannot be copied. It stays as one of a queue that copies none. */
  keepDead(job: Job): void {
    if (job.state !== 'dead' || !job.awaitsCopy) return
    job.awaitsCopy = false
    this.#count(job, -1)
    this.#keep(job)
    this.#dropOldDead()
  }

  /** The dead job has left the queue. */
  dropDead(job: Job): void {
    if (job.state !== 'dead') return
    if (job.awaitsCopy) this.#count(job, -1)
    this.#leaveDead(job)
    job.state = 'gone'
    this.#dependencies.journal?.({ type: 'remove', sequence: job.sequence })
  }

  /** Called once, before any other member, with the content of the store. */
  restore({ jobs, seen, nextSequence }: StoredQueue): void {
    const { now, timeOfDay, copiesDead, journal } = this.#dependencies
    const [nowMs, dayMs] = [now(), timeOfDay()]
    this.#nextSequence = nextSequence
    // The time of day can have been set back, and an id must not stay for longer than the window.
    for (const { id, untilMs } of seen.toSorted((a, b) => a.untilMs - b.untilMs))
      this.#ids.restore(id, nowMs + Math.min(untilMs - dayMs, this.#bounds.dedupWindowMs))
    const dead: Job[] = []
    const died: Job[] = []
    for (const stored of jobs) {
      const { attempts, attempt, dueAtMs, deadReason, deadAtMs } = stored
      const job = storedJob(stored)
      job.attempt = attempt
      const wasLeased = attempt > 0 && dueAtMs === 0
      const dies = wasLeased && attempt >= attempts
      if ((deadReason === undefined && !dies) || copiesDead) this.#count(job, 1)
      if (deadReason !== undefined) {
        job.death = { reason: deadReason, atMs: deadAtMs }
        dead.push(job)
      } else if (dies) {
        job.death = { reason: PROCESS_ENDED, atMs: dayMs }
        died.push(job)
        journal?.({ type: 'dead', sequence: job.sequence, reason: PROCESS_ENDED, deadAtMs: dayMs })
      } else if (wasLeased) this.#retryLater(job)
      else if (dueAtMs > dayMs) this.#delayUntil(job, nowMs + dueAtMs - dayMs)
      else this.#wait(job)
    }
    // The newest come last, also if the time of day was set back.
    for (const job of dead.toSorted((a, b) => (a.death?.atMs ?? 0) - (b.death?.atMs ?? 0))) this.#bury(job)
    for (const job of died) this.#bury(job)
    this.#dropOldDead()
  }

  #hasRoom(bytes: number): boolean {
    return this.#jobs < this.#bounds.maxJobs && this.#bytes + bytes <= this.#bounds.maxBytes
  }

  #count(job: Job, sign: 1 | -1): void {
    this.#jobs += sign
    this.#bytes += sign * job.size
  }

  #wait(job: Job): void {
    job.state = 'waiting'
    this.#waiting.push(job)
  }

  #delayUntil(job: Job, dueMs: number): void {
    job.state = 'delayed'
    job.dueMs = dueMs
    this.#delayed.add(job)
  }

  #retryLater(job: Job): void {
    const { now, timeOfDay, random, journal } = this.#dependencies
    const { backOffMinMs, backOffMaxMs } = job.terms
    const delayMs = backOffMs(job.attempt, backOffMinMs, backOffMaxMs, random)
    journal?.({ type: 'delay', sequence: job.sequence, dueAtMs: timeOfDay() + delayMs })
    this.#delayUntil(job, now() + delayMs)
  }

  #endLease(job: Job): void {
    this.#timed.remove(job)
    this.#leases -= 1
    job.holder = undefined
  }

  #remove(job: Job): void {
    job.state = 'gone'
    this.#count(job, -1)
    this.#dependencies.journal?.({ type: 'remove', sequence: job.sequence })
  }

  #die(job: Job, reason: string): void {
    const { timeOfDay, journal, copiesDead } = this.#dependencies
    const deadAtMs = timeOfDay()
    job.death = { reason, atMs: deadAtMs }
    if (!copiesDead) this.#count(job, -1)
    this.#bury(job)
    journal?.({ type: 'dead', sequence: job.sequence, reason, deadAtMs })
    this.#dropOldDead()
  }

  #bury(job: Job): void {
    job.state = 'dead'
    job.deathNumber = ++this.#deaths
    job.awaitsCopy = this.#dependencies.copiesDead
    this.#dead.set(job.deathNumber, job)
    if (!job.awaitsCopy) this.#keep(job)
  }

  #keep(job: Job): void {
    this.#kept.set(job.deathNumber, job)
    this.#deadBytes += job.size
  }

  #leaveDead(job: Job): void {
    this.#dead.delete(job.deathNumber)
    if (this.#kept.delete(job.deathNumber)) this.#deadBytes -= job.size
    job.awaitsCopy = false
  }

  /** Dead jobs that wait for their copy count as jobs, and are never dropped. */
  #dropOldDead(): void {
    const { maxDead, maxBytes } = this.#bounds
    for (const job of this.#kept.values()) {
      if (this.#kept.size <= maxDead && this.#deadBytes <= maxBytes) return
      this.counters.deadDropped += 1
      this.dropDead(job)
    }
  }
}
