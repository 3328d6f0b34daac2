import type { Codec } from '../codec/codec.js'
import type { Link } from '../link/link.js'

/** The dependencies of a channel, once the two sides are connected. */
export interface ChannelDependencies {
  readonly link: Link
  readonly codec: Codec
  /** The smaller `maxMessageBytes` of the two sides. */
  readonly maxMessageBytes: number
  /** Of this side. */
  readonly maxDecodedBytes: number
  readonly fallbackReason?: string | undefined
  /** Called once, when the channel has ended, before its events. Must not throw. */
  readonly onClosed?: ((error: Error | undefined) => void) | undefined
}

/** The events of a channel, with their arguments. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of their messages
export interface ChannelEvents<Incoming = any> {
  /** A message of the peer. A loop or a blocking call that takes messages gets them instead. */
  message: [message: Incoming]
  /** Messages that arrived together, in order: fewer calls than `message`. */
  messages: [batch: Incoming[]]
  /** There is room again, after `trySend` returned false or `claim` returned null. */
  drain: []
  /** The channel failed; `close` follows, with the same error. Needs no listener. */
  error: [error: Error]
  /** The channel has ended: without an error if either side closed it. Emitted once, last. */
  close: [error: Error | undefined]
}

export interface OpenWork {
  /** Nothing is open that a `close()` must wait for. */
  readonly idle: boolean
}
