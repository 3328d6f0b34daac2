import type { Socket } from 'node:net'
import { invalid, misuse, type Settings } from '../options.js'
import { checkBytes } from './check-bytes.js'

/** Throws `INVALID_ARGUMENT` unless `connect` can use the socket, with these options. */
export function checkConnectedSocket(socket: Socket, settings: Settings): void {
  if (typeof socket?.on !== 'function' || typeof socket.write !== 'function' || !('connecting' in socket))
    throw invalid('socket', socket, 'a connected socket of node:net or node:tls')
  if (socket.connecting || (socket as { secureConnecting?: boolean }).secureConnecting === true)
    throw misuse("the socket is still connecting; wait for its 'connect' or 'secureConnect' event")
  checkBytes('socket', socket)
  if (settings.transport === 'shm')
    throw misuse("transport 'shm' needs an address; a socket that is passed carries no shared memory")
  if (settings.tls !== undefined)
    throw misuse('the option tls is for tls:// addresses; pass a socket of node:tls')
  if (transportOf(socket) === 'tcp' && settings.authorize === undefined)
    throw misuse(
      'the kernel does not identify the peer of a TCP socket; pass the option authorize, or a socket of node:tls',
    )
}

/** The carrier of a connected socket. */
export function transportOf(socket: Socket): 'unix' | 'pipe' | 'tcp' | 'tls' {
  if ('encrypted' in socket) return 'tls'
  // A TCP socket that its peer has reset has no remote address any more.
  if (socket.remoteAddress !== undefined || socket.localAddress !== undefined) return 'tcp'
  return process.platform === 'win32' ? 'pipe' : 'unix'
}
