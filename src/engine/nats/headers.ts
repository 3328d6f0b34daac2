import { ErrorCode, ShmwireError } from '../../errors.js'
import { decodeHeaders, encodeHeaders } from '../../messaging/headers.js'
import type { MessageHeaders } from '../../messaging/types.js'
import type { MsgHdrs } from './connection.js'

/** Names that the servers and the engine give a meaning. Values of a program with such names travel in `Shmwire-Headers`. */
const RESERVED = /^(?:nats|shmwire)-/i
/** NATS removes the white space around a value. */
const TRIMMED = /^\S(?:.*\S)?$/
const OTHERS = 'Shmwire-Headers'

/** Adds the headers of a message. Throws `INVALID_ARGUMENT`. */
export function addHeaders(target: MsgHdrs, headers: MessageHeaders | undefined): void {
  // Also checks them.
  if (encodeHeaders(headers).length === 0) return
  const others: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers as MessageHeaders)) {
    if (!RESERVED.test(name) && TRIMMED.test(value)) target.set(name, value)
    else Object.defineProperty(others, name, { value, enumerable: true })
  }
  const encoded = encodeHeaders(others)
  if (encoded.length > 0) target.set(OTHERS, encoded.toString('base64'))
}

/** The headers of a message. The sender can be any program. Throws `CORRUPT`. */
export function readHeaders(source: MsgHdrs | undefined): MessageHeaders {
  if (source === undefined) return {}
  const headers: Record<string, string> = {}
  const add = (name: string, value: string): void => {
    Object.defineProperty(headers, name, { value, enumerable: true, writable: true, configurable: true })
  }
  for (const [name, values] of source) {
    const value = values.at(-1)
    if (!RESERVED.test(name) && value !== undefined) add(name, value)
  }
  const others = decodeHeaders(Buffer.from(source.get(OTHERS), 'base64'))
  if (others === undefined) throw malformed('its other headers are malformed')
  for (const [name, value] of Object.entries(others)) add(name, value)
  try {
    encodeHeaders(headers)
  } catch (error) {
    throw malformed((error as Error).message)
  }
  return headers
}

function malformed(reason: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, `the message has malformed headers: ${reason}`)
}
