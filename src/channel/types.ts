import type { Codec } from '../codec/codec.js'
import type { Link } from '../link/link.js'
import type { MessageType } from '../schema/message-type.js'

/** The dependencies of a channel, once the two sides are connected. */
export interface ChannelDependencies {
  readonly link: Link
  readonly codec: Codec
  /** Checks the messages and requests of the peer. Default: any message. */
  readonly messages?: Pick<MessageType, 'parse'> | undefined
  /** The smaller `maxMessageBytes` of the two sides. */
  readonly maxMessageBytes: number
  /** Of this side. */
  readonly maxDecodedBytes: number
  /** Of this side. Default: no limit. */
  readonly maxOutboxBytes?: number | undefined
  readonly fallbackReason?: string | undefined
  /** The peer reads the records of calls. Default true. */
  readonly peerHasCalls?: boolean | undefined
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
  /** The peer has called `end()`, and all of its messages were delivered. It may still answer requests. */
  end: []
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
