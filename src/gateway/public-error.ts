import { ErrorCode, ShmwireError } from '../errors.js'
import { isServiceError } from '../service/call/call-failure.js'
import { shownText } from '../service/shown-text.js'
import { rawMessageOf } from '../service-error.js'
import type { Status } from '../status.js'

/** An error, as the client of a gateway may see it. */
export interface PublicError {
  readonly status: Status
  readonly message: string
  readonly reason: string | undefined
  readonly details: unknown
}

/** Only a `ServiceError` crosses with its text, reason and details. Texts of other errors can state paths and addresses. */
export function publicError(error: unknown): PublicError {
  if (isServiceError(error)) {
    const { status, reason, details } = error
    return { status, message: rawMessageOf(error), reason, details }
  }
  if (!(error instanceof ShmwireError)) return plainError('INTERNAL', 'the gateway failed')
  const hidden =
    error.code === ErrorCode.REMOTE ? 'the service failed' : 'the gateway cannot reach the service'
  return plainError(error.status, shownText(error) ?? hidden)
}

/** A mistake of a service or an interceptor, not an outcome that it reports. */
export function isFault(error: unknown): boolean {
  return !isServiceError(error) && (!(error instanceof ShmwireError) || error.status === 'INTERNAL')
}

function plainError(status: Status, message: string): PublicError {
  return { status, message, reason: undefined, details: undefined }
}
