import type { Codec } from '../codec/codec.js'
import type { Link } from '../link/link.js'

/** What a channel is made of, once connected. */
export interface ChannelParts {
  readonly link: Link
  readonly codec: Codec
  /** The smaller `maxMessageBytes` of the two sides. */
  readonly maxMessageBytes: number
  /** Of this side. */
  readonly maxDecodedBytes: number
  readonly fallbackReason?: string | undefined
  /** Runs once, when the channel is over, before its events say so. Must not throw. */
  readonly onClosed?: ((error: Error | undefined) => void) | undefined
}
