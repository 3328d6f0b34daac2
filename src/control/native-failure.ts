import { ErrorCode, type ShmwireError } from '../errors.js'
import { toShmwireError } from '../native/native-error.js'

/** Codes that a hostile or foreign peer causes. A fallback to the socket would hide them. */
const FATAL: ReadonlySet<ErrorCode> = new Set([ErrorCode.CORRUPT, ErrorCode.DENIED, ErrorCode.VERSION])

/** A failed call of the addon, after which there is no shared memory. Only the handshake handles this error. */
export class NativeFailure extends Error {
  readonly error: ShmwireError

  constructor(error: ShmwireError) {
    super(error.message)
    this.error = error
  }

  /** Whether the socket may replace shared memory. */
  get allowsFallback(): boolean {
    return !FATAL.has(this.error.code)
  }
}

/** Runs a call of the addon. Throws `NativeFailure`. `what` begins the message: "… cannot be mapped". */
export function callNative<T>(what: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    throw new NativeFailure(toShmwireError(cause, what))
  }
}
