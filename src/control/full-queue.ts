import { waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { clearTimeout, nowMs, setTimeout } from '../host.js'
import type { WaitOptions } from '../options.js'

/** The waits between attempts. Each one doubles the last. The longest still ends soon after a stopped server continues. */
const DELAY_MS_MIN = 1
const DELAY_MS_MAX = 64

/**
 * Runs `attempt`, which connects to the control socket `path` within the given time, again while the server's queue of connections is
 * full: the server is alive, and only slow or stopped. The kernel reports no end of that state. Rejects with `TIMEOUT` after `timeoutMs`.
 */
export async function retryWhileQueueIsFull<T>(
  path: string,
  { signal, timeoutMs }: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
  attempt: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  const endMs = nowMs() + timeoutMs
  const timedOut = (): ShmwireError =>
    new ShmwireError(
      ErrorCode.TIMEOUT,
      `connecting to ${path} took longer than timeoutMs: ${timeoutMs}; the server's queue of connections was full, so it is stopped or busy`,
    )
  let leftMs = timeoutMs
  let isFirst = true
  for (let delayMs = DELAY_MS_MIN; ; delayMs = Math.min(2 * delayMs, DELAY_MS_MAX)) {
    try {
      return await attempt(leftMs)
    } catch (error) {
      // The error of a later attempt states a shorter time than the user's.
      if (!isFirst && (error as ShmwireError).code === ErrorCode.TIMEOUT) throw timedOut()
      if (!isQueueFull(error)) throw error
    }
    await pause(Math.min(delayMs, Math.max(0, endMs - nowMs())), signal)
    leftMs = Math.ceil(endMs - nowMs())
    isFirst = false
    if (leftMs <= 0) throw timedOut()
  }
}

/** connect(2) of a Unix socket reports a full queue by EAGAIN. */
function isQueueFull(error: unknown): boolean {
  const cause = error instanceof ShmwireError ? error.cause : undefined
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'EAGAIN'
}

function pause(delayMs: number, signal: WaitOptions['signal']): Promise<void> {
  return waitWithin<void>({ signal }, 'the handshake', (resolve) => {
    const timer = setTimeout(resolve, delayMs)
    return () => clearTimeout(timer)
  })
}
