/**
 * The payloads of the records of calls (docs/protocol.md). Each begins with its flags; the other parts follow in the order of their
 * flags, and the message is last. Numbers are little-endian.
 *
 *   CALL         flags, name: u8 length and bytes, timeout: f64, metadata: u32 length and bytes, message
 *   CALL_MORE    flags, message
 *   ANSWER       flags, headers: u32 length and bytes, trailers: the same, event id: u8 length and bytes, message or error
 *   CALL_CREDIT, ANSWER_CREDIT   messages: u32, bytes: u32
 *
 * A message is a byte with its encoding, and its bytes. An error is a byte with its form, and its bytes. A whole payload has at most
 * `maxMessageBytes`, like every record. Parsers return the fault of the peer as a string.
 */
import { borrowedMemories } from '../borrowed-memories.js'
import { StartViews } from '../start-views.js'

/** BINARY: all messages of the call, in both directions, have the binary encoding; without it, none of them has. */
export const CallFlag = { MESSAGE: 1, END: 2, METADATA: 4, TIMEOUT: 8, BINARY: 16 } as const
export const AnswerFlag = { MESSAGE: 1, END: 2, HEADERS: 4, TRAILERS: 8, ERROR: 16, EVENT_ID: 32 } as const

const CALL_FLAGS = 0x1f
const MORE_FLAGS = 0x03
const ANSWER_FLAGS = 0x3f

export const Encoding = {
  /** `undefined`, without bytes. */
  NOTHING: 0,
  /** The codec of the channel. */
  CODEC: 1,
  /** The binary form of the contract's message type. */
  BINARY: 2,
} as const

/** The forms of an error, in place of the encoding of a message. */
export const ErrorForm = {
  /** An error of the service layer: JSON with `code`, `message` and `executed`. */
  LAYER: 0,
  /** A ServiceError, in the codec of the channel. */
  SERVICE: 1,
  /** Any other value that the handler threw: JSON, as in an ERROR record. */
  REMOTE: 2,
} as const

export const ENCODING_MAX = 2

/** Calls that one side may have open at once. Further ones wait on the calling side. */
export const CALLS_OPEN_MAX = 4096

/** A full name: that of the service, `/`, and that of the method. */
export const METHOD_BYTES_MAX = 255
/** All headers or all trailers of a call, encoded. */
export const METADATA_BYTES_MAX = 16 * 1024
/** A short value takes many times its length in memory. */
export const METADATA_VALUES_MAX = 128
export const EVENT_ID_BYTES_MAX = 255

export interface EncodedMessage {
  readonly encoding: number
  readonly bytes: Uint8Array
}

export interface CallRecord {
  readonly method: string
  readonly timeoutMs: number | undefined
  readonly metadata: Buffer | undefined
  readonly hasMessage: boolean
  readonly encoding: number
  readonly bytes: Buffer
  /** The caller sends no further message. */
  readonly isLast: boolean
  /** See CallFlag. */
  readonly isBinary: boolean
}

export type MoreRecord = Pick<CallRecord, 'hasMessage' | 'encoding' | 'bytes' | 'isLast'>

export interface AnswerRecord {
  readonly headers: Buffer | undefined
  readonly trailers: Buffer | undefined
  readonly eventId: string | undefined
  /** `bytes` is an error, which ends the call. */
  readonly failed: boolean
  readonly hasMessage: boolean
  readonly encoding: number
  readonly bytes: Buffer
  readonly isLast: boolean
}

export interface AnswerParts {
  readonly headers?: Buffer | undefined
  readonly trailers?: Buffer | undefined
  readonly eventId?: Buffer | undefined
}

/** The fault of a peer that mixes encodings. */
export const OTHER_ENCODING = 'a message of a call in another encoding than the flags of the call say'

const NO_BYTES = Buffer.alloc(0)
const HEADER_BYTES = 2
const LENGTH_BYTES = 4
const TIMEOUT_BYTES = 8
export const CREDIT_BYTES = 8
/** Of an ANSWER with an error, in addition to the bytes of the error and the trailers. */
export const FAILURE_BYTES = 2

/** Longer records get memory of their own, which no later record overwrites. */
const SCRATCH_BYTES = 64 * 1024
/** The next record overwrites it, so a record that has to wait is copied, like a view of a peer's ring. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
borrowedMemories.add(scratch.buffer)
const scratchViews = new StartViews(scratch)

/** The payload of a CALL, valid until the next record is encoded. `given` are the flags END and BINARY. */
export function encodeCall(
  method: Buffer,
  timeoutMs: number | undefined,
  metadata: Buffer | undefined,
  message: EncodedMessage | undefined,
  given: number,
): Buffer {
  const timeoutBytes = timeoutMs === undefined ? 0 : TIMEOUT_BYTES
  const bytes = HEADER_BYTES + method.length + timeoutBytes + lengthOf(metadata) + lengthOfMessage(message)
  const target = memoryFor(bytes)
  let flags = given
  if (message !== undefined) flags |= CallFlag.MESSAGE
  if (metadata !== undefined) flags |= CallFlag.METADATA
  if (timeoutMs !== undefined) flags |= CallFlag.TIMEOUT
  target[0] = flags
  target[1] = method.length
  target.set(method, HEADER_BYTES)
  let offset = HEADER_BYTES + method.length
  if (timeoutMs !== undefined) offset = target.writeDoubleLE(timeoutMs, offset)
  offset = writePart(target, metadata, offset)
  writeMessage(target, message, offset)
  return startOf(target, bytes)
}

