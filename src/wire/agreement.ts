import type { ByteStream } from '../byte-stream.js'
import type { NativeEndpoint } from '../native/binding.js'
import type { Heartbeat } from '../options.js'
import type { Peer } from '../peer.js'
import type { Transport } from '../transport.js'
import type { FrameParser } from './frame-parser.js'

/** The only direction of records, as this side sees it. */
export type Direction = 'read' | 'write'

/**
 * The result of a handshake. The socket is paused and belongs to the caller. One `error` listener that does nothing stays on it, so that
 * a late ECONNRESET is not an uncaught exception. The socket can have ended meanwhile: check `socket.destroyed` and
 * `socket.readableEnded` before you wait for its events.
 */
export interface Agreement {
  readonly socket: ByteStream
  /** It can hold the first bytes of the data plane: set its `bound` and parse before you read the socket. */
  readonly parser: FrameParser
  readonly transport: Transport
  /** With `'shm'`: both segments are mapped, and `socket` is a Unix socket. The caller closes it. */
  readonly endpoint: NativeEndpoint | undefined
  /** Without `'shm'`: the reason why it is not shared memory. */
  readonly fallbackReason: string | undefined
  /** Undefined: both. */
  readonly direction?: Direction | undefined
  /** Undefined: the kernel reports the end of the peer. */
  readonly heartbeat?: Heartbeat | undefined
  readonly peer: Peer
  /** The smaller one of the two sides. */
  readonly maxMessageBytes: number
  /** Both sides have the same one, for their logs. Undefined: the peer is older. */
  readonly connectionId: string | undefined
  /** Of the peer: see `Feature`. */
  readonly features: readonly string[]
}
