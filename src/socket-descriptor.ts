import type { Server, Socket } from 'node:net'

/** Node has no public property for the descriptor of a socket. Undefined in a runtime without this private one. */
export function descriptorOf(socket: Socket | Server): number | undefined {
  const descriptor = (socket as { _handle?: { fd?: unknown } | null })._handle?.fd
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined
}
