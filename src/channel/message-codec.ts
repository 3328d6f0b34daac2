import { borrowedMemories } from '../borrowed-memories.js'
import { isError } from '../codec/brand.js'
import type { ChannelCodec, Codec, CodecBounds } from '../codec/codec.js'
import { DecodeLimitError } from '../codec/decode-budget.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { printable } from '../printable.js'
import { textOfThrown } from '../uncaught.js'
import { bytesFor, checkedBytes, contentOf, type EncodedMessage, isEncoded } from './encoded-message.js'

/** More than the text of any error of this package. The engine quotes whole patterns in its errors. */
const CAUSE_CHARACTERS_MAX = 1000

/** The codec of a channel: checks the length of messages, and wraps the errors of the codec. */
export class MessageCodec {
  readonly #codec: ChannelCodec
  readonly #bytesMax: number

  /** `sendNote` sends a note to the peer's codec, in its turn. False: the channel closes. */
  constructor(codec: Codec, bounds: CodecBounds, sendNote: (note: Uint8Array) => boolean) {
    const bytesMax = bounds.messageBytesMax
    this.#codec = codec.perChannel?.((note) => note.length <= bytesMax && sendNote(note), bounds) ?? codec
    this.#bytesMax = bytesMax
  }

  /** The payload is valid until the next call; see `keep`. Throws `CODEC`, `MESSAGE_TOO_LARGE`. */
  encode(message: unknown): Uint8Array {
    let payload: Uint8Array
    try {
      payload = isEncoded(message) ? this.#adopt(message) : this.#codec.encode(message)
      checkedBytes(payload, 'encode must return')
    } catch (cause) {
      const what = `codec ${this.#codec.name} cannot encode the message: ${textOfThrown(cause)}`
      throw new ShmwireError(ErrorCode.CODEC, what, { cause })
    }
    if (payload.length <= this.#bytesMax) return payload
    throw new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the message is ${payload.length} bytes, more than maxMessageBytes: ${this.#bytesMax}; raise it on both sides, or send parts`,
    )
  }

  #adopt(message: EncodedMessage): Uint8Array {
    if (message.codec !== this.#codec.name)
      throw new TypeError(
        `encodeOnce encoded it with ${message.codec}; encode it for the codec of this channel`,
      )
    return bytesFor(this.#codec, contentOf(message))
  }

  /** A payload that outlives the call: a copy where the memory will change. */
  keep(payload: Uint8Array): Uint8Array {
    // A view of a peer's ring, of this channel or another, is valid for this call only.
    const isBorrowed = this.#codec.reusesMemory === true || borrowedMemories.has(payload.buffer)
    return isBorrowed ? Buffer.from(payload) : payload
  }

  /** Applies a note of the peer's codec. Returns `CODEC` if it is malformed, `CORRUPT` if this codec has no notes. */
  applyNote(note: Buffer): ShmwireError | undefined {
    const { name } = this.#codec
    if (this.#codec.applyNote === undefined)
      return new ShmwireError(ErrorCode.CORRUPT, `the peer sent a note to the codec ${name}, which has none`)
    try {
      this.#codec.applyNote(note)
      return undefined
    } catch (cause) {
      const what = `codec ${name} cannot read the note of ${note.length} bytes that the peer sent`
      return new ShmwireError(ErrorCode.CODEC, what, { cause: printableCause(cause) })
    }
  }

  /** Throws `CODEC`. */
  decode(payload: Buffer): unknown {
    try {
      return this.#codec.decode(payload)
    } catch (cause) {
      const why = cause instanceof DecodeLimitError ? `: ${cause.message}` : ''
      const what = `codec ${this.#codec.name} cannot decode the ${payload.length} bytes that the peer sent${why}`
      throw new ShmwireError(ErrorCode.CODEC, what, { cause: printableCause(cause) })
    }
  }

  /** The memory of the message that was decoded last, in addition to its payload. */
  heldBytes(payload: Buffer): number {
    return this.#codec.decodedBytes?.(payload) ?? 0
  }
}

/** Errors of JSON.parse and RegExp quote text of the peer, which may be long or hide the rest from a terminal. */
function printableCause(cause: unknown): unknown {
  const text = textOfThrown(cause)
  const safe = printable(text, CAUSE_CHARACTERS_MAX)
  if (typeof cause !== 'object' || cause === null || !isError(cause) || safe === text) return cause
  return Object.defineProperty(new Error(safe), 'name', {
    value: cause.name,
    configurable: true,
    writable: true,
  })
}
