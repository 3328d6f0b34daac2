import { ErrorCode, type ShmwireError } from '../errors.js'

/** Errors whose text states no path, no address and nothing of a service or a handler. */
const SHOWN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ErrorCode.ABORTED,
  ErrorCode.BACKLOG,
  ErrorCode.CODEC,
  ErrorCode.INVALID_ARGUMENT,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.NO_HANDLER,
  ErrorCode.TIMEOUT,
])

/** The text of an error of this side for a caller elsewhere. Undefined: its own text must stay here. */
export function shownText({ code, status, message }: ShmwireError): string | undefined {
  if (SHOWN.has(code)) return message
  return status === 'UNAVAILABLE' ? 'the service is not available; call again later' : undefined
}
