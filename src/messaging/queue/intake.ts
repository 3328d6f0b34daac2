import type { Channel } from '../../channel/channel.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Job } from './job.js'
import { PushResult } from './protocol.js'
import type { QueueCore } from './queue-core.js'
import { RoomWait } from './room-waits.js'

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
  readonly #pushers = new WeakMap<Channel, Pusher>()

  constructor(core: QueueCore) {
    this.#core = core
  }

  /**
   * Adds the jobs of one message until there is no room. The pusher sends the others again, with `waits`: then they wait for room for the first
   * one. `done` gets a PushResult for each job. Throws why the queue is closed.
   */
  addAll(
    jobs: readonly Job[],
    from: { readonly channel: Channel; readonly waits: boolean; readonly signal: () => AbortSignal },
    done: (results: Uint8Array) => void,
    failed: (error: ShmwireError) => void,
  ): void {
    const core = this.#core
    core.assertOpen()
    const pusher = this.#pusherOf(from.channel)
    const results = new Uint8Array(jobs.length).fill(PushResult.FULL)
    const settle = (): void =>
      core.after((error) => {
        if (error === undefined) done(results)
        else failed(error)
      })
    // A second message that waits would be memory that only a faulty pusher needs.
    if (pusher.waits || (pusher.refuses && !from.waits)) {
      settle()
      return
    }
    const isBegun = this.#admit(jobs, pusher, results, false)
    if (isBegun || !from.waits) {
      settle()
      return
    }
    const wait = new RoomWait(() => {
      if (!this.#admit(jobs, pusher, results, true)) return false
      pusher.waits = false
      settle()
      return true
    }, failed)
    core.waits.add(wait)
    pusher.waits = true
    from.signal().addEventListener('abort', () => {
      if (core.waits.remove(wait)) pusher.waits = false
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
    const wait = new RoomWait(() => {
      const admission = core.addNow(job)
      if (admission === 'full') return false
      this.#settle(admission, done, failed)
      return true
    }, failed)
    core.waits.add(wait)
    const ends = signal?.()
    ends?.addEventListener('abort', () => {
      if (core.waits.remove(wait)) failed(aborted(ends))
    })
  }

  #pusherOf(channel: Channel): Pusher {
    let pusher = this.#pushers.get(channel)
    if (pusher === undefined) {
      pusher = { refuses: false, waits: false }
      this.#pushers.set(channel, pusher)
    }
    return pusher
  }

  /** Returns whether the first job could be added. */
  #admit(jobs: readonly Job[], pusher: Pusher, results: Uint8Array, hasWaited: boolean): boolean {
    const core = this.#core
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
    detachFew(jobs, results)
    return index > 0
  }
}

/** A few jobs must not keep the memory of a message whose other jobs were duplicates or refused. */
function detachFew(jobs: readonly Job[], results: Uint8Array): void {
  const added = jobs.filter((_job, index) => results[index] === PushResult.ADDED)
  if (added.length === jobs.length) return
  const bytes = added.reduce((sum, { size }) => sum + size, 0)
  if (2 * bytes < (jobs[0]?.memory.length ?? 0)) for (const job of added) job.detach()
}

function aborted(signal: AbortSignal): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, 'the push was aborted while it waited for room in the queue', {
    cause: signal.reason,
    executed: 'no',
  })
}
