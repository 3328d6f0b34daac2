import { ErrorCode, ShmwireError } from '../errors.js'
import { textOfThrown } from '../uncaught.js'

const CODES: ReadonlySet<unknown> = new Set(Object.values(ErrorCode))

/**
 * What a call of the addon threw, as the error that the user gets. `what` is the sentence's beginning: "… cannot be
 * mapped". Anything without a code of ours is `UNAVAILABLE`: whatever it is, there is no shared memory.
 */
export function toShmwireError(cause: unknown, what: string): ShmwireError {
  if (cause instanceof ShmwireError) return cause
  const message = `${what}: ${textOfThrown(cause)}`
  const code = (cause as { code?: unknown } | null | undefined)?.code
  return new ShmwireError(CODES.has(code) ? (code as ErrorCode) : ErrorCode.UNAVAILABLE, message, { cause })
}
