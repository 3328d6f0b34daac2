import { runApart } from './uncaught.js'

/** The waits that one signal ends. */
class AbortWaits {
  readonly #signal: AbortSignal
  readonly #waits = new Set<() => void>()

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  add(onAbort: () => void): void {
    if (this.#waits.size === 0) this.#signal.addEventListener('abort', this.#abort)
    this.#waits.add(onAbort)
  }

  remove(onAbort: () => void): void {
    if (this.#waits.delete(onAbort) && this.#waits.size === 0)
      this.#signal.removeEventListener('abort', this.#abort)
  }

  /** Each wait removes itself. What one throws must not keep the others waiting. */
  readonly #abort = (): void => {
    for (const onAbort of this.#waits) runApart(onAbort)
  }
}

const waitsOf = new WeakMap<AbortSignal, AbortWaits>()

/**
 * Calls `onAbort` when the signal fires, until the returned function is called. The signal has one listener for all such
 * waits: an EventTarget searches its list of listeners for each one that is added or removed.
 */
export function onceAborted(signal: AbortSignal, onAbort: () => void): () => void {
  let waits = waitsOf.get(signal)
  if (waits === undefined) {
    waits = new AbortWaits(signal)
    waitsOf.set(signal, waits)
  }
  waits.add(onAbort)
  return () => waits.remove(onAbort)
}
