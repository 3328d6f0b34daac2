import { ErrorCode, type ShmwireError } from '../errors.js'
import { toShmwireError } from '../native/native-error.js'

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
    throw new NativeFailure(toShmwireError(cause, what))
  }
}
