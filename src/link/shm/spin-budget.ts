import type { NativeEndpoint } from '../../native/binding.js'

/** Empty polls of a link among busy ones before it sleeps: a poll takes 0.1 µs, a wake-up 100 times as long. */
const EMPTY_POLLS_MAX = 64

/** A hypervisor or a compiler thread may take the core once. */
const PREEMPTIONS_MAX = 2

/** Losses that follow each other sooner come from one busy program. */
const PREEMPTED_AGAIN_MICROS = 10_000

/** After such losses, the reader does not poll for this time, and for twice as long each time it was too short. */
const CORE_KEPT_MICROS_MIN = 5_000
const CORE_KEPT_MICROS_MAX = 200_000

/**
 * After a loss while records queued, the reader does not poll for at least this time. A peer that waits
 * for each answer has sent one record; one that does not is late by every further loss.
 */
const CORE_KEPT_MICROS_QUEUED = 20_000

/** It was long enough if the next loss came later than this: three slices of a scheduler. */
const CORE_CALM_MICROS = 100_000

/** While the peer works, a poll lasts up to this many times the longest budget: a copy takes longer than a short answer. */
const AT_WORK_FACTOR = 10

/** A peer that shares our core cannot work while we poll: each failed extended poll doubles the waits that skip it. */
const SKIPS_MAX = 64

/** While the peer wakes up, a poll lasts up to this many times the longest budget. */
const PEER_WAKE_FACTOR = 2

/** The first budget when polling helps again. */
const BUDGET_MICROS_FLOOR = 10

/**
 * The longest time of both wake-ups of a wait. If they take longer, a thread or its core was busy. In a
 * longer wait they make no difference, and a cold call of the addon would delay the message by 4 µs.
 */
const WAKES_MICROS_MAX = 500

/** A woken side answers this much later than one that polls, because its core and its caches are cold. */
const COLD_MICROS = 10

/** How long the wake-ups of a wait took. */
export type WakeTimes = Pick<NativeEndpoint, 'woken' | 'peerWakeNanos'>

/**
 * How long a reader polls an empty ring before it sleeps, derived from the gaps between messages. A
 * sleep that polling would have avoided doubles the budget; a gap longer than the longest budget
 * halves it, down to none. After the kernel's adaptive halt polling (Documentation/virt/kvm/halt-polling.rst).
 *
 * A gap does not include wake-ups. Otherwise two sides that sleep would continue to sleep because of
 * the time that it takes to wake them: docs/decisions/0028-wake-ups-are-not-part-of-a-gap.md.
 */
export class SpinBudget {
  readonly #wakeTimes: WakeTimes
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

  constructor(wakeTimes: WakeTimes, microsMax: number) {
    this.#wakeTimes = wakeTimes
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
    const emptyMicros = this.waits(nowMicros)
    this.#emptyPolls += 1
    if (emptyMicros < this.#micros || this.#beganLate(emptyMicros)) return false
    if (peerAtWork && this.#waitsOn(emptyMicros, nowMicros)) return false
    return !amongBusy || this.#emptyPolls >= EMPTY_POLLS_MAX
  }

  /** Whether this side had to wake the peer, and has polled for less than the budget since the peer is awake. */
  #beganLate(emptyMicros: number): boolean {
    if (this.#micros === 0 || emptyMicros >= PEER_WAKE_FACTOR * this.#microsMax) return false
    return withoutWakes(emptyMicros, this.#wakeTimes.peerWakeNanos(emptyMicros * 1000)) < this.#micros
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
   * Another thread took the core that the reader yielded, and `records` waited afterwards. The reader
   * sleeps instead of polling for a while: the scheduler serves a woken thread sooner. It does so after
   * several losses, or after one that delayed several records.
   */
  preempted(nowMicros: number, records: number): void {
    const again = nowMicros - this.#preemptedAtMicros < PREEMPTED_AGAIN_MICROS
    this.#preemptedAtMicros = nowMicros
    this.#coreLosses = again ? this.#coreLosses + 1 : 1
    const queued = records > 1
    if (!queued && this.#coreLosses <= PREEMPTIONS_MAX) return
    this.#coreLosses = 0
    this.#micros = 0
    const shortest = queued ? CORE_KEPT_MICROS_QUEUED : CORE_KEPT_MICROS_MIN
    const enough = nowMicros - this.#noneUntilMicros > CORE_CALM_MICROS
    const longer = Math.min(2 * this.#keptMicros, CORE_KEPT_MICROS_MAX)
    this.#keptMicros = enough ? shortest : Math.max(longer, shortest)
    this.#noneUntilMicros = nowMicros + this.#keptMicros
  }

  /** The reader waits, from now on if it did not yet. Returns for how long. */
  waits(nowMicros: number): number {
    this.#emptySinceMicros ??= nowMicros
    return nowMicros - this.#emptySinceMicros
  }

  /** The reader was woken. */
  woken(nowMicros: number): void {
    const waitedMicros = this.waits(nowMicros)
    const tooLong = waitedMicros > this.#microsMax + WAKES_MICROS_MAX
    const gapMicros = tooLong
      ? waitedMicros
      : withoutWakes(waitedMicros, this.#wakeTimes.woken(waitedMicros * 1000))
    if (nowMicros < this.#noneUntilMicros) return
    if (gapMicros > this.#microsMax) {
      this.#micros = this.#micros < 2 * BUDGET_MICROS_FLOOR ? 0 : this.#micros / 2
    } else {
      this.#micros = Math.min(this.#microsMax, Math.max(2 * this.#micros, BUDGET_MICROS_FLOOR))
    }
  }
}

/** The time of a wait that would have passed if both sides had polled. */
function withoutWakes(waitedMicros: number, wakeNanos: number): number {
  return wakeNanos === 0 ? waitedMicros : waitedMicros - wakeNanos / 1000 - COLD_MICROS
}
