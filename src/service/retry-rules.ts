import { replaceExecuted, ShmwireError } from '../errors.js'
import { rawMessageOf, ServiceError } from '../service-error.js'
import type { Status } from '../status.js'
import type { CallKind } from './contract/contract.js'

/** The first wait before a retry has at most this length; each further one twice as much. */
export const RETRY_DELAY_MS = 20
/** The upper limit of all waits. */
export const RETRY_DELAY_MS_MAX = 2_000

export interface RepeatableMethod {
  readonly kind: CallKind | undefined
  readonly idempotent: boolean
}

/** A call with one of these statuses that surely did not run, or may run twice. A stream of messages cannot be sent again. */
export function isRepeatable(
  error: unknown,
  { kind, idempotent }: RepeatableMethod,
  statuses: readonly Status[] = ['UNAVAILABLE'],
): error is ShmwireError {
  if (!(error instanceof ShmwireError) || kind !== 'unary' || !statuses.includes(error.status)) return false
  return error.executed === 'no' || idempotent
}

/** The error of a call of which another attempt may have run. */
export function asPossiblyRun<T>(error: T): T | ShmwireError {
  if (!(error instanceof ShmwireError) || error.executed !== 'no') return error
  if (!(error instanceof ServiceError)) return replaceExecuted(error, 'unknown')
  const { status, reason, details } = error
  return new ServiceError(status, rawMessageOf(error), {
    reason,
    details,
    executed: 'unknown',
    ...('cause' in error ? { cause: error.cause } : {}),
  })
}
