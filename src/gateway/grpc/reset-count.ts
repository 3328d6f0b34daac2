import { nowMs } from '../../host.js'

/** At once, and for each second. */
export const RESETS_MAX = 500
export const RESETS_PER_SECOND = 30

/** Counts streams that a client has reset. */
export class ResetCount {
  #count = 0
  #ms = nowMs()

  /** Counts one. Returns whether these are too many. */
  add(): boolean {
    const now = nowMs()
    this.#count = Math.max(0, this.#count - ((now - this.#ms) / 1_000) * RESETS_PER_SECOND) + 1
    this.#ms = now
    return this.#count > RESETS_MAX
  }
}
