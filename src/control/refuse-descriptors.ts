import type { Server, Socket } from 'node:net'
import type { NativeLoad } from '../native/load-binding.js'
import { toShmwireError } from '../native/native-error.js'
import { descriptorOf } from './peer.js'

/**
 * Keeps descriptors out of a control socket, or of all that a server accepts. libuv reads these sockets, and would close the
 * descriptors in the event loop, where closing one can wait for as long as its sender likes (decision 18). Without the addon, and
 * before Linux 6.16, it has no effect. Throws `CORRUPT` when the peer has sent some already; the socket has hung up then.
 */
export function refuseDescriptors(socket: Socket | Server, native: NativeLoad): void {
  const descriptor = descriptorOf(socket)
  if (!('binding' in native) || descriptor === undefined) return
  try {
    native.binding.refuseDescriptors(descriptor)
  } catch (cause) {
    throw toShmwireError(cause, 'the connection is refused')
  }
}
