import { nowMs } from '../../host.js'

const FAILURE_MS = 1_000
const FAILURE_MS_MAX = 30_000

/** Bounds the requests to a server that fails: after each failure in a row, the wait before the next request doubles, from 1 to 30 seconds. */
export class RetryWait {
  #failures = 0
  #nextMs = Number.NEGATIVE_INFINITY

  /** Whether a request is possible now. */
  get isOver(): boolean {
    return nowMs() >= this.#nextMs
  }

  /** Whether the last request failed. */
  get failed(): boolean {
    return this.#failures > 0
  }

  /** The next request is possible after `waitMs`. */
  succeeded(waitMs: number): void {
    this.#failures = 0
    this.#nextMs = nowMs() + waitMs
  }

  failedAgain(): void {
    this.#nextMs = nowMs() + Math.min(FAILURE_MS * 2 ** this.#failures, FAILURE_MS_MAX)
    this.#failures += 1
  }
}
