import { runApart } from './uncaught.js'

/**
 * A signal for this package itself: it has the members of an AbortSignal that `onceAborted` and the checks of options use. It must not reach
 * a program. Creating an AbortSignal and listening to it takes as long as a call of a service.
 */
export class LightSignal implements Pick<AbortSignal, 'aborted' | 'reason'> {
  aborted = false
  reason: unknown
  readonly #waits = new Set<() => void>()

  /** The same object for code that takes an AbortSignal and passes it to `onceAborted` only. */
  get asAbortSignal(): AbortSignal {
    return this as unknown as AbortSignal
  }

  /** Calls `onAbort` when the signal fires, until the returned function is called. */
  once(onAbort: () => void): () => void {
    this.#waits.add(onAbort)
    return () => this.#waits.delete(onAbort)
  }

  addEventListener(_type: 'abort', onAbort: () => void): void {
    this.#waits.add(onAbort)
  }

  removeEventListener(_type: 'abort', onAbort: () => void): void {
    this.#waits.delete(onAbort)
  }

  /** An error of one wait must not keep the others waiting. */
  abort(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    for (const onAbort of this.#waits) runApart(onAbort)
    this.#waits.clear()
  }
}
