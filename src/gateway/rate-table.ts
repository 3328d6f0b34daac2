/** The result of one count. */
interface Counted {
  readonly allowed: boolean
  readonly remaining: number
  readonly resetMs: number
}

/** Of an interval: more than the rounding of the clock's fractions, and far less than a request. */
const TOLERANCE = 1e-3
/** Removing more than one for each one that is added empties the table after a burst. */
const REMOVALS_AT_ONCE = 2

/**
 * Counts requests by the generic cell rate algorithm, in the form of virtual scheduling (ITU-T I.371, annex A): each owner has one number,
 * the time at which its requests so far would have ended if each took `windowMs / limit`. A request is allowed if this time is at most
 * `windowMs` ahead. So an owner may make `limit` requests at once, then one in each interval: at most `2 * limit` in any window.
 *
 * The table is bounded. An owner leaves it only when all of its requests are allowed again, so filling the table gives no client a new
 * limit. While it is full, all owners that are not in it share one limit.
 */
export class RateTable {
  readonly limit: number
  readonly windowMs: number
  readonly #entriesMax: number
  readonly #intervalMs: number
  /** By owner, the one with the latest allowed request last. */
  readonly #times = new Map<string, number>()
  #owners = this.#times.keys()
  /** Of `#times`. Undefined: not known. */
  #first: string | undefined
  #sharedTime = Number.NEGATIVE_INFINITY

  constructor(limit: number, windowMs: number, entriesMax: number) {
    this.limit = limit
    this.windowMs = windowMs
    this.#entriesMax = entriesMax
    this.#intervalMs = windowMs / limit
  }

  get size(): number {
    return this.#times.size
  }

  /** Counts a request, unless it is over the limit. `now`: a monotonic time in milliseconds. */
  count(owner: string, now: number): Counted {
    this.#removeRested(now)
    const time = this.#times.get(owner)
    const isShared = time === undefined && this.#times.size >= this.#entriesMax
    const start = Math.max(isShared ? this.#sharedTime : (time ?? now), now)
    const end = start + this.#intervalMs
    const overMs = end - now - this.windowMs
    if (overMs > this.#intervalMs * TOLERANCE) return { allowed: false, remaining: 0, resetMs: overMs }
    if (isShared) this.#sharedTime = end
    else {
      if (owner === this.#first) this.#first = undefined
      this.#times.delete(owner)
      this.#times.set(owner, end)
    }
    const remaining = Math.floor((this.windowMs - (end - now)) / this.#intervalMs + TOLERANCE)
    return { allowed: true, remaining: Math.max(0, remaining), resetMs: end - now }
  }

  /** The first owner has waited the longest since its last allowed request, so an owner leaves at most one window after it could. */
  #removeRested(now: number): void {
    for (let removals = 0; removals < REMOVALS_AT_ONCE; removals += 1) {
      this.#first ??= this.#next()
      const first = this.#first
      if (first === undefined || (this.#times.get(first) as number) > now) return
      this.#times.delete(first)
      this.#first = undefined
    }
  }

  /** Continues behind the last first owner, because a new iterator would skip the place of each deleted owner again. */
  #next(): string | undefined {
    let { value, done } = this.#owners.next()
    if (done === true) {
      this.#owners = this.#times.keys()
      ;({ value, done } = this.#owners.next())
    }
    return done === true ? undefined : value
  }
}
