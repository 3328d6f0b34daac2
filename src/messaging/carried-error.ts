import { ErrorCode, type Executed, ShmwireError } from '../errors.js'
import { ServiceError } from '../service-error.js'

/** At the caller, these are about its own connection or its own handler. */
const OWN_CODES: ReadonlySet<ErrorCode> = new Set([ErrorCode.PEER_GONE, ErrorCode.REMOTE, ErrorCode.SERVICE])
const CARRIED: ReadonlyMap<string, ErrorCode> = new Map(
  Object.values(ErrorCode)
    .filter((code) => !OWN_CODES.has(code))
    .map((code) => [code, code]),
)
/** Refusals, which come before every effect. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.BACKLOG,
  ErrorCode.INVALID_ARGUMENT,
  ErrorCode.VERSION,
])
const REASON = /^(ERR_SHMWIRE_[A-Z_]+)(?:\/(no|unknown))?$/

/** The error of a handler, in a form that crosses to every caller with its code and `executed`. Other values are returned unchanged. */
export function carriedError(thrown: unknown): unknown {
  if (!(thrown instanceof ShmwireError) || thrown instanceof ServiceError) return thrown
  const { code, status, message } = thrown
  if (!CARRIED.has(code)) return thrown
  const executed = thrown.executed ?? (REFUSALS.has(code) ? 'no' : undefined)
  return new ServiceError(status, message, {
    reason: executed === undefined ? code : `${code}/${executed}`,
    cause: thrown,
  })
}

/** The error that `carriedError` made on the other side; any other error unchanged. */
export function receivedError(error: unknown): Error {
  if (!(error instanceof ServiceError) || error.reason === undefined) return error as Error
  const [, name = '', stated] = REASON.exec(error.reason) ?? []
  const code = CARRIED.get(name)
  if (code === undefined) return error
  const executed = (stated as Executed | undefined) ?? error.executed ?? 'unknown'
  return new ShmwireError(code, error.message, { status: error.status, executed, cause: error })
}
