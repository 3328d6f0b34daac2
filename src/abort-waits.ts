import { clearTimeout, setTimeout } from './host.js'
import { LightSignal } from './light-signal.js'
import { runApart } from './uncaught.js'

/** The waits of one signal. */
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

  /** Each wait removes itself. An error of one must not keep the others waiting. */
  readonly #abort = (): void => {
    for (const onAbort of this.#waits) runApart(onAbort)
  }
}

const waitsOf = new WeakMap<AbortSignal, AbortWaits>()

/**
 * Calls `onAbort` when the signal fires, until the returned function is called. All waits share one listener of the signal, because an
 * EventTarget searches its whole list of listeners to add or remove one.
 */
export function onceAborted(signal: AbortSignal, onAbort: () => void): () => void {
  if (signal instanceof LightSignal) return signal.once(onAbort)
  let waits = waitsOf.get(signal)
  if (waits === undefined) {
    waits = new AbortWaits(signal)
    waitsOf.set(signal, waits)
  }
  waits.add(onAbort)
  return () => waits.remove(onAbort)
}

/** Calls `onAbort` as `onceAborted` does, and at once if the signal has fired already. */
export function whenAborted(signal: AbortSignal, onAbort: () => void): () => void {
  if (!signal.aborted) return onceAborted(signal, onAbort)
  onAbort()
  return () => {}
}

/** Resolves after this time, or when the signal fires; at once if it has fired. Many can wait for one signal. */
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      stopListening()
      resolve()
    }
    const timer = setTimeout(end, delayMs)
    const stopListening = onceAborted(signal, end)
  })
}
