import { onceAborted } from './abort-waits.js'
import { ErrorCode, ShmwireError } from './errors.js'
import { clearTimeout, setTimeout } from './host.js'
import { checkWaitOptions, type WaitOptions } from './options.js'

/** A timer can fire up to a millisecond early. So a deadline that is closer than this, in milliseconds, has passed. */
export const TIMER_EARLY_MS = 2

/** Starts a wait with the two functions of its promise. Returns a function that cancels the wait. */
type Begin<T> = (resolve: (value: T | PromiseLike<T>) => void, reject: (error: unknown) => void) => () => void

/**
 * Runs a wait within `{signal, timeoutMs}`. The returned function of `begin` runs at most once, and only if the signal or the timeout
 * comes first. If the signal has already fired, the wait does not start.
 */
export function waitWithin<T>(options: WaitOptions | undefined, what: string, begin: Begin<T>): Promise<T> {
  return wait(options, what, begin, false)
}

/** Like `waitWithin`, but always starts: an aborted close still closes. */
export function endWithin(options: WaitOptions | undefined, what: string, begin: Begin<void>): Promise<void> {
  return wait(options, what, begin, true)
}

function wait<T>(
  options: WaitOptions | undefined,
  what: string,
  begin: Begin<T>,
  alwaysStarts: boolean,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const { signal, timeoutMs } = checkWaitOptions(options)
    if (signal?.aborted && !alwaysStarts) throw aborted(what, signal)

    let settled = false
    let timer: NodeJS.Timeout | undefined
    let stopListening: (() => void) | undefined
    const settle = (): void => {
      settled = true
      if (timer !== undefined) clearTimeout(timer)
      stopListening?.()
    }
    const cancel = begin(
      (value) => {
        settle()
        resolve(value)
      },
      (error) => {
        settle()
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the caller gets the same value
        reject(error)
      },
    )
    // If `begin` has settled, no timer or listener may stay.
    if (settled) return
    const giveUp = (error: ShmwireError): void => {
      // Settles first, so that `cancel` cannot change the outcome, even if it throws.
      settle()
      reject(error)
      cancel()
    }
    if (signal !== undefined) {
      // The signal fired before the call or during `begin`, so its event will not come.
      if (signal.aborted) return giveUp(aborted(what, signal))
      stopListening = onceAborted(signal, () => giveUp(abortedWithOthers(what, signal)))
    }
    if (timeoutMs !== undefined) {
      timer = setTimeout(() => giveUp(timedOut(what, timeoutMs)), timeoutMs)
    }
  })
}

function timedOut(what: string, timeoutMs: number): ShmwireError {
  return new ShmwireError(ErrorCode.TIMEOUT, `${what} took longer than timeoutMs: ${timeoutMs}`)
}

const lastErrors = new WeakMap<AbortSignal, ShmwireError>()

/**
 * Returns one error for all equal waits of a signal, as the DOM rejects them all with the reason of the signal. The stack is the same for
 * all, and ten thousand errors would take longer than the rest of their end.
 */
function abortedWithOthers(what: string, signal: AbortSignal): ShmwireError {
  const last = lastErrors.get(signal)
  if (last?.message === abortText(what)) return last
  const error = aborted(what, signal)
  lastErrors.set(signal, error)
  return error
}

function abortText(what: string): string {
  return `${what} was aborted`
}

function aborted(what: string, signal: AbortSignal): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, abortText(what), { cause: signal.reason })
}
