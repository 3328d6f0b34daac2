import { type OnReadOpts, Socket, type SocketConnectOpts, type SocketConstructorOpts } from 'node:net'

/** The bytes of a doorbell have no meaning, so all doorbells share the memory that they are read into. */
const IGNORED = Buffer.alloc(1024)

/**
 * Listens to this side's doorbell. The event loop calls `onWake` when the peer wakes this side, once for
 * all wake-ups that arrived together. The socket owns the descriptor; if this throws, the caller still
 * owns it. The socket does not keep the process alive and does not report the end of the peer.
 *
 * `onread` skips the stream, which takes longer to deliver a byte than the kernel.
 */
export function openDoorbell(descriptor: number, onWake: () => void): Socket {
  const callback = (): boolean => {
    onWake()
    return true
  }
  const options: SocketConstructorOpts & { onread: OnReadOpts } = {
    fd: descriptor,
    writable: false,
    onread: { buffer: IGNORED, callback },
  }
  const socket = new Socket(options)
  if (socket.pending) adopt(socket, descriptor, onWake)
  return socket.unref()
}

/**
 * Bun's constructor only stores the descriptor. `connect({ fd })` makes its event loop watch the
 * descriptor. It delivers `data` events even if `onread` is set.
 */
function adopt(socket: Socket, descriptor: number, onWake: () => void): void {
  const options: object = { fd: descriptor }
  socket.on('data', onWake).connect(options as SocketConnectOpts)
}
