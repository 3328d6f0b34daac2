import { onceAborted } from '../abort-waits.js'
import { clearTimeout, setTimeout } from '../host.js'

/** Resolves with the wait, after `timeoutMs`, or when the signal fires. */
export function within(
  wait: Promise<void>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      stop?.()
      resolve()
    }
    const timer = setTimeout(end, timeoutMs)
    const stop = signal && onceAborted(signal, end)
    void wait.then(end)
    if (signal?.aborted === true) end()
  })
}
