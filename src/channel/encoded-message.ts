import { types } from 'node:util'
import type { Codec, CodecName, OnceEncoded } from '../codec/codec.js'
import { codecFor } from '../codec/codecs.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { codecOption, invalid } from '../options.js'
import { textOfThrown } from '../uncaught.js'

const PART_FAULT =
  'a message of encodeOnce is whole; it cannot be encoded again, or be a part of another message'

function refuseAsPart(): never {
  throw new TypeError(PART_FAULT)
}

let onceOf: (message: EncodedMessage) => OnceEncoded
/** Most programs create none, and the check of its class would take a twentieth of the time of a short message. */
let exists = false

/** A message that is encoded already. Any number of channels can send it, any number of times. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export class EncodedMessage<Message = any> {
  /** For the types only. */
  declare protected readonly message: Message
  /** The name of its codec. Channels with another one refuse it. */
  readonly codec: string
  readonly #once: OnceEncoded

  static {
    onceOf = (message) => message.#once
    // As a part of another message, it would be an object without the bytes. So msgpack refuses classes with a tag, and json calls this.
    Object.defineProperties(EncodedMessage.prototype, {
      [Symbol.toStringTag]: { value: 'EncodedMessage' },
      toJSON: { value: refuseAsPart },
    })
  }

  /** Messages come from `encodeOnce`. */
  constructor(codec: string, once: OnceEncoded) {
    this.codec = codec
    this.#once = once
    exists = true
  }

  /** Bytes of the message. A channel may send a few more or less. */
  get byteLength(): number {
    return this.#once.bytes.length
  }
}

/**
 * Encodes a message for several channels. The result is a copy: later changes of `message` do not change it. `codec` must be the one of the
 * channels. Throws `CODEC`, and `INVALID_ARGUMENT` for a codec with `perChannel` and without `encodeOnce`.
 */
export function encodeOnce<Message>(
  message: Message,
  codec: CodecName | Codec = 'msgpack',
): EncodedMessage<Message> {
  const used = codecFor(codecOption(codec))
  if (used.encodeOnce === undefined && used.perChannel !== undefined)
    throw invalid('codec', codec, 'a codec that has encodeOnce, or no perChannel')
  try {
    if (isEncoded(message)) refuseAsPart()
    return new EncodedMessage<Message>(used.name, contentBy(used, message))
  } catch (cause) {
    const what = `codec ${used.name} cannot encode the message: ${textOfThrown(cause)}`
    throw new ShmwireError(ErrorCode.CODEC, what, { cause })
  }
}

function contentBy(codec: Codec, message: unknown): OnceEncoded {
  if (codec.encodeOnce === undefined) {
    // The codec may reuse the memory, or it may be memory of the message.
    return { bytes: Buffer.from(checkedBytes(codec.encode(message), 'encode must return')) }
  }
  const once = codec.encodeOnce(message)
  checkedBytes(once.bytes, 'encodeOnce must return bytes:')
  return once
}

/** Throws TypeError for other results of a codec than bytes, and for memory that was transferred. */
export function checkedBytes(bytes: Uint8Array, must: string): Uint8Array {
  if (!types.isUint8Array(bytes)) throw new TypeError(`${must} a Uint8Array`)
  // Throws for a detached buffer, which looks like an empty message.
  if (bytes.length === 0) Buffer.from(bytes.buffer)
  return bytes
}

export function isEncoded(message: unknown): message is EncodedMessage {
  return exists && message instanceof EncodedMessage
}

/** Throws TypeError for an object that only inherits from the class. */
export function contentOf(message: EncodedMessage): OnceEncoded {
  return onceOf(message)
}

/** The bytes that a codec sends. Throws TypeError if they depend on the channel, and it cannot adapt them. */
export function bytesFor(codec: Pick<Codec, 'adopt'>, once: OnceEncoded): Uint8Array {
  if (codec.adopt !== undefined) return codec.adopt(once)
  if (once.places !== undefined && once.places.length > 0)
    throw new TypeError('the bytes of encodeOnce depend on the channel, and the codec has no adopt')
  return once.bytes
}
