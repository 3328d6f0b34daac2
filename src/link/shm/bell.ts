import { type OnReadOpts, Socket, type SocketConnectOpts, type SocketConstructorOpts } from 'node:net'

/** What comes through a bell says nothing: one memory for all of them, which nobody looks at. */
const IGNORED = Buffer.alloc(1024)

/**
 * Listens to this side's doorbell: the event loop calls `onRing` whenever the peer has rung, once for all rings that
 * arrived together. The socket owns the descriptor; if this throws, the caller still does. The socket does not keep the
 * process alive. It does not report the end of the peer; the control socket does.
 *
 * `onread` skips the stream, which takes longer to deliver a byte than the kernel.
 */
export function openBell(descriptor: number, onRing: () => void): Socket {
  const callback = (): boolean => {
    onRing()
    return true
  }
  const options: SocketConstructorOpts & { onread: OnReadOpts } = {
    fd: descriptor,
    writable: false,
    onread: { buffer: IGNORED, callback },
  }
  const socket = new Socket(options)
  if (socket.pending) adopt(socket, descriptor, onRing)
  return socket.unref()
}

/**
 * Bun's constructor only stores the descriptor. `connect({ fd })` makes its event loop watch the descriptor, and delivers
 * `data` events, also where `onread` is set.
 */
function adopt(socket: Socket, descriptor: number, onRing: () => void): void {
  const options: object = { fd: descriptor }
  socket.on('data', onRing).connect(options as SocketConnectOpts)
}
