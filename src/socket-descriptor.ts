import type { Server } from 'node:net'
import type { ByteStream } from './byte-stream.js'

/**
 * Node has no public property for the descriptor of a socket. Undefined in a runtime without this private one, and for a TLS socket, whose
 * descriptor carries other bytes than the socket.
 */
export function descriptorOf(socket: ByteStream | Server): number | undefined {
  if ('encrypted' in socket) return undefined
  const descriptor = (socket as { _handle?: { fd?: unknown } | null })._handle?.fd
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined
}

/**
 * For a blocking wait, which watches the descriptor for the end of the peer. Undefined if the socket is destroyed or hides it. On Windows
 * the wait watches the process of the peer, and ignores the number.
 */
export function watchedDescriptorOf(socket: ByteStream): number | undefined {
  if (process.platform !== 'win32') return descriptorOf(socket)
  return socket.destroyed ? undefined : 0
}
