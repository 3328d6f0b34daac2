import { invalid, isAbortSignal, misuse } from '../options.js'
import { checkedTimeout } from './call-settings.js'
import type { WhenUnavailable } from './caller.js'
import { checkInterceptors, type Interceptor, replacesRetries } from './interceptors.js'

/** The options of all clients, whatever carries their calls; see `ClientOptions`. */
export interface CallerOptions {
  readonly timeoutMs?: number | undefined
  readonly interceptors?: readonly Interceptor[] | undefined
  readonly waitForServer?: boolean | undefined
  readonly whenUnavailable?: WhenUnavailable | undefined
  readonly retries?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const WHEN_UNAVAILABLE: readonly string[] = ['fail', 'wait'] satisfies WhenUnavailable[]
const RETRIES_MAX = 10

/** Throws `INVALID_ARGUMENT`. */
export function checkCallerOptions(options: CallerOptions): void {
  const { timeoutMs, interceptors, whenUnavailable, waitForServer, retries, signal } = options
  if (timeoutMs !== undefined) checkedTimeout(timeoutMs)
  if (interceptors !== undefined) checkInterceptors(interceptors)
  if (whenUnavailable !== undefined && !WHEN_UNAVAILABLE.includes(whenUnavailable))
    throw invalid('whenUnavailable', whenUnavailable, `one of ${WHEN_UNAVAILABLE.join(', ')}`)
  if (waitForServer !== undefined && typeof waitForServer !== 'boolean')
    throw invalid('waitForServer', waitForServer, 'true or false')
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0 && retries <= RETRIES_MAX))
    throw invalid('retries', retries, `an integer from 0 to ${RETRIES_MAX}`)
  if (retries !== undefined && retries > 0 && interceptors !== undefined && replacesRetries(interceptors))
    throw misuse('the interceptor retry repeats the calls; remove the option retries, or the interceptor')
  if (signal !== undefined && !isAbortSignal(signal)) throw invalid('signal', signal, 'an AbortSignal')
}
