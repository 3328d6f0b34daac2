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
  /** A fresh codec for one channel, for a codec that keeps state between messages. Absent: the object itself serves every channel. */
  perChannel?(): Codec
}

export type CodecName = 'msgpack' | 'json' | 'bytes' | 'v8'
