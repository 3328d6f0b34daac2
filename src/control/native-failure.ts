import { ErrorCode, ShmwireError } from '../errors.js'

const ERROR_CODES: ReadonlySet<unknown> = new Set(Object.values(ErrorCode))

/** Signs of a hostile or foreign peer: to go on over the socket would hide them. */
const FATAL: ReadonlySet<ErrorCode> = new Set([ErrorCode.CORRUPT, ErrorCode.DENIED, ErrorCode.VERSION])

/** A call of the addon failed, so there will be no shared memory. Does not leave the handshake. */
export class NativeFailure extends Error {
  readonly error: ShmwireError

  constructor(error: ShmwireError) {
    super(error.message)
    this.error = error
  }

  /** Whether the socket may take over. */
  get allowsFallback(): boolean {
    return !FATAL.has(this.error.code)
  }
}

/** Runs a call of the addon. Throws `NativeFailure`. `what` is the sentence's beginning: "… cannot be mapped". */
export function callNative<T>(what: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    throw new NativeFailure(asShmwireError(what, cause))
  }
}

function asShmwireError(what: string, cause: unknown): ShmwireError {
  const message = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`
  const code = (cause as { code?: unknown } | null | undefined)?.code
  return new ShmwireError(ERROR_CODES.has(code) ? (code as ErrorCode) : ErrorCode.UNAVAILABLE, message, {
    cause,
  })
}
