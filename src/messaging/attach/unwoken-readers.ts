import { clearTimeout, setTimeout } from '../../host.js'

/** After this time, readers that could not be woken are woken again: their doorbells were full, or the kernel had no memory. */
const DELAY_MS_MIN = 1
const DELAY_MS_MAX = 100

/** Wakes readers again until all are awake, with growing delays. */
export class UnwokenReaders {
  readonly #wake: () => boolean
  #timer: NodeJS.Timeout | undefined
  #delayMs = DELAY_MS_MIN

  /** `wake` returns true if some readers could not be woken. */
  constructor(wake: () => boolean) {
    this.#wake = wake
  }

  /** Some readers could not be woken. */
  wakeLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.#wake()) {
        this.#delayMs = Math.min(2 * this.#delayMs, DELAY_MS_MAX)
        this.wakeLater()
      } else this.#delayMs = DELAY_MS_MIN
    }, this.#delayMs)
    // Readers see the end of a process that has finished.
    this.#timer.unref()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
