import { TIMER_EARLY_MS } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { isServiceError } from '../../service/call/call-failure.js'
import type { ServiceCallPayload } from '../diagnostics-payloads.js'
import { OTHER } from './names.js'
import type { Fault } from './operations.js'

/** The status that a caller got. Its errors of other classes are those of its own interceptors. */
export function clientStatus(error: unknown): string {
  return error instanceof ShmwireError ? error.status : 'UNKNOWN'
}

/** The status that a service answers with. */
export function serverStatus({ error, context }: ServiceCallPayload): string {
  if (isServiceError(error)) return error.status
  // The caller, its deadline or the end of the channel has ended the call.
  if (error instanceof ShmwireError && context.signal.aborted) return error.status
  return context.remainingMs < TIMER_EARLY_MS ? 'DEADLINE_EXCEEDED' : 'INTERNAL'
}

/** An error with its stable code, or the name of its class. */
export function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return { type: OTHER, message: '' }
  if (isServiceError(error)) return { type: error.status, message: error.message }
  const isRemote = error instanceof ShmwireError && error.code === ErrorCode.REMOTE
  const type = isRemote ? error.status : error instanceof ShmwireError ? error.code : error.name
  return { type, message: error.message }
}
