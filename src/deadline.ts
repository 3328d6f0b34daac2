import { setMaxListeners } from 'node:events'
import { ErrorCode, ShmwireError } from './errors.js'
import { checkWaitOptions, type WaitOptions } from './options.js'

/**
 * Runs a wait under `{signal, timeoutMs}`. `begin` gets the two ends of a promise and returns how to take
 * the wait back; that runs at most once, and only when the signal or the time came first.
 */
export function waitWithin<T>(
  options: WaitOptions | undefined,
  what: string,
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    checkWaitOptions(options)
    const { signal, timeoutMs } = options ?? {}
    if (signal?.aborted) throw aborted(what, signal)

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
      // `begin` may have run code that aborted; its event is over.
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
