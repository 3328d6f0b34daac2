import type { Server, Socket } from 'node:net'
import type { NativeLoad } from '../native/load-binding.js'
import { toShmwireError } from '../native/native-error.js'
import { descriptorOf } from '../socket-descriptor.js'

/**
 * Refuses descriptors on a control socket, or on all sockets that a server accepts. libuv reads these sockets and would close the
 * descriptors in the event loop, and its sender can delay such a close for any time (decision 18). Has no effect without the addon, and
 * before Linux 6.16. Throws `CORRUPT` if the peer has already sent some. The socket is then shut down.
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

/** For a socket that begins to connect. If it fails, the socket is destroyed. */
export function refuseOrDestroy(socket: Socket, native: NativeLoad): void {
  try {
    refuseDescriptors(socket, native)
  } catch (error) {
    socket.destroy()
    throw error
  }
}
