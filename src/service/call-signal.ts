import { onceAborted } from '../abort-waits.js'
import { newAbortController } from '../host.js'

/** The signal of one call of a client: it fires with those of the caller, which can be of another realm, and when the call is left. */
export class CallSignal {
  readonly #controller = newAbortController()
  readonly #stops: (() => void)[] = []

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  follow(signals: readonly AbortSignal[]): void {
    for (const signal of signals) {
      if (signal.aborted) this.#controller.abort(signal.reason)
      else this.#stops.push(onceAborted(signal, () => this.#controller.abort(signal.reason)))
    }
  }

  /** The call has ended: no signal of the caller keeps it in memory. */
  readonly release = (): void => {
    for (const stop of this.#stops.splice(0)) stop()
  }

  /** The program has left the loop over the answer, or the loop has ended. */
  leave(): void {
    this.release()
    this.#controller.abort()
  }
}
