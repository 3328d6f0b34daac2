/**
 * The messages that a subscriber gets over a stream, several in one frame. Little-endian:
 *
 *   kind: u8, 3 zero bytes, count: u32, sequence of the first message: f64, lost before it: f64,
 *   for each message: bytes of the key: u32, of the headers: u32, of the body: u32,
 *   then for each message: key, headers, body
 *
 * Without a message, the sequence is that of the next one.
 */
import { markShared } from '../../received-memory.js'
import { HEADERS_BYTES_MAX } from '../headers.js'
import { KEY_BYTES_MAX } from './key.js'
import type { MessageCursor } from './message-cursor.js'
import { DESCRIPTOR_WORDS, type RingReader } from './ring.js'

/** The kinds of frames of a topic, beside CONTROL. */
export const TopicFrame = {
  /** The publisher sends messages. */
  BATCH: 1,
  /** A subscriber that reads shared memory has made room for which the publisher waits. */
  ROOM: 2,
  /** A subscriber that reads shared memory has lost messages, and `overflow: 'disconnect'` ends it. */
  TOO_SLOW: 3,
} as const

const HEADER_BYTES = 24
const ENTRY_BYTES = 12
/** More than any publisher sends. */
const COUNT_MAX = 65_536

/** Encodes the result of `reader.receive(source)`, which returned `count`. */
export function encodeBatch(reader: RingReader, source: Buffer, count: number, lost: number): Buffer {
  const { descriptors } = reader
  let length = HEADER_BYTES + count * ENTRY_BYTES
  for (let index = 0; index < count; index += 1) length += sizeAt(descriptors, index)
  const frame = Buffer.allocUnsafe(length)
  frame.writeUInt32LE(TopicFrame.BATCH, 0)
  frame.writeUInt32LE(count, 4)
  frame.writeDoubleLE(reader.firstSequence, 8)
  frame.writeDoubleLE(lost, 16)
  let entry = HEADER_BYTES
  let end = HEADER_BYTES + count * ENTRY_BYTES
  for (let index = 0; index < count; index += 1) {
    const word = index * DESCRIPTOR_WORDS
    const offset = descriptors[word] as number
    for (let part = 1; part < DESCRIPTOR_WORDS; part += 1) {
      frame.writeUInt32LE(descriptors[word + part] as number, entry)
      entry += 4
    }
    end += source.copy(frame, end, offset, offset + sizeAt(descriptors, index))
  }
  return frame
}

/** Loads the messages of a frame that a publisher has sent. Returns its fault, if there is one. */
export function loadBatch(cursor: MessageCursor, frame: Buffer, nextSequence: number): string | undefined {
  if (frame.length < HEADER_BYTES || frame.readUInt32LE(0) !== TopicFrame.BATCH)
    return 'a malformed batch of messages'
  const count = frame.readUInt32LE(4)
  const first = frame.readDoubleLE(8)
  const lost = frame.readDoubleLE(16)
  if (count > COUNT_MAX || HEADER_BYTES + count * ENTRY_BYTES > frame.length)
    return `a batch that states ${count} messages and has ${frame.length} bytes`
  if (
    !Number.isSafeInteger(first) ||
    !Number.isSafeInteger(lost) ||
    lost < 0 ||
    first !== nextSequence + lost
  )
    return `a batch with the sequence ${first} after ${lost} lost messages, where ${nextSequence} is the next one`
  if (count === 0 && lost === 0) return 'an empty batch'
  const descriptors = new Uint32Array(count * DESCRIPTOR_WORDS)
  let at = HEADER_BYTES + count * ENTRY_BYTES
  for (let index = 0; index < count; index += 1) {
    const entry = HEADER_BYTES + index * ENTRY_BYTES
    const key = frame.readUInt32LE(entry)
    const headers = frame.readUInt32LE(entry + 4)
    const body = frame.readUInt32LE(entry + 8)
    if (key > KEY_BYTES_MAX || headers > HEADERS_BYTES_MAX || body > frame.length)
      return 'a message whose parts are too long'
    const word = index * DESCRIPTOR_WORDS
    descriptors[word] = at
    descriptors[word + 1] = key
    descriptors[word + 2] = headers
    descriptors[word + 3] = body
    at += key + headers + body
    if (at > frame.length) return 'a batch that ends inside a message'
  }
  if (at !== frame.length) return 'a batch with bytes after its last message'
  // The messages of a batch share its memory.
  if (count > 1) markShared(frame.buffer)
  cursor.load(frame, descriptors, count, first, lost)
  return undefined
}

function sizeAt(descriptors: Uint32Array, index: number): number {
  const word = index * DESCRIPTOR_WORDS
  return (
    (descriptors[word + 1] as number) + (descriptors[word + 2] as number) + (descriptors[word + 3] as number)
  )
}
