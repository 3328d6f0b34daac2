import { clearTimeout, setTimeout } from '../host.js'
import { runApart } from '../uncaught.js'

/** A consumer that comes within this time after the end of a channel gets the held messages before `close`. */
const WAIT_MS = 10_000

/** Ended channels of a thread that hold messages. A further one ends the wait of the oldest. */
const ENDS_MAX = 256

/**
 * The ended channels whose messages wait for a consumer, and whose `close` event waits for these messages. The event must come even if
 * no consumer takes them: the wait ends after WAIT_MS, when the thread has nothing else to do, or when too many channels wait.
 */
class HeldEnds {
  readonly #waits = new Map<() => void, NodeJS.Timeout>()

  /** Calls `onOver` when the wait has ended, unless the returned function is called before. */
  hold(onOver: () => void): () => void {
    if (this.#waits.size === 0) process.on('beforeExit', this.#endAll)
    const end = (): void => {
      release()
      onOver()
    }
    const release = (): void => {
      clearTimeout(this.#waits.get(end))
      if (this.#waits.delete(end) && this.#waits.size === 0) process.off('beforeExit', this.#endAll)
    }
    this.#waits.set(end, setTimeout(end, WAIT_MS).unref())
    if (this.#waits.size > ENDS_MAX) this.#endOldest()
    return release
  }

  #endOldest(): void {
    const [oldest] = this.#waits.keys()
    if (oldest !== undefined) runApart(oldest)
  }

  readonly #endAll = (): void => {
    // Each of them removes itself.
    for (const end of this.#waits.keys()) runApart(end)
  }
}

export const heldEnds = new HeldEnds()
