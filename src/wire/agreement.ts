import type { Socket } from 'node:net'
import type { NativeEndpoint } from '../native/binding.js'
import type { Peer } from '../peer.js'
import type { FrameParser } from './frame-parser.js'

/**
 * The result of a handshake. The socket is paused and belongs to the caller. One `error` listener that does nothing stays on it, so that
 * a late ECONNRESET is not an uncaught exception. The socket can have ended meanwhile: check `socket.destroyed` and
 * `socket.readableEnded` before you wait for its events.
 */
export interface Agreement {
  readonly socket: Socket
  /** It can hold the first bytes of the data plane: set its `bound` and parse before you read the socket. */
  readonly parser: FrameParser
  readonly transport: 'shm' | 'unix'
  /** With `'shm'`: both segments are mapped. The caller closes it. */
  readonly endpoint: NativeEndpoint | undefined
  /** With `'unix'`: the reason why it is not shared memory. */
  readonly fallbackReason: string | undefined
  readonly peer: Peer
  /** The smaller one of the two sides. */
  readonly maxMessageBytes: number
}