/** The payload of a CALL_MORE, valid until the next record is encoded. */
export function encodeMore(message: EncodedMessage | undefined, isLast: boolean): Buffer {
  const bytes = 1 + lengthOfMessage(message)
  const target = memoryFor(bytes)
  target[0] = (message === undefined ? 0 : CallFlag.MESSAGE) | (isLast ? CallFlag.END : 0)
  writeMessage(target, message, 1)
  return startOf(target, bytes)
}

/** The payload of an ANSWER with a message or without one, valid until the next record is encoded. */
export function encodeAnswer(
  message: EncodedMessage | undefined,
  isLast: boolean,
  parts: AnswerParts | undefined,
): Buffer {
  return writeAnswer(message === undefined ? 0 : AnswerFlag.MESSAGE, message, isLast, parts)
}

/**
 * The payload of an ANSWER that ends the call with an error; see ErrorForm. Valid until the next record is encoded. If it is longer than
 * `bytesMax`, it has no trailers; if it still is, an empty error, which is shorter than any CALL.
 */
export function encodeFailure(form: number, error: Uint8Array, bytesMax: number, trailers?: Buffer): Buffer {
  const bytes = FAILURE_BYTES + error.length
  if (bytes > bytesMax)
    return writeAnswer(AnswerFlag.ERROR, { encoding: ErrorForm.REMOTE, bytes: NO_BYTES }, true, undefined)
  const parts = bytes + lengthOf(trailers) > bytesMax ? undefined : { trailers }
  return writeAnswer(AnswerFlag.ERROR, { encoding: form, bytes: error }, true, parts)
}

function writeAnswer(
  kindFlag: number,
  message: EncodedMessage | undefined,
  isLast: boolean,
  parts: AnswerParts | undefined,
): Buffer {
  const headers = parts?.headers
  const trailers = parts?.trailers
  const eventId = parts?.eventId
  const idBytes = eventId === undefined ? 0 : 1 + eventId.length
  const bytes = 1 + lengthOf(headers) + lengthOf(trailers) + idBytes + lengthOfMessage(message)
  const target = memoryFor(bytes)
  let flags = kindFlag | (isLast ? AnswerFlag.END : 0)
  if (headers !== undefined) flags |= AnswerFlag.HEADERS
  if (trailers !== undefined) flags |= AnswerFlag.TRAILERS
  if (eventId !== undefined) flags |= AnswerFlag.EVENT_ID
  target[0] = flags
  let offset = writePart(target, headers, 1)
  offset = writePart(target, trailers, offset)
  if (eventId !== undefined) {
    target[offset] = eventId.length
    target.set(eventId, offset + 1)
    offset += idBytes
  }
  writeMessage(target, message, offset)
  return startOf(target, bytes)
}

export function encodeCredit(messages: number, bytes: number): Buffer {
  const payload = Buffer.allocUnsafe(CREDIT_BYTES)
  payload.writeUInt32LE(messages, 0)
  payload.writeUInt32LE(bytes, LENGTH_BYTES)
  return payload
}

export function parseCall(payload: Buffer): CallRecord | string {
  const flags = payload[0] ?? -1
  const nameBytes = payload[1] ?? 0
  if (flags < 0 || flags > CALL_FLAGS || nameBytes === 0) return 'a malformed call'
  let offset = HEADER_BYTES + nameBytes
  if (payload.length < offset) return 'a malformed call'
  const method = payload.toString('latin1', HEADER_BYTES, offset)
  let timeoutMs: number | undefined
  if ((flags & CallFlag.TIMEOUT) !== 0) {
    if (payload.length < offset + TIMEOUT_BYTES) return 'a malformed call'
    timeoutMs = payload.readDoubleLE(offset)
    if (!(timeoutMs >= 0 && timeoutMs < Number.POSITIVE_INFINITY)) return 'a call with a malformed timeout'
    offset += TIMEOUT_BYTES
  }
  let metadata: Buffer | undefined
  if ((flags & CallFlag.METADATA) !== 0) {
    metadata = readPart(payload, offset)
    if (metadata === undefined) return 'a call with malformed metadata'
    offset += LENGTH_BYTES + metadata.length
  }
  const hasMessage = (flags & CallFlag.MESSAGE) !== 0
  const fault = messageFault(payload, offset, hasMessage)
  if (fault !== undefined) return fault
  const encoding = encodingAt(payload, offset, hasMessage)
  const isBinary = (flags & CallFlag.BINARY) !== 0
  if (hasMessage && (encoding === Encoding.BINARY) !== isBinary) return OTHER_ENCODING
  const bytes = bytesAt(payload, offset, hasMessage)
  const isLast = (flags & CallFlag.END) !== 0
  return { method, timeoutMs, metadata, hasMessage, encoding, bytes, isLast, isBinary }
}

