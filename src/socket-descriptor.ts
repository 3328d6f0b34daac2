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
