import type { Clock } from './clock.js'

const SAMPLE_MS = 20
/** The measurement stops after a second without calls, so that an idle process has no timer. */
const IDLE_SAMPLES_MAX = 50
/** The part of a new sample in the mean: the last five samples have two thirds of the weight. */
const SAMPLE_WEIGHT = 0.2

/** Measures how late timers are, which is the time that a call waits for the event loop: the exponential mean of the last samples. */
export class LoopDelay {
  readonly #clock: Clock
  #meanMs = 0
  #idleSamples = 0
  #cancel: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get delayMs(): number {
    return this.#meanMs
  }

  /** A call has arrived: the measurement continues. */
  used(): void {
    this.#idleSamples = 0
    if (this.#cancel === undefined) this.#next()
  }

  #next(): void {
    const dueMs = this.#clock.nowMs() + SAMPLE_MS
    this.#cancel = this.#clock.after(SAMPLE_MS, () => this.#sample(dueMs), true)
  }

  #sample(dueMs: number): void {
    const lateMs = Math.max(0, this.#clock.nowMs() - dueMs)
    this.#meanMs += (lateMs - this.#meanMs) * SAMPLE_WEIGHT
    this.#idleSamples += 1
    if (this.#idleSamples < IDLE_SAMPLES_MAX) {
      this.#next()
      return
    }
    this.#cancel = undefined
    this.#meanMs = 0
  }
}
