/**
 * Turns the values of a channel into bytes and back. Both ends name the same codec at the handshake.
 *
 * `encode` may return the value's own memory; unless `reusesMemory` is set, the codec itself does not change
 * the bytes later. `decode` gets memory that belongs to the message alone and may keep views of it.
 * Both may throw; the channel reports that as `ERR_SHMWIRE_CODEC` with the thrown error as `cause`.
 */
export interface Codec {
  /** Compared at the handshake; 1 to 64 characters. */
  readonly name: string
  encode(value: unknown): Uint8Array
  decode(bytes: Buffer): unknown
  /** The bytes that `encode` returns are good until its next call only. The channel copies those that have to wait. */
  readonly reusesMemory?: boolean
  /**
   * A fresh codec for one channel, for a codec that keeps state between messages. Absent: the object itself serves every channel.
   *
   * Messages are not always sent in the order in which they were encoded, and some are never sent, so what one message
   * needs must not be in another. `tell` sends a note for that, to `learn` of the peer's codec: at once and for good, so that it arrives before
   * every message whose `encode` has not returned yet. False: it cannot be sent, being longer than `maxMessageBytes` or
   * the channel closed; no message may rely on it. The note's memory may be used again.
   */
  perChannel?(tell: (note: Uint8Array) => boolean, bounds: CodecBounds): ChannelCodec
}

export interface CodecBounds {
  /** `maxMessageBytes`: an `encode` that sees its result grow beyond it need not go on. */
  readonly messageBytesMax: number
  /** `maxDecodedBytes`: a `decode` that needs more memory than this throws, before it takes the memory. */
  readonly decodedBytesMax: number
}

/** The codec of one channel. */
export interface ChannelCodec extends Omit<Codec, 'perChannel'> {
  /**
   * Takes a note of the peer's codec; its memory is that of the note alone. Throws where it is malformed: the channel
   * ends with `ERR_SHMWIRE_CODEC`. Absent: the codec has no notes, and a peer that sends one is in the wrong.
   */
  learn?(note: Buffer): void
  /**
   * Bytes of memory that the value takes which `decode` returned last, besides those of its message, `payload`. Called for a
   * message that has to wait for a consumer, before the next `decode`. Absent: the value takes about as much as the message.
   */
  decodedBytes?(payload: Buffer): number
}

export type CodecName = 'msgpack' | 'json' | 'bytes' | 'v8'
