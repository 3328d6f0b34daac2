import { clearTimeout, nowMs, setTimeout } from '../../host.js'

/** A call with a deadline. */
export interface Expiring {
  /** On the clock of `nowMs`; Infinity: none. */
  readonly deadlineMs: number
  /** The deadline has passed. */
  expire(): void
}

const DELAY_MS_MAX = 2 ** 31 - 1

/**
 * Ends the calls of one table at their deadlines, with one timer for the earliest deadline. A timer for each call would take a third of the
 * time of a call. When it fires, it reads the whole table, which has a bound; it fires at most once a millisecond.
 */
export class DeadlineSweep {
  readonly #calls: () => Iterable<Expiring>
  #timer: NodeJS.Timeout | undefined
  #nextMs = Number.POSITIVE_INFINITY

  constructor(calls: () => Iterable<Expiring>) {
    this.#calls = calls
  }

  /** The table has a new call. */
  add({ deadlineMs }: Expiring): void {
    if (deadlineMs < this.#nextMs) this.#arm(deadlineMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#nextMs = Number.POSITIVE_INFINITY
  }

  #arm(deadlineMs: number): void {
    clearTimeout(this.#timer)
    this.#nextMs = deadlineMs
    const delayMs = Math.min(Math.max(0, Math.ceil(deadlineMs - nowMs())), DELAY_MS_MAX)
    // The channel keeps the process alive, unless the program wants otherwise.
    this.#timer = setTimeout(this.#sweep, delayMs).unref()
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    this.#nextMs = Number.POSITIVE_INFINITY
    const now = nowMs()
    let earliestMs = Number.POSITIVE_INFINITY
    for (const call of this.#calls()) {
      if (call.deadlineMs <= now) call.expire()
      else if (call.deadlineMs < earliestMs) earliestMs = call.deadlineMs
    }
    // An expired call may have begun another one, with an earlier deadline.
    if (earliestMs < this.#nextMs) this.#arm(earliestMs)
  }
}
