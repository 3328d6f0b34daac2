import type { ChannelCodec } from '../../src/codec/codec.js'
import { DECODED_BYTES_DEFAULT } from '../../src/codec/decode-budget.js'
import { msgpackCodec } from '../../src/codec/msgpack.js'

export interface CodecPair {
  readonly sender: ChannelCodec
  readonly receiver: ChannelCodec
  /** Notes from the sender to the receiver. */
  readonly notes: Buffer[]
  readonly roundTrip: RoundTrip
}

/** The two codecs of one direction of a channel. Bytes are copied, because the encoder reuses its buffer. */
export function codecPair(): CodecPair {
  const notes: Buffer[] = []
  const receiver = channelCodec(() => true)
  const sender = channelCodec((note) => {
    notes.push(Buffer.from(note))
    receiver.applyNote?.(Buffer.from(note))
    return true
  })
  const roundTrip = <T>(value: T): T => receiver.decode(Buffer.from(sender.encode(value))) as T
  return { sender, receiver, notes, roundTrip }
}

export function channelCodec(
  sendNote: (note: Uint8Array) => boolean,
  messageBytesMax = Number.POSITIVE_INFINITY,
  decodedBytesMax = DECODED_BYTES_DEFAULT,
): ChannelCodec {
  if (msgpackCodec.perChannel === undefined) throw new Error('msgpack has one codec for all channels')
  return msgpackCodec.perChannel(sendNote, { messageBytesMax, decodedBytesMax })
}

export type RoundTrip = <T>(value: T) => T

/** All encodings of a value: objects as maps, with newly announced shapes, and with known shapes. */
export const ROUND_TRIPS: readonly [form: string, roundTrip: RoundTrip][] = [
  [
    'without a channel',
    (value) => msgpackCodec.decode(Buffer.from(msgpackCodec.encode(value))) as typeof value,
  ],
  ...[1, 2, 3].map((times): [string, RoundTrip] => [
    `in a channel, number ${times}`,
    (value) => {
      const { roundTrip } = codecPair()
      for (let before = 1; before < times; before++) roundTrip(value)
      return roundTrip(value)
    },
  ]),
]

/** A value with this element is nested too deep for the tree form. */
export const DEEP: readonly unknown[] = nested(110)

function nested(depth: number): unknown[] {
  let value: unknown[] = []
  for (let level = 1; level < depth; level++) value = [value]
  return value
}
