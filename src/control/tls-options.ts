import { ErrorCode, ShmwireError } from '../errors.js'
import { textOfThrown } from '../uncaught.js'

/** Creates a socket or server of node:tls, which throws for a certificate, key or other option that it cannot use. Throws `INVALID_ARGUMENT`. */
export function withTlsOptions<T>(address: string, create: () => T): T {
  try {
    return create()
  } catch (cause) {
    const reason = textOfThrown(cause)
    throw new ShmwireError(
      ErrorCode.INVALID_ARGUMENT,
      `the option tls for ${address} cannot be used: ${reason}`,
      { cause },
    )
  }
}