export function parseMore(payload: Buffer): MoreRecord | string {
  const flags = payload[0] ?? -1
  if (flags < 1 || flags > MORE_FLAGS) return 'a malformed message of a call'
  const hasMessage = (flags & CallFlag.MESSAGE) !== 0
  const fault = messageFault(payload, 1, hasMessage)
  if (fault !== undefined) return fault
  const encoding = encodingAt(payload, 1, hasMessage)
  return {
    hasMessage,
    encoding,
    bytes: bytesAt(payload, 1, hasMessage),
    isLast: (flags & CallFlag.END) !== 0,
  }
}

export function parseAnswer(payload: Buffer): AnswerRecord | string {
  const flags = payload[0] ?? -1
  if (flags < 0 || flags > ANSWER_FLAGS) return 'a malformed answer'
  const failed = (flags & AnswerFlag.ERROR) !== 0
  const hasMessage = (flags & AnswerFlag.MESSAGE) !== 0
  const isLast = (flags & AnswerFlag.END) !== 0
  if (failed && (hasMessage || !isLast)) return 'a malformed answer'
  let offset = 1
  let headers: Buffer | undefined
  let trailers: Buffer | undefined
  if ((flags & AnswerFlag.HEADERS) !== 0) {
    headers = readPart(payload, offset)
    if (headers === undefined) return 'an answer with malformed headers'
    offset += LENGTH_BYTES + headers.length
  }
  if ((flags & AnswerFlag.TRAILERS) !== 0) {
    trailers = readPart(payload, offset)
    if (trailers === undefined) return 'an answer with malformed trailers'
    offset += LENGTH_BYTES + trailers.length
  }
  let eventId: string | undefined
  if ((flags & AnswerFlag.EVENT_ID) !== 0) {
    const end = offset + 1 + (payload[offset] ?? 0)
    if (end > payload.length) return 'an answer with a malformed event id'
    eventId = payload.toString('utf8', offset + 1, end)
    offset = end
  }
  const hasBytes = hasMessage || failed
  const fault = messageFault(payload, offset, hasBytes)
  if (fault !== undefined) return fault
  const encoding = encodingAt(payload, offset, hasBytes)
  const bytes = bytesAt(payload, offset, hasBytes)
  if (trailers !== undefined && !isLast) return 'an answer with trailers before the end of its call'
  return { headers, trailers, eventId, failed, hasMessage, encoding, bytes, isLast }
}

/** Undefined: malformed. */
export function parseCredit(payload: Buffer): { messages: number; bytes: number } | undefined {
  if (payload.length !== CREDIT_BYTES) return undefined
  return { messages: payload.readUInt32LE(0), bytes: payload.readUInt32LE(LENGTH_BYTES) }
}

function startOf(target: Buffer, bytes: number): Buffer {
  return target === scratch ? scratchViews.first(bytes) : target
}

function memoryFor(bytes: number): Buffer {
  return bytes <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(bytes)
}

function lengthOf(part: Buffer | undefined): number {
  return part === undefined ? 0 : LENGTH_BYTES + part.length
}

function lengthOfMessage(message: EncodedMessage | undefined): number {
  return message === undefined ? 0 : 1 + message.bytes.length
}

function writePart(target: Buffer, part: Buffer | undefined, offset: number): number {
  if (part === undefined) return offset
  target.writeUInt32LE(part.length, offset)
  target.set(part, offset + LENGTH_BYTES)
  return offset + LENGTH_BYTES + part.length
}

function writeMessage(target: Buffer, message: EncodedMessage | undefined, offset: number): void {
  if (message === undefined) return
  target[offset] = message.encoding
  target.set(message.bytes, offset + 1)
}

function readPart(payload: Buffer, offset: number): Buffer | undefined {
  if (payload.length < offset + LENGTH_BYTES) return undefined
  const bytes = payload.readUInt32LE(offset)
  const start = offset + LENGTH_BYTES
  if (bytes > METADATA_BYTES_MAX || payload.length < start + bytes) return undefined
  return payload.subarray(start, start + bytes)
}

/** The fault of the message that begins at `offset` and is the rest of the record. */
function messageFault(payload: Buffer, offset: number, hasMessage: boolean): string | undefined {
  if (!hasMessage) return payload.length === offset ? undefined : 'a call record that is too long'
  const encoding = payload[offset] ?? -1
  return encoding < 0 || encoding > ENCODING_MAX ? 'a message of a call with an unknown encoding' : undefined
}

function encodingAt(payload: Buffer, offset: number, hasMessage: boolean): number {
  return hasMessage ? (payload[offset] as number) : Encoding.NOTHING
}

function bytesAt(payload: Buffer, offset: number, hasMessage: boolean): Buffer {
  return hasMessage ? payload.subarray(offset + 1) : NO_BYTES
}
