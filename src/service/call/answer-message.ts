import { isThenable } from '../../thenable.js'
import type { EncodedMessage } from '../../wire/call-records.js'
import { encodeBinary, encodeWithCodec } from './call-messages.js'
import type { RunningCall } from './running-call.js'

/** Throws or rejects if the handler's message does not have the declared form. */
export function checkOutput({ served }: RunningCall, message: unknown): PromiseLike<unknown> | undefined {
  const { checksOutput, output } = served
  if (!checksOutput || output === undefined) return undefined
  const result = output.parse(message)
  return isThenable(result) ? result : undefined
}

/** The handler's message, valid until the next one is encoded. Throws `CODEC`. */
export function encodeOutput(
  { isBinary, served }: RunningCall,
  message: unknown,
  encode: (message: unknown) => Uint8Array,
): EncodedMessage {
  const { output } = served
  const value = output?.empty === true ? undefined : message
  return isBinary ? encodeBinary(value, output) : encodeWithCodec(value, encode)
}
