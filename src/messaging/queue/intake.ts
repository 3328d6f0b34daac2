import { whenAborted } from '../../abort-waits.js'
import type { Channel } from '../../channel/channel.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Job } from './job.js'
import { PushResult } from './protocol.js'
import type { QueueCore } from './queue-core.js'
import { RoomWait } from './room-waits.js'

/** Programs of one channel whose jobs were refused and not sent again. */
const PUSHERS_MAX = 1_000

/** Where a message of jobs comes from. */
export interface PushSource {
  readonly channel: Channel
  /** Of the program: one channel can have several. */
  readonly pusher: number
  readonly waits: boolean
  readonly signal: () => AbortSignal
}

/** The state of a program that pushes over one channel. */
interface Pusher {
  /** Its last jobs were refused, so the ones behind them are refused too, until it sends the first ones again. */
  refuses: boolean
  waits: boolean
}

export type OneResult = typeof PushResult.ADDED | typeof PushResult.DUPLICATE | typeof PushResult.TOO_LARGE

/** Adds the jobs of programs to the queue, in the order of their pushes, as long as there is room. */
export class Intake {
  readonly #core: QueueCore
  readonly #pushers = new WeakMap<Channel, Map<number, Pusher>>()

  constructor(core: QueueCore) {
    this.#core = core
  }

  /**
   * Adds the jobs of one message until there is no room. The pusher sends the others again, with `waits`: then they wait for room for the first
   * one. `done` gets a PushResult for each job. Throws why the queue is closed.
   */
  addAll(
    jobs: readonly Job[],
    from: PushSource,
    done: (results: Uint8Array) => void,
    failed: (error: ShmwireError) => void,
  ): void {
    const core = this.#core
    core.assertOpen()
    const pushers = this.#pushersOf(from.channel)
    const pusher = pushers.get(from.pusher) ?? { refuses: false, waits: false }
    const results = new Uint8Array(jobs.length).fill(PushResult.FULL)
    const settle = (): void => {
      if (!pusher.refuses && !pusher.waits) pushers.delete(from.pusher)
      else if (pushers.size < PUSHERS_MAX || pushers.has(from.pusher)) pushers.set(from.pusher, pusher)
      core.after((error) => {
        if (error === undefined) done(results)
        else failed(error)
      })
    }
    // A second message that waits would be memory that only a faulty pusher needs.
    if (pusher.waits || (pusher.refuses && !from.waits)) {
      settle()
      return
    }
    if (!pushers.has(from.pusher) && pushers.size >= PUSHERS_MAX) forgetOne(pushers)
    const isBegun = this.#admit(jobs, pusher, results, false)
    if (isBegun || !from.waits) {
      settle()
      return
    }
    const bytes = jobs.reduce((sum, { size }) => sum + size, 0)
    const signal = from.signal()
    let stopListening = (): void => {}
    const wait = new RoomWait(
      bytes,
      () => {
        if (!this.#admit(jobs, pusher, results, true)) return false
        stopListening()
        pusher.waits = false
        settle()
        return true
      },
      failed,
    )
    core.waits.add(wait)
    pusher.waits = true
    pushers.set(from.pusher, pusher)
    stopListening = whenAborted(signal, () => {
      if (!core.waits.remove(wait)) return
      // The jobs that it sends next are the first ones for this side.
      pushers.delete(from.pusher)
      failed(aborted(signal))
    })
  }

  /** Adds one job, when there is room. Calls `failed` with `BACKLOG`, `ABORTED`, or why the queue is closed. */
  addOne(
    job: Job,
    signal: (() => AbortSignal) | undefined,
    done: (result: OneResult) => void,
    failed: (error: ShmwireError) => void,
  ): void {
    const core = this.#core
    try {
      core.assertOpen()
      if (!core.canHold(job)) {
        done(PushResult.TOO_LARGE)
        return
      }
      const admission = core.add(job)
      if (admission === 'full') this.#waitForRoom(job, signal, done, failed)
      else this.#settle(admission, done, failed)
    } catch (error) {
      failed(error as ShmwireError)
    }
  }

  #settle(
    admission: 'added' | 'duplicate',
    done: (result: OneResult) => void,
    failed: (error: ShmwireError) => void,
  ): void {
    this.#core.after((error) => {
      if (error === undefined) done(admission === 'added' ? PushResult.ADDED : PushResult.DUPLICATE)
      else failed(error)
    })
  }

  #waitForRoom(
    job: Job,
    signal: (() => AbortSignal) | undefined,
    done: (result: OneResult) => void,
    failed: (error: ShmwireError) => void,
  ): void {
    const core = this.#core
    let stopListening = (): void => {}
    const wait = new RoomWait(
      job.size,
      () => {
        const admission = core.addNow(job)
        if (admission === 'full') return false
        stopListening()
        this.#settle(admission, done, failed)
        return true
      },
      failed,
    )
    core.waits.add(wait)
    const ends = signal?.()
    if (ends === undefined) return
    stopListening = whenAborted(ends, () => {
      if (core.waits.remove(wait)) failed(aborted(ends))
    })
  }

  #pushersOf(channel: Channel): Map<number, Pusher> {
    let pushers = this.#pushers.get(channel)
    if (pushers === undefined) {
      pushers = new Map()
      this.#pushers.set(channel, pushers)
    }
    return pushers
  }

  /** Returns whether the first job could be added. */
  #admit(jobs: readonly Job[], pusher: Pusher, results: Uint8Array, hasWaited: boolean): boolean {
    const core = this.#core
    const memory = jobs[0]?.memory
    pusher.refuses = false
    let index = 0
    for (; index < jobs.length; index++) {
      const job = jobs[index] as Job
      if (!core.canHold(job)) {
        results[index] = PushResult.TOO_LARGE
        continue
      }
      const admission = hasWaited ? core.addNow(job) : core.add(job)
      if (admission === 'full') {
        pusher.refuses = true
        break
      }
      results[index] = admission === 'added' ? PushResult.ADDED : PushResult.DUPLICATE
    }
    if (memory !== undefined) detachFew(jobs, memory, results)
    return index > 0
  }
}

/** A few jobs must not keep the memory of a message whose other jobs were duplicates, were refused or have their own. */
function detachFew(jobs: readonly Job[], memory: Buffer, results: Uint8Array): void {
  const kept = jobs.filter((job, index) => results[index] === PushResult.ADDED && job.memory === memory)
  if (kept.length === jobs.length) return
  const bytes = kept.reduce((sum, { size }) => sum + size, 0)
  if (2 * bytes < memory.length) for (const job of kept) job.detach()
}

/** Makes room for a program: the first one whose jobs do not wait. Its next jobs are those of a new one. Throws `BACKLOG`. */
function forgetOne(pushers: Map<number, Pusher>): void {
  for (const [id, { waits }] of pushers) {
    if (waits) continue
    pushers.delete(id)
    return
  }
  throw tooManyPushers()
}

function tooManyPushers(): ShmwireError {
  return new ShmwireError(
    ErrorCode.BACKLOG,
    `the jobs of ${PUSHERS_MAX} programs of this channel wait for room in the queue already; use one client of the queue for each channel`,
    { executed: 'no' },
  )
}

function aborted(signal: AbortSignal): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, 'the push was aborted while it waited for room in the queue', {
    cause: signal.reason,
    executed: 'no',
  })
}
