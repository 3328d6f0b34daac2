import { backOffMs } from '../back-off.js'
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

/**
 * The wait before the next attempt, in milliseconds: as long as the service asks for, and at least a random time; see `backOffMs`. Undefined: the
 * service asks for a longer wait than `maxMs`, so no attempt follows.
 */
export function retryWaitMs(
  error: unknown,
  attempt: number,
  minMs: number = RETRY_DELAY_MS,
  maxMs: number = RETRY_DELAY_MS_MAX,
  random?: () => number,
): number | undefined {
  const statedMs = error instanceof ServiceError ? retryDelayMsOf(error.details) : 0
  return statedMs > maxMs ? undefined : Math.max(statedMs, backOffMs(attempt, minMs, maxMs, random))
}

/** `retryDelayMs` of an error's details: a call before that time would fail again. 0: there is none. Input: another process can have sent it. */
export function retryDelayMsOf(details: unknown): number {
  const delayMs: unknown =
    typeof details === 'object' && details !== null && 'retryDelayMs' in details ? details.retryDelayMs : 0
  return typeof delayMs === 'number' && delayMs > 0 ? delayMs : 0
}
