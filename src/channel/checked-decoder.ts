import { ErrorCode, ShmwireError } from '../errors.js'
import type { MessageType } from '../schema/message-type.js'
import { isThenable } from '../thenable.js'
import { textOfThrown } from '../uncaught.js'
import type { MessageCodec } from './message-codec.js'

type Decoder = Pick<MessageCodec, 'decode'>

/** Decodes the messages and requests of the peer, and checks them by the option `schema`. */
export class CheckedDecoder implements Decoder {
  readonly #codec: Decoder
  readonly #messages: Pick<MessageType, 'parse'>

  constructor(codec: Decoder, messages: Pick<MessageType, 'parse'>) {
    this.#codec = codec
    this.#messages = messages
  }

  /** Throws `CODEC`. */
  decode(payload: Buffer): unknown {
    const message = this.#codec.decode(payload)
    let result: unknown
    try {
      result = this.#messages.parse(message)
    } catch (cause) {
      throw new ShmwireError(ErrorCode.CODEC, `the peer sent a wrong message: ${textOfThrown(cause)}`, {
        cause,
      })
    }
    if (!isThenable(result)) return result
    // A rejection would be unhandled, which ends the process.
    result.then(ignore, ignore)
    throw new ShmwireError(
      ErrorCode.CODEC,
      'the option schema validates asynchronously; messages of a channel need a schema that validates at once',
    )
  }
}

function ignore(): void {}
