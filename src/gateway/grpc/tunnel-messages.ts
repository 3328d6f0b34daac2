import { ErrorCode, ShmwireError } from '../../errors.js'
import { MESSAGE_BYTES_MAX } from '../tunnel/tunnel-message.js'
import { MessageDecoder, MessageTooLong } from './message-decoder.js'

/** Splits the bytes of a call into the messages of a tunnel. */
export class TunnelMessages {
  /** The longest message is short enough to get its memory at once. */
  readonly #decoder = new MessageDecoder(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX)

  /** Calls `onMessage` for each message that ends in the chunk. Throws `CORRUPT`. */
  decode(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    try {
      this.#decoder.decode(chunk, ({ compressed, bytes }) => {
        if (compressed) throw corrupt('is compressed, which this side has not offered')
        onMessage(bytes)
      })
    } catch (error) {
      if (!(error instanceof MessageTooLong)) throw error
      throw corrupt(`has ${error.bytes} bytes; at most ${MESSAGE_BYTES_MAX} are allowed`)
    }
  }
}

function corrupt(what: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, `a message of the other end of the tunnel ${what}`)
}
