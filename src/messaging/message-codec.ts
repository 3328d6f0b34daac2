import { bytesFor } from '../channel/encoded-message.js'
import { MessageCodec as ChannelMessageCodec } from '../channel/message-codec.js'
import type { Codec, CodecName } from '../codec/codec.js'
import { codecFor } from '../codec/codecs.js'
import { DECODED_BYTES_DEFAULT } from '../codec/decode-budget.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { codecOption } from '../options.js'

/**
 * The codec of a topic, a cell or a queue. It has no state of a channel, because many peers read one message, and some read it much later:
 * `msgpack` without announced shapes, and a codec of the program without `perChannel`.
 */
export class MessageCodec {
  /** Both sides must use a codec with the same name. */
  readonly name: string
  readonly #codec: ChannelMessageCodec
  readonly #bytesMax: number
  readonly #remedy: string

  /**
   * @param bytesMax the longest encoded message
   * @param remedy for the error of a longer message, for example "raise ringBytes"
   * @throws `INVALID_ARGUMENT`
   */
  constructor(option: CodecName | Codec = 'msgpack', bytesMax: number, remedy: string) {
    const codec = codecFor(codecOption(option))
    this.name = codec.name
    this.#bytesMax = bytesMax
    this.#remedy = remedy
    const stateless: Codec = {
      name: codec.name,
      reusesMemory: codec.reusesMemory === true,
      encode: (value) => codec.encode(value),
      decode: (bytes) => codec.decode(bytes),
      adopt: (message) => bytesFor(codec, message),
    }
    const bounds = { messageBytesMax: Number.POSITIVE_INFINITY, decodedBytesMax: DECODED_BYTES_DEFAULT }
    this.#codec = new ChannelMessageCodec(stateless, bounds, () => false)
  }

  /** The bytes are valid until the next call; see `keep`. Throws `CODEC`, `MESSAGE_TOO_LARGE`. */
  encode(message: unknown): Uint8Array {
    const bytes = this.#codec.encode(message)
    if (bytes.length <= this.#bytesMax) return bytes
    throw new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the message is ${bytes.length} bytes, more than ${this.#bytesMax}; ${this.#remedy}`,
    )
  }

  /** Bytes that outlive the call: a copy where the memory will change. */
  keep(bytes: Uint8Array): Uint8Array {
    return this.#codec.keep(bytes)
  }

  /** The bytes are memory of the message alone, and the message may keep views of them. Throws `CODEC`. */
  decode(bytes: Buffer): unknown {
    return this.#codec.decode(bytes)
  }

  /** Throws `INVALID_ARGUMENT` unless the peer uses a codec with the same name. `peer`: for example "the queue". */
  assertSame(name: string, peer: string): void {
    if (name === this.name) return
    throw new ShmwireError(
      ErrorCode.INVALID_ARGUMENT,
      `${peer} uses the codec ${JSON.stringify(name)}, and this side ${JSON.stringify(this.name)}; pass the same option codec on both sides`,
    )
  }
}
