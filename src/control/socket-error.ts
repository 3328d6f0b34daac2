import { ErrorCode, ShmwireError } from '../errors.js'

/** The error that the user gets for an error of the socket, either while it connects or during the handshake. */
export function socketError(cause: NodeJS.ErrnoException & { address?: string }): ShmwireError {
  const where = cause.address ?? 'the address'
  switch (cause.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
    case 'ENOTDIR':
    case 'ELOOP':
    // A socket of another type.
    case 'EPROTOTYPE':
      return new ShmwireError(
        ErrorCode.NOT_LISTENING,
        `no server listens at ${where}; start the server first`,
        { cause },
      )
    case 'EAGAIN': {
      const message = `the server at ${where} has a full queue of connections; try again later`
      return new ShmwireError(ErrorCode.NOT_LISTENING, message, { cause })
    }
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
