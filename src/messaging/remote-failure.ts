import { ErrorCode, type Executed, ShmwireError } from '../errors.js'
import { ServiceError } from '../service-error.js'

const CODES: ReadonlySet<string> = new Set<string>(Object.values(ErrorCode))
const REASON = /^(ERR_SHMWIRE_[A-Z_]+)\/(no|unknown)$/

/** An error of this package as a service reports it: its code crosses as the reason. */
export function crossing(error: unknown): unknown {
  if (!(error instanceof ShmwireError) || error instanceof ServiceError) return error
  const { code, status, message, executed = 'no' } = error
  return new ServiceError(status, message, { reason: `${code}/${executed}`, cause: error })
}

/** The error of `crossing` at the caller. Another error stays as it is. */
export function crossed(error: unknown): unknown {
  if (!(error instanceof ServiceError) || error.reason === undefined) return error
  const [, code, executed] = REASON.exec(error.reason) ?? []
  if (code === undefined || !CODES.has(code)) return error
  return new ShmwireError(code as ErrorCode, error.message, {
    status: error.status,
    executed: executed as Executed,
  })
}
