import { type Server, Socket } from 'node:net'
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
 * True for a socket of `node:net` with the methods of its class. A subclass, or a program that replaces one, may change the bytes on the way,
 * or count them.
 */
function hasMethods(stream: ByteStream, names: readonly (keyof Socket)[]): boolean {
  return stream instanceof Socket && names.every((name) => stream[name] === Socket.prototype[name])
}

/** The bytes that it writes are those that it was given. */
export function writesPlainly(stream: ByteStream): boolean {
  return hasMethods(stream, ['write', '_write', '_writev'])
}

/** The bytes that it reads are those that arrive. */
export function readsPlainly(stream: ByteStream): stream is Socket {
  return hasMethods(stream, ['push', '_read'])
}

/**
 * For a blocking wait, which watches the descriptor for the end of the peer. Undefined if the socket is destroyed or hides it. On Windows
 * the wait watches the process of the peer, and ignores the number.
 */
export function watchedDescriptorOf(socket: ByteStream): number | undefined {
  if (process.platform !== 'win32') return descriptorOf(socket)
  return socket.destroyed ? undefined : 0
}
