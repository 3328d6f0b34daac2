import { ErrorCode, ShmwireError } from '../errors.js'
import { textOfThrown } from '../uncaught.js'

const CODES: ReadonlySet<unknown> = new Set(Object.values(ErrorCode))

/**
 * Converts an exception of the addon to the error that the user gets. `what` begins the message: "…
 * cannot be mapped". An exception without one of our codes becomes `UNAVAILABLE`: there is no
 * shared memory.
 */
export function toShmwireError(cause: unknown, what: string): ShmwireError {
  if (cause instanceof ShmwireError) return cause
  const message = `${what}: ${textOfThrown(cause)}`
  const code = (cause as { code?: unknown } | null | undefined)?.code
  return new ShmwireError(CODES.has(code) ? (code as ErrorCode) : ErrorCode.UNAVAILABLE, message, { cause })
}
