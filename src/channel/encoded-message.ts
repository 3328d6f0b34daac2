import type { Codec, CodecName, OnceEncoded } from '../codec/codec.js'
import { codecFor } from '../codec/codecs.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { codecOption, invalid } from '../options.js'
import { textOfThrown } from '../uncaught.js'

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
    return new EncodedMessage<Message>(used.name, used.encodeOnce?.(message) ?? copyOf(used.encode(message)))
  } catch (cause) {
    const what = `codec ${used.name} cannot encode the message: ${textOfThrown(cause)}`
    throw new ShmwireError(ErrorCode.CODEC, what, { cause })
  }
}

/** The codec may reuse the memory, or it may be memory of the message. */
function copyOf(payload: Uint8Array): OnceEncoded {
  return { bytes: Buffer.from(payload) }
}

export function isEncoded(message: unknown): message is EncodedMessage {
  return exists && message instanceof EncodedMessage
}

/** Throws TypeError for an object that only inherits from the class. */
export function contentOf(message: EncodedMessage): OnceEncoded {
  return onceOf(message)
}
