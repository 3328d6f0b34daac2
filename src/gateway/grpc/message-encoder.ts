import type { Writable } from 'node:stream'
import { PREFIX_BYTES } from './message-decoder.js'

/** A longer message is written without a copy, after its prefix. */
const COPIED_BYTES_MAX = 16 * 1024

/** Writes a message with its prefix: whether it is compressed, and its length. False: the stream is full. */
export function writeMessage(stream: Writable, message: Uint8Array, compressed = false): boolean {
  const { length } = message
  const copied = length <= COPIED_BYTES_MAX ? length : 0
  const head = Buffer.allocUnsafe(PREFIX_BYTES + copied)
  head[0] = compressed ? 1 : 0
  head.writeUInt32BE(length, 1)
  if (copied > 0) head.set(message, PREFIX_BYTES)
  if (copied === length) return stream.write(head)
  stream.cork()
  stream.write(head)
  const hasRoom = stream.write(message)
  stream.uncork()
  return hasRoom
}
