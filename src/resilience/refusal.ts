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
