import { ErrorCode, ShmwireError } from '../errors.js'

const CONTENT_TYPE_MIN = 20
const CONTENT_TYPE_MAX = 23
const MAJOR_VERSION = 3

/** Whether the bytes begin as a record of TLS does (RFC 8446, section 5.1). */
export function beginsTls(bytes: Buffer): boolean {
  const [type = 0, version] = bytes
  return type >= CONTENT_TYPE_MIN && type <= CONTENT_TYPE_MAX && version === MAJOR_VERSION
}

/** A server with TLS closes a connection without TLS before it sends a byte. */
export function withTlsHint(error: unknown): unknown {
  if (!(error instanceof ShmwireError) || error.code !== ErrorCode.PEER_GONE) return error
  const hint = 'if the server uses TLS, use its tls:// address'
  return new ShmwireError(error.code, `${error.message}; ${hint}`, { cause: error.cause ?? error })
}
