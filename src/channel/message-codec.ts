import type { ChannelCodec, Codec, CodecBounds } from '../codec/codec.js'
import { DecodeLimitError } from '../codec/decode-budget.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { lentMemories } from '../link/link.js'
import { printable } from '../printable.js'
import { textOfThrown } from '../uncaught.js'

/** A channel's codec with the channel's bound, and the codec's errors as the user gets them. */
export class MessageCodec {
  readonly #codec: ChannelCodec
  readonly #bytesMax: number

  /** `tell` sends a note to the peer's codec, in its turn; false when none may be sent any more. */
  constructor(codec: Codec, bounds: CodecBounds, tell: (note: Uint8Array) => boolean) {
    const bytesMax = bounds.messageBytesMax
    this.#codec = codec.perChannel?.((note) => note.length <= bytesMax && tell(note), bounds) ?? codec
    this.#bytesMax = bytesMax
  }

  /** A payload that is not used at once has to go through `keep`. Throws `CODEC`, `MESSAGE_TOO_LARGE`. */
  encode(message: unknown): Uint8Array {
    let payload: Uint8Array
    try {
      payload = this.#codec.encode(message)
      if (!(payload instanceof Uint8Array)) throw new TypeError('encode must return a Uint8Array')
      // Throws for a detached buffer, which would look like an empty message.
      if (payload.length === 0) Buffer.from(payload.buffer)
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

  /** The payload as it must be to outlive this call. */
  keep(payload: Uint8Array): Uint8Array {
    // What lies in a peer's ring, of this channel or another, is good for this call only.
    const passes = this.#codec.reusesMemory === true || lentMemories.has(payload.buffer)
    return passes ? Buffer.from(payload) : payload
  }

  /** Takes what the peer's codec tells. Returns what is wrong with it: `CODEC`, or `CORRUPT` where this codec has no notes. */
  learn(note: Buffer): ShmwireError | undefined {
    const { name } = this.#codec
    if (this.#codec.learn === undefined)
      return new ShmwireError(ErrorCode.CORRUPT, `the peer sent a note to the codec ${name}, which has none`)
    try {
      this.#codec.learn(note)
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

  /** The memory of the message that was decoded last, besides its payload, while it waits for a consumer. */
  heldBytes(payload: Buffer): number {
    return this.#codec.decodedBytes?.(payload) ?? 0
  }
}

/** Errors of JSON.parse and RegExp quote what they read, which is the peer's and may hide from a terminal what follows. */
function printableCause(cause: unknown): unknown {
  const text = textOfThrown(cause)
  const safe = printable(text)
  if (!(cause instanceof Error) || safe === text) return cause
  const error = new Error(safe)
  error.name = cause.name
  return error
}
