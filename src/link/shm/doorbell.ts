import type { Socket } from 'node:net'
import { DOORBELL_FRAME } from '../../control/frames.js'
import { descriptorOf } from '../../control/peer.js'
import type { NativeBinding } from '../../native/binding.js'

/** Rings a peer that sleeps in its event loop: a frame on the control socket. */
export function ringDoorbell(socket: Socket, binding: NativeBinding): void {
  // A bell that the socket has not sent yet will be heard after what was just published: one is enough.
  if (!socket.writable || socket.writableLength > 0) return
  // Past the stream, which takes longer for it than the kernel does. The socket is asked for its descriptor each time: once
  // it is closed, the number may be another's.
  const descriptor = descriptorOf(socket)
  const sent = descriptor === undefined ? 0 : binding.sendNow(descriptor, DOORBELL_FRAME)
  if (sent < DOORBELL_FRAME.length) socket.write(DOORBELL_FRAME.subarray(sent))
}
