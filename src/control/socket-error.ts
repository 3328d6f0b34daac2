import { ErrorCode, ShmwireError } from '../errors.js'

interface SocketFault extends NodeJS.ErrnoException {
  readonly address?: string
}

/**
 * The error that the user gets for an error of the socket, either while it connects or during the handshake. `place` is the address;
 * without it, the error has the path of the socket.
 */
export function socketError(cause: SocketFault, place?: string): ShmwireError {
  const where = place ?? cause.address ?? 'the address'
  if (isForeign(cause))
    return new ShmwireError(
      ErrorCode.VERSION,
      `the server at ${where} does not speak TLS; check what listens there, or use its tcp:// address`,
      { cause },
    )
  if (isUnknownHost(cause))
    return new ShmwireError(
      ErrorCode.NOT_LISTENING,
      `the host of ${where} is not known (${cause.code}); check its name, and the name service of this machine`,
      { cause },
    )
  if (isTlsFault(cause))
    return new ShmwireError(ErrorCode.DENIED, `the TLS handshake failed: ${cause.message}`, { cause })
  switch (cause.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
    case 'ENOTDIR':
    case 'ELOOP':
    // A socket of another type.
    case 'EPROTOTYPE':
    // No way to the host.
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return new ShmwireError(
        ErrorCode.NOT_LISTENING,
        `no server listens at ${where}; start the server first`,
        { cause },
      )
    // A full queue of connections: `connect` tries again.
    case 'EAGAIN':
      return new ShmwireError(ErrorCode.UNAVAILABLE, `the queue of connections of ${where} is full`, {
        cause,
      })
    case 'EACCES':
    case 'EPERM': {
      const message = `this user may not connect to ${where}; check the owner and mode of the socket and its directory`
      return new ShmwireError(ErrorCode.DENIED, message, { cause })
    }
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
    case 'ENOBUFS':
      return new ShmwireError(
        ErrorCode.OUT_OF_MEMORY,
        `no descriptor or memory is left to connect to ${where}`,
        { cause },
      )
    default:
      return new ShmwireError(
        ErrorCode.PEER_GONE,
        `the connection broke during the handshake: ${cause.message}`,
        { cause },
      )
  }
}

/** The codes of getaddrinfo(3), as libuv names them. */
function isUnknownHost({ code = '' }: SocketFault): boolean {
  return /^(?:ENOTFOUND|EAI_)/.test(code)
}

/** The first bytes of the server are not a record of TLS. An error of a write has the reason of OpenSSL in its message only. */
function isForeign({ message }: SocketFault): boolean {
  return /SSL routines:.*:(?:wrong version number|packet length too long):/.test(message)
}

/** The codes of OpenSSL and of node:tls, and those of X.509, which have no common prefix. */
function isTlsFault({ code = '' }: SocketFault): boolean {
  return /^(?:ERR_SSL_|ERR_TLS_|CERT_|CRL_|UNABLE_TO_)|_CERT(?:IFICATE)?(?:_|$)|^(?:EPROTO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)$/.test(
    code,
  )
}
