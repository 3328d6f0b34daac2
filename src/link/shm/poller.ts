import { AsyncResource } from 'node:async_hooks'
import { nextTick, setImmediate } from '../../host.js'

/** A link, as the poller sees it. */
export interface Polled {
  /** Its index in the poller's list; −1 outside the list. Only the poller uses it. */
  pollIndex: number
  /**
   * Delivers at most one batch. Without one, polls for `spinNanos` and, with `yieldCpu`, yields the core
   * once. Returns the number of records, or another number above 0 for other work. May throw the
   * exception of a listener, and can be polled again.
   */
  poll(spinNanos: number, yieldCpu: boolean): number
  /** The poll of this turn found nothing. True: the link is not polled again until it is woken. */
  rest(): boolean
}

/**
 * One poll of a single link, or longer where system calls are slow: the time of a prompt answer, and too short to delay timers and
 * sockets.
 */
const SPIN_NANOS = 500

/** A turn of the event loop costs as much as a quick answer, so each turn has several polls. */
const POLLS_PER_TURN = 16

/** Links whose wake-ups follow each other sooner are better polled together than woken one by one. */
const DENSE_MICROS = 50

/** More records are a stream, which gains nothing from a further poll in the same turn. */
const CONVERSATION_RECORDS_MAX = 4

/**
 * Polls all links that are awake in each turn of the event loop, so that no link starves, and timers and
 * sockets run in between. One per thread. It runs only while a link is awake.
 */
class Poller {
  readonly #awake: Polled[] = []
  readonly #resolved = Promise.resolve()
  /** One turn schedules the next: without it, listeners would inherit the async context of another link. */
  readonly #context = new AsyncResource('SHMWIRE_POLLER')
  /** A turn is scheduled. It is never cleared: Node 20 would throw for ever if the clearing tick throws. */
  #turning = false
  #pollsLeft = 0
  #busy = false
  #wokenAtMicros = Number.NEGATIVE_INFINITY

  /** Polls the link from the next turn on, until it rests. */
  wake(link: Polled): void {
    if (link.pollIndex < 0) {
      link.pollIndex = this.#awake.length
      this.#awake.push(link)
    }
    if (this.#turning) return
    this.#turning = true
    this.#context.runInAsyncScope(() => setImmediate(this.#run))
  }

  /** Several links are awake, and some have records: polling one more costs far less than waking it. */
  get busy(): boolean {
    return this.#busy
  }

  /** A sleeping link was woken. True: the links of this thread are woken so often that polling is better. */
  woken(nowMicros: number): boolean {
    const dense = nowMicros - this.#wokenAtMicros < DENSE_MICROS
    this.#wokenAtMicros = nowMicros
    return dense || this.#busy
  }

  /** Runs `work` in the context in which all listeners of links run. */
  run<T>(work: () => T): T {
    return this.#context.runInAsyncScope(work)
  }

  /** The turn after the last link has left is the last one. */
  remove(link: Polled): void {
    const awake = this.#awake
    const index = link.pollIndex
    if (index < 0) return
    link.pollIndex = -1
    // The last link takes its place: moving all links behind it would be quadratic when many rest.
    const last = awake.pop() as Polled
    if (last !== link) {
      awake[index] = last
      last.pollIndex = index
    }
    if (awake.length === 0) this.#busy = false
  }

  /** The link has thrown, which ended the turn: in the next one, the links that it held back come first. */
  #postpone(link: Polled): void {
    const awake = this.#awake
    for (let index = link.pollIndex; index > 0; index -= 1) {
      const before = awake[index - 1] as Polled
      awake[index] = before
      before.pollIndex = index
    }
    if (link.pollIndex < 0) return
    awake[0] = link
    link.pollIndex = 0
  }

  readonly #run = (): void => {
    this.#turning = this.#awake.length > 0
    if (!this.#turning) return
    // First, because a listener that throws ends this turn.
    setImmediate(this.#run)
    this.#pollsLeft = POLLS_PER_TURN
    this.#poll()
  }

  /** After the promise jobs of the last poll: an `await` has received its answer and sent the next message. */
  readonly #pollAfterJobs = (): void => {
    nextTick(this.#poll)
  }

  readonly #poll = (): void => {
    const awake = this.#awake
    const spinNanos = awake.length === 1 ? SPIN_NANOS : 0
    let records = 0
    // Backwards, because a link may leave the list in its turn.
    for (let index = awake.length - 1; index >= 0; index -= 1) {
      const link = awake[index]
      if (link === undefined) continue
      // The last link yields the core, if no link has found anything.
      let found: number
      try {
        found = link.poll(spinNanos, index === 0 && records === 0)
      } catch (error) {
        this.#postpone(link)
        throw error
      }
      records += found
      if (found === 0 && link.rest()) this.remove(link)
    }
    this.#busy = records > 0 && awake.length > 1
    this.#pollsLeft -= 1
    if (records > 0 && records <= CONVERSATION_RECORDS_MAX && this.#pollsLeft > 0) {
      void this.#resolved.then(this.#pollAfterJobs)
    }
  }
}

export const poller = new Poller()
