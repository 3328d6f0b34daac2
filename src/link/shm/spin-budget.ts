/**
 * Among others that are busy, a link is looked at so often in vain before it sleeps: a look takes 0.1 µs, and to be woken
 * a hundred times as long.
 */
const EMPTY_LOOKS_MAX = 64

/** A core that is lost once may be a hypervisor's doing, or a compiler thread's. */
const CORE_LOSSES_MAX = 2

/** Losses that follow each other sooner are those of one busy program. */
const CORE_LOST_AGAIN_MICROS = 10_000

/** Then it is not given away for so long at first, and twice as long each time that this was not enough. */
const CORE_KEPT_MICROS_MIN = 5_000
const CORE_KEPT_MICROS_MAX = 200_000

/** It was enough if the core was not lost again for so long: to find out takes three slices of a scheduler. */
const CORE_CALM_MICROS = 100_000

/**
 * Of the longest budget, where the peer is known to be at work: it has begun a message, or has our messages to read. What
 * it does next takes as long as it takes to copy a part of the ring: longer than a short answer, and sooner there than a bell.
 */
const AT_WORK_FACTOR = 10

/** A peer that shares our core cannot work while we poll: after each such wait in vain, twice as many do without. */
const WAITS_WITHOUT_MAX = 64

/** Once spinning pays again, it starts from here. */
const BUDGET_MICROS_FLOOR = 10

/**
 * How long an empty ring is polled before its reader sleeps, learned from the gaps between messages. A sleep
 * that polling would have spared doubles the budget; a sleep that was longer than all polling could
 * have been halves it, down to none. After the kernel's adaptive halt polling (Documentation/virt/kvm/halt-polling.rst).
 */
export class SpinBudget {
  readonly #microsMax: number
  #micros: number
  #emptySinceMicros: number | undefined
  #emptyLooks = 0
  /** The present wait goes on beyond the budget. */
  #overtime = false
  #waitsInVain = 0
  #waitsWithout = 0
  #coreLosses = 0
  #coreLostAtMicros = Number.NEGATIVE_INFINITY
  #keptMicros = 0
  #noneUntilMicros = Number.NEGATIVE_INFINITY

  constructor(microsMax: number) {
    this.#microsMax = microsMax
    this.#micros = microsMax
  }

  get micros(): number {
    return this.#micros
  }

  /** A look found something, or the reader begins to look. */
  found(): void {
    if (this.#overtime) this.#waitsInVain = 0
    this.#overtime = false
    this.#emptySinceMicros = undefined
    this.#emptyLooks = 0
  }

  /**
   * A look found nothing. Whether it was the last; `amongBusy`: it was made along with that at links that are busy; `peerAtWork`:
   * the peer has begun what is looked for.
   */
  exhausted(nowMicros: number, amongBusy: boolean, peerAtWork: boolean): boolean {
    this.#emptySinceMicros ??= nowMicros
    this.#emptyLooks += 1
    const emptyMicros = nowMicros - this.#emptySinceMicros
    if (emptyMicros < this.#micros) return false
    if (peerAtWork && this.#waitsOn(emptyMicros, nowMicros)) return false
    return !amongBusy || this.#emptyLooks >= EMPTY_LOOKS_MAX
  }

  /** Whether to look on beyond the budget, because the peer is at work. */
  #waitsOn(emptyMicros: number, nowMicros: number): boolean {
    if (nowMicros < this.#noneUntilMicros) return false
    if (this.#waitsWithout > 0) {
      this.#waitsWithout -= 1
      return false
    }
    this.#overtime = emptyMicros < AT_WORK_FACTOR * this.#microsMax
    if (this.#overtime) return true
    this.#waitsInVain += 1
    this.#waitsWithout = Math.min(2 ** this.#waitsInVain, WAITS_WITHOUT_MAX)
    return false
  }

  /**
   * Another program took the core that the reader gave away while it polled. When that happens again and again, there is
   * no polling for a while: the scheduler serves those sooner that it wakes.
   */
  coreLost(nowMicros: number): void {
    const again = nowMicros - this.#coreLostAtMicros < CORE_LOST_AGAIN_MICROS
    this.#coreLostAtMicros = nowMicros
    this.#coreLosses = again ? this.#coreLosses + 1 : 1
    if (this.#coreLosses <= CORE_LOSSES_MAX) return
    this.#coreLosses = 0
    this.#micros = 0
    const enough = nowMicros - this.#noneUntilMicros > CORE_CALM_MICROS
    this.#keptMicros = enough ? CORE_KEPT_MICROS_MIN : Math.min(2 * this.#keptMicros, CORE_KEPT_MICROS_MAX)
    this.#noneUntilMicros = nowMicros + this.#keptMicros
  }

  /** The reader was woken now, `sleptMicros` after it had gone to sleep. */
  slept(sleptMicros: number, nowMicros: number): void {
    if (nowMicros < this.#noneUntilMicros) return
    if (sleptMicros > this.#microsMax) {
      this.#micros = this.#micros < 2 * BUDGET_MICROS_FLOOR ? 0 : this.#micros / 2
    } else {
      this.#micros = Math.min(this.#microsMax, Math.max(2 * this.#micros, BUDGET_MICROS_FLOOR))
    }
  }
}
