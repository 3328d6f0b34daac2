/**
 * Turns the values of a channel into bytes and back. Both sides name the same codec in the handshake.
 *
 * `encode` may return memory of the value. Unless `reusesMemory` is set, the codec does not change the bytes later. `decode` receives
 * memory of the message alone and may keep views of it. Both may throw: the channel reports `ERR_SHMWIRE_CODEC` with that error as
 * its `cause`.
 */
export interface Codec {
  /** The handshake compares it. 1 to 64 characters. */
  readonly name: string
  encode(value: unknown): Uint8Array
  decode(bytes: Buffer): unknown
  /** The next call of `encode` overwrites the bytes of the last one. So the channel copies bytes that have to wait. */
  readonly reusesMemory?: boolean
  /**
   * Like `encode`, for a message that several channels send; its bytes never change. Absent: `encode` writes it, or, if the codec has
   * `perChannel`, such messages are not possible.
   */
  encodeOnce?(value: unknown): OnceEncoded
  /**
   * The bytes that are sent for a message of `encodeOnce`. Called like `encode`; must not change the message. Absent: its bytes, and a
   * message with `places` is refused. The one of a codec with `perChannel` serves topics, cells and queues, whose messages do not depend
   * on a channel.
   */
  adopt?(message: OnceEncoded): Uint8Array
  /**
   * Creates a codec for one channel, with state of its own. Absent: this object serves every channel.
   *
   * The channel can send messages in another order than it encoded them, or not at all, so a message must not depend on another one.
   * `sendNote` sends a note to `applyNote` of the peer's codec instead. The note arrives before every message whose `encode` has not
   * returned yet. False: the note cannot be sent, because it is longer than `maxMessageBytes` or the channel is closed. No message may
   * depend on it then. The codec may reuse the memory of the note.
   */
  perChannel?(sendNote: (note: Uint8Array) => boolean, bounds: CodecBounds): ChannelCodec
}

/** A message for several channels. */
export interface OnceEncoded {
  readonly bytes: Uint8Array
  /** Indices of the bytes that depend on the channel. */
  readonly places?: readonly number[]
}

export interface CodecBounds {
  /** `maxMessageBytes`: an `encode` whose result grows beyond it can stop. */
  readonly messageBytesMax: number
  /** `maxDecodedBytes`: a `decode` that needs more memory than this throws, before it takes the memory. */
  readonly decodedBytesMax: number
}

/** The codec of one channel. */
export interface ChannelCodec extends Omit<Codec, 'perChannel' | 'encodeOnce'> {
  /**
   * Applies a note of the peer's codec, in memory of the note alone. Throws for a malformed note, which ends the channel with
   * `ERR_SHMWIRE_CODEC`. Absent: the codec has no notes, and a note ends the channel with `ERR_SHMWIRE_CORRUPT`.
   */
  applyNote?(note: Buffer): void
  /**
   * The memory of the value that `decode` returned last, in bytes, without its message, `payload`. Called for a message that has to
   * wait for a consumer, before the next `decode`. Absent: only the message counts.
   */
  decodedBytes?(payload: Buffer): number
}

export type CodecName = 'msgpack' | 'json' | 'bytes' | 'v8'
