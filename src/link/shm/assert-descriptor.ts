import type { Socket } from 'node:net'
import { descriptorOf } from '../../control/peer.js'
import { ErrorCode, ShmwireError } from '../../errors.js'

/** Throws `UNAVAILABLE` where the runtime does not show the descriptor of a live socket: a blocking call would miss the end of the peer. */
export function assertDescriptor(socket: Socket): void {
  if (socket.destroyed || descriptorOf(socket) !== undefined) return
  throw new ShmwireError(
    ErrorCode.UNAVAILABLE,
    'blocking calls need the descriptor of the control socket, which this runtime does not expose; use send and request',
  )
}
