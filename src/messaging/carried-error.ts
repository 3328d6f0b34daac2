import { ErrorCode, type Executed, ShmwireError } from '../errors.js'
import { ServiceError } from '../service-error.js'

/** The codes of errors of topics, cells and queues that callers get as their own. */
const CARRIED: ReadonlyMap<string, ErrorCode> = new Map(
  (
    [
      'BACKLOG',
      'CLOSED',
      'CODEC',
      'CORRUPT',
      'INVALID_ARGUMENT',
      'MESSAGE_TOO_LARGE',
      'OUT_OF_MEMORY',
      'TIMEOUT',
      'UNAVAILABLE',
      'VERSION',
    ] as const
  ).map((name) => [name, ErrorCode[name]]),
)
const NAMES: ReadonlyMap<ErrorCode, string> = new Map([...CARRIED].map(([name, code]) => [code, name]))

/** The error of a handler, in a form that crosses to every caller with its code. Other values are returned unchanged. */
export function carriedError(thrown: unknown): unknown {
  if (!(thrown instanceof ShmwireError) || thrown instanceof ServiceError) return thrown
  const reason = NAMES.get(thrown.code)
  return reason === undefined
    ? thrown
    : new ServiceError(thrown.status, thrown.message, { reason, cause: thrown })
}

/** The error that `carriedError` made on the other side; any other error unchanged. */
export function receivedError(error: unknown): Error {
  if (!(error instanceof ServiceError)) return error as Error
  const code = CARRIED.get(error.reason ?? '')
  if (code === undefined) return error
  const executed: Executed = error.executed ?? 'unknown'
  return new ShmwireError(code, error.message, { status: error.status, executed, cause: error })
}
