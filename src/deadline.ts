import { onceAborted } from './abort-waits.js'
import { ErrorCode, ShmwireError } from './errors.js'
import { checkWaitOptions, type WaitOptions } from './options.js'

/** Gets the two ends of a promise; returns how to take the wait back. */
type Begin<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void

/**
 * Runs a wait under `{signal, timeoutMs}`. What `begin` returns runs at most once, and only when the signal or the time
 * came first. Under a signal that has fired before nothing is begun.
 */
export function waitWithin<T>(options: WaitOptions | undefined, what: string, begin: Begin<T>): Promise<T> {
  return wait(options, what, begin, false)
}

/** The same for what brings an end: it is begun in any case, because whoever gives up waiting for an end wants it no less. */
export function endWithin(options: WaitOptions | undefined, what: string, begin: Begin<void>): Promise<void> {
  return wait(options, what, begin, true)
}

function wait<T>(
  options: WaitOptions | undefined,
  what: string,
  begin: Begin<T>,
  inAnyCase: boolean,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const { signal, timeoutMs } = checkWaitOptions(options)
    if (signal?.aborted && !inAnyCase) throw aborted(what, signal)

    let settled = false
    let timer: NodeJS.Timeout | undefined
    let stopListening: (() => void) | undefined
    const settle = (): void => {
      settled = true
      if (timer !== undefined) clearTimeout(timer)
      stopListening?.()
    }
    const takeBack = begin(
      (value) => {
        settle()
        resolve(value)
      },
      (error) => {
        settle()
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what was thrown is passed on as it is
        reject(error)
      },
    )
    // `begin` may have settled already; then nothing may be left behind that could fire later or keep the process alive.
    if (settled) return
    const giveUp = (error: ShmwireError): void => {
      // Settled first: what `takeBack` sets off, even a throw, comes too late to change the outcome.
      settle()
      reject(error)
      takeBack()
    }
    if (signal !== undefined) {
      // Before, or by code that `begin` has run; its event is over.
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
 * One error for equal waits that one event ends, as the DOM rejects them all with the signal's reason. Ten thousand errors
 * take longer than all the rest of their end, and each would have the stack of that event.
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
