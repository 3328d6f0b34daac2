import { onceAborted } from '../abort-waits.js'
import { clearTimeout, nowMs, setTimeout } from '../host.js'
import { invalid, TIMEOUT_MS_MAX } from '../options.js'

/** The time of the interceptors. Tests pass their own; all others pass none. */
export interface Clock {
  /** A time that never goes backwards, in milliseconds. */
  nowMs(): number
  /**
   * Runs `run` once, after `delayMs`, unless the returned function is called first. `background`: the wait does not keep the process alive.
   */
  after(delayMs: number, run: () => void, background?: boolean): () => void
}

/** The clock and the timers of Node. */
export const systemClock: Clock = {
  nowMs,
  after: (delayMs, run, background = false) => {
    // Node would fire at once.
    if (delayMs > TIMEOUT_MS_MAX) return () => {}
    const timer = setTimeout(run, Math.ceil(delayMs))
    if (background) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Throws `INVALID_ARGUMENT`. */
export function clockOption(clock: Clock = systemClock): Clock {
  const { nowMs: now, after } = (clock ?? {}) as Partial<Clock>
  if (typeof now === 'function' && typeof after === 'function') return clock
  throw invalid('clock', clock, 'an object { nowMs, after }')
}

/** Resolves after this time, or when the signal fires. */
export function delay(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      stopListening()
      resolve()
    }
    const cancel = clock.after(delayMs, end)
    const stopListening = onceAborted(signal, end)
  })
}
