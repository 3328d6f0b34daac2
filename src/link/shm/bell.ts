import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'

/** What comes through a bell says nothing: one memory for all of them, which nobody looks at. */
const IGNORED = Buffer.alloc(1024)

/**
 * Listens to this side's bell: `onRing` is called in the event loop whenever the peer has rung, once for all rings that have
 * come together. The socket owns the descriptor; nobody does when this throws. Does not keep the process alive, and says nothing when the peer is
 * gone: the control socket does.
 *
 * Past the stream (`onread`), which takes longer to hand a byte over than the kernel.
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
  return new Socket(options).unref()
}
