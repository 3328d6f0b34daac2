import type { InterceptedCall } from '../service/interceptors.js'
import { ServiceError } from '../service-error.js'
import type { Status } from '../status.js'

/** The stable names of the errors of interceptors, in `error.reason`. */
export type RefusalReason = 'CIRCUIT_OPEN' | 'BULKHEAD_FULL' | 'OVERLOADED'

/** The error of a call that an interceptor refuses: it did not run. `retryDelayMs`: a call before that time would fail the same way. */
export function refusal(
  status: Status,
  reason: RefusalReason,
  { service, method }: InterceptedCall,
  why: string,
  retryDelayMs?: number,
): ServiceError {
  const name = service === '' ? method : `${service}/${method}`
  return new ServiceError(status, `the call of ${name} was refused: ${why}`, {
    reason,
    executed: 'no',
    ...(retryDelayMs === undefined ? {} : { details: { retryDelayMs: Math.ceil(retryDelayMs) } }),
  })
}

/** The time before which the service, or an interceptor, expects no further call. Input: another process can have sent it. */
export function retryDelayMsOf(error: unknown): number {
  if (!(error instanceof ServiceError)) return 0
  const { details } = error
  const delayMs: unknown =
    typeof details === 'object' && details !== null && 'retryDelayMs' in details ? details.retryDelayMs : 0
  return typeof delayMs === 'number' && delayMs > 0 ? delayMs : 0
}
