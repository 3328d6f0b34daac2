import { AsyncResource } from 'node:async_hooks'

/** What the poller needs of a link. */
export interface Polled {
  /** Where the poller has it in its list; -1 while it does not poll it. Of the poller alone. */
  pollIndex: number
  /**
   * Delivers at most one batch. When there is none, looks for `spinNanos` nanoseconds and, with `yieldCpu`, gives
   * the core away once. Returns how many records it had, or another number above 0 when it found other work.
   * May throw what a listener threw; it can be polled again.
   */
  poll(spinNanos: number, yieldCpu: boolean): number
  /** The look of this turn found nothing. True: the link rests from now on and is not polled until it is woken. */
  rest(): boolean
}

/**
 * How long one look at an empty ring lasts inside the addon when a single link is awake: about what a prompt
 * peer needs for an answer, far too short to be felt by timers and sockets.
 */
const SPIN_NANOS = 500

/**
 * Looks in one turn of the event loop. A turn costs as much as a quick answer, so a conversation goes on for a few
 * exchanges before the loop has its turn again.
 */
const LOOKS_PER_TURN = 16

/** Links whose bells follow each other sooner are better polled together than woken one by one. */
const DENSE_MICROS = 50

/** More records than this are no conversation but a stream, which gains nothing by a further look in the same turn. */
const CONVERSATION_RECORDS_MAX = 4

/**
 * Polls the links that are awake, all of them in each turn of the event loop, so that none starves and
 * timers and sockets get theirs in between. One per thread. It runs only while a link is awake.
 */
class Poller {
  readonly #awake: Polled[] = []
  readonly #resolved = Promise.resolve()
  /** One turn schedules the next, so listeners of every link would run in the async context of whoever woke the first. */
  readonly #context = new AsyncResource('SHMWIRE_POLLER')
  /** A turn is about to come. It is never cleared: one that a tick clears which then throws leaves Node 20 throwing for ever. */
  #turning = false
  #looksLeft = 0
  #busy = false
  #rungAtMicros = Number.NEGATIVE_INFINITY

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

  /** Several links are awake, and some of them have something: to look at one more costs far less than to wake it. */
  get busy(): boolean {
    return this.#busy
  }

  /** A sleeping link was rung. Whether it should rather be polled, because the links of this thread are rung so often. */
  rung(nowMicros: number): boolean {
    const dense = nowMicros - this.#rungAtMicros < DENSE_MICROS
    this.#rungAtMicros = nowMicros
    return dense || this.#busy
  }

  /** Runs `work` in the context in which all listeners of links run. */
  run<T>(work: () => T): T {
    return this.#context.runInAsyncScope(work)
  }

  /** Forgets the link. The turn after the last one finds nobody, and is the last. */
  remove(link: Polled): void {
    const awake = this.#awake
    const index = link.pollIndex
    if (index < 0) return
    link.pollIndex = -1
    // The last link takes its place: to move all of those behind it would be quadratic when many links rest.
    const last = awake.pop() as Polled
    if (last !== link) {
      awake[index] = last
      last.pollIndex = index
    }
    if (awake.length === 0) this.#busy = false
  }

  /** The link has thrown, and its turn is over: in the next one those that it has kept from theirs come first. */
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
    // First of all, because a listener that throws ends this turn.
    setImmediate(this.#run)
    this.#looksLeft = LOOKS_PER_TURN
    this.#look()
  }

  /** Looks again when all promise jobs of the last look are done: an `await` has had its answer and has sent anew. */
  readonly #lookAfterJobs = (): void => {
    process.nextTick(this.#look)
  }

  readonly #look = (): void => {
    const awake = this.#awake
    const spinNanos = awake.length === 1 ? SPIN_NANOS : 0
    let records = 0
    // Backwards, because a link may leave the list in its turn.
    for (let index = awake.length - 1; index >= 0; index -= 1) {
      const link = awake[index]
      if (link === undefined) continue
      // The core is given away once in a look that found nothing, by its last link.
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
    this.#looksLeft -= 1
    if (records > 0 && records <= CONVERSATION_RECORDS_MAX && this.#looksLeft > 0) {
      void this.#resolved.then(this.#lookAfterJobs)
    }
  }
}

export const poller = new Poller()
