/** Empty polls of a link among busy ones before it sleeps: a poll takes 0.1 µs, a wake-up 100 times as long. */
const EMPTY_POLLS_MAX = 64

/** A hypervisor or a compiler thread may take the core once. */
const PREEMPTIONS_MAX = 2

/** Losses that follow each other sooner come from one busy program. */
const PREEMPTED_AGAIN_MICROS = 10_000

/** After such losses, the reader does not poll for this time, and for twice as long each time it was too short. */
const CORE_KEPT_MICROS_MIN = 5_000
const CORE_KEPT_MICROS_MAX = 200_000

/** It was long enough if the next loss came later than this: three slices of a scheduler. */
const CORE_CALM_MICROS = 100_000

/** While the peer works, a poll lasts up to this many times the longest budget: a copy takes longer than a short answer. */
const AT_WORK_FACTOR = 10

/** A peer that shares our core cannot work while we poll: each failed extended poll doubles the waits that skip it. */
const SKIPS_MAX = 64

/** The first budget when polling helps again. */
const BUDGET_MICROS_FLOOR = 10

/**
 * How long a reader polls an empty ring before it sleeps, derived from the gaps between messages. A
 * sleep that polling would have avoided doubles the budget; a sleep longer than the longest budget
 * halves it, down to none. After the kernel's adaptive halt polling (Documentation/virt/kvm/halt-polling.rst).
 */
export class SpinBudget {
  readonly #microsMax: number
  #micros: number
  #emptySinceMicros: number | undefined
  #emptyPolls = 0
  /** The current wait is longer than the budget. */
  #extended = false
  #failedExtensions = 0
  #skips = 0
  #coreLosses = 0
  #preemptedAtMicros = Number.NEGATIVE_INFINITY
  #keptMicros = 0
  #noneUntilMicros = Number.NEGATIVE_INFINITY

  constructor(microsMax: number) {
    this.#microsMax = microsMax
    this.#micros = microsMax
  }

  get micros(): number {
    return this.#micros
  }

  /** A poll found something, or the reader begins to poll. */
  found(): void {
    if (this.#extended) this.#failedExtensions = 0
    this.#extended = false
    this.#emptySinceMicros = undefined
    this.#emptyPolls = 0
  }

  /**
   * A poll found nothing. True: it was the last. `amongBusy`: other links of this turn have records.
   * `peerAtWork`: the peer has begun a message, or reads a full ring.
   */
  exhausted(nowMicros: number, amongBusy: boolean, peerAtWork: boolean): boolean {
    this.#emptySinceMicros ??= nowMicros
    this.#emptyPolls += 1
    const emptyMicros = nowMicros - this.#emptySinceMicros
    if (emptyMicros < this.#micros) return false
    if (peerAtWork && this.#waitsOn(emptyMicros, nowMicros)) return false
    return !amongBusy || this.#emptyPolls >= EMPTY_POLLS_MAX
  }

  /** Whether to extend the poll beyond the budget, because the peer is at work. */
  #waitsOn(emptyMicros: number, nowMicros: number): boolean {
    if (nowMicros < this.#noneUntilMicros) return false
    if (this.#skips > 0) {
      this.#skips -= 1
      return false
    }
    this.#extended = emptyMicros < AT_WORK_FACTOR * this.#microsMax
    if (this.#extended) return true
    this.#failedExtensions += 1
    this.#skips = Math.min(2 ** this.#failedExtensions, SKIPS_MAX)
    return false
  }

  /**
   * Another program took the core that the reader yielded. After several losses the reader sleeps
   * instead of polling for a while: the scheduler serves a woken thread sooner.
   */
  preempted(nowMicros: number): void {
    const again = nowMicros - this.#preemptedAtMicros < PREEMPTED_AGAIN_MICROS
    this.#preemptedAtMicros = nowMicros
    this.#coreLosses = again ? this.#coreLosses + 1 : 1
    if (this.#coreLosses <= PREEMPTIONS_MAX) return
    this.#coreLosses = 0
    this.#micros = 0
    const enough = nowMicros - this.#noneUntilMicros > CORE_CALM_MICROS
    this.#keptMicros = enough ? CORE_KEPT_MICROS_MIN : Math.min(2 * this.#keptMicros, CORE_KEPT_MICROS_MAX)
    this.#noneUntilMicros = nowMicros + this.#keptMicros
  }

  /** The reader was woken, `sleptMicros` after it fell asleep. */
  slept(sleptMicros: number, nowMicros: number): void {
    if (nowMicros < this.#noneUntilMicros) return
    if (sleptMicros > this.#microsMax) {
      this.#micros = this.#micros < 2 * BUDGET_MICROS_FLOOR ? 0 : this.#micros / 2
    } else {
      this.#micros = Math.min(this.#microsMax, Math.max(2 * this.#micros, BUDGET_MICROS_FLOOR))
    }
  }
}
