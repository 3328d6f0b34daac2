import type { CallPort } from '../../channel/call-port.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { MessageType } from '../../schema/message-type.js'
import { type EncodedMessage, Encoding } from '../../wire/call-records.js'

/** A type or a method whose messages can have a binary form. */
interface BinaryForm {
  readonly binary?: MessageType['binary'] | undefined
}

const NOTHING: EncodedMessage = { encoding: Encoding.NOTHING, bytes: new Uint8Array(0) }

/** A message in the codec of the channel; valid until the next one is encoded. Throws like `encode`. */
export function encodeWithCodec(message: unknown, encode: (message: unknown) => Uint8Array): EncodedMessage {
  return message === undefined ? NOTHING : { encoding: Encoding.CODEC, bytes: encode(message) }
}

/** A message in the binary form of its type, for a caller that sent such a message. */
export function encodeBinary(message: unknown, type: BinaryForm | undefined): EncodedMessage {
  if (type?.binary === undefined) throw noBinaryForm()
  return { encoding: Encoding.BINARY, bytes: type.binary.encode(message) }
}

/** Throws `CODEC`. */
export function decodeMessage(
  port: Pick<CallPort, 'decode'>,
  encoding: number,
  bytes: Buffer,
  type: BinaryForm | undefined,
): unknown {
  if (encoding === Encoding.NOTHING) return undefined
  if (encoding === Encoding.CODEC) return port.decode(bytes)
  if (type?.binary === undefined) throw noBinaryForm()
  try {
    return type.binary.decode(bytes)
  } catch (cause) {
    throw new ShmwireError(ErrorCode.CODEC, `the ${bytes.length} bytes of the message cannot be decoded`, {
      cause,
    })
  }
}

function noBinaryForm(): ShmwireError {
  return new ShmwireError(ErrorCode.CODEC, 'the contract of this method has no binary form of its messages')
}
