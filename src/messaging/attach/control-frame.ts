/**
 * A conversation between a topic or a cell and one of its readers: a stream of binary messages in each direction. The first byte of each
 * message is its kind. A message of the kind CONTROL is JSON; the other kinds belong to the topic or the cell.
 */
import { ErrorCode, ShmwireError } from '../../errors.js'

/** The kind of JSON messages. */
export const CONTROL = 0

/** Names, tokens and reasons are short. Decoding JSON takes many times its length in memory. */
const CONTROL_BYTES_MAX = 8 * 1024

/** The members of a control message, which a peer has sent: each use checks its type. */
export type ControlFields = Readonly<Record<string, unknown>>

/** One direction of a conversation, as its receiver reads it. */
export type Frames = Pick<AsyncIterator<Uint8Array, unknown>, 'next'>

export function encodeControl(fields: ControlFields): Buffer {
  const text = Buffer.from(JSON.stringify(fields))
  const frame = Buffer.allocUnsafe(1 + text.length)
  frame[0] = CONTROL
  frame.set(text, 1)
  return frame
}

/** Throws `CORRUPT` unless the message is a control message. `peer`: for example "the topic". */
export function readControl(frame: Uint8Array, peer: string): ControlFields {
  if (frame[0] !== CONTROL)
    throw corrupt(peer, `a message of the kind ${frame[0] ?? 'none'} before the end of the attachment`)
  if (frame.length > CONTROL_BYTES_MAX)
    throw corrupt(peer, `a control message of ${frame.length} bytes, more than ${CONTROL_BYTES_MAX}`)
  const text = Buffer.from(frame.buffer, frame.byteOffset + 1, frame.length - 1).toString()
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    throw corrupt(peer, 'a control message that is not JSON')
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw corrupt(peer, 'a control message that is not an object')
  return fields as ControlFields
}

/** The error of a conversation that the peer continues in a wrong way. */
export function corrupt(peer: string, what: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, `${peer} sent ${what}`)
}

/** Of the reasons in control messages. */
const REASON_CHARACTERS_MAX = 1024

/** A reason for a control message. */
export function clipReason(reason: string): string {
  return reason.slice(0, REASON_CHARACTERS_MAX)
}

/** The reason that a peer states. */
export function readReason(value: unknown, peer: string): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= REASON_CHARACTERS_MAX) return value
  throw corrupt(peer, 'a reason that is not a text')
}
