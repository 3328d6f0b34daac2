import { setMaxListeners } from 'node:events'
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
    let onAbort: (() => void) | undefined
    const settle = (): void => {
      settled = true
      if (timer !== undefined) clearTimeout(timer)
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
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
      onAbort = () => giveUp(aborted(what, signal))
      // One signal may bound any number of waits: that is no leak to be warned of.
      if (signal instanceof EventTarget) setMaxListeners(0, signal)
      signal.addEventListener('abort', onAbort, { once: true })
    }
    if (timeoutMs !== undefined) {
      timer = setTimeout(() => giveUp(timedOut(what, timeoutMs)), timeoutMs)
    }
  })
}

function timedOut(what: string, timeoutMs: number): ShmwireError {
  return new ShmwireError(ErrorCode.TIMEOUT, `${what} took longer than timeoutMs: ${timeoutMs}`)
}

function aborted(what: string, signal: AbortSignal): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, `${what} was aborted`, { cause: signal.reason })
}
