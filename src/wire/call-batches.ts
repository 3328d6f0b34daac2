/**
 * The payload of the records CALL_BATCH and ANSWER_BATCH, several messages of one stream (docs/protocol.md):
 *
 *   count: u16, then for each message: length: u32, encoding: u8, bytes
 *
 * A record costs as much as ten short messages in it.
 */
import { borrowedMemories } from '../borrowed-memories.js'
import { bufferOver } from '../buffer-over.js'
import { ENCODING_MAX, type EncodedMessage } from './call-records.js'

const COUNT_BYTES = 2
const LENGTH_BYTES = 4
const HEADER_BYTES = LENGTH_BYTES + 1

/** The longest payload. */
export const BATCH_BYTES_MAX = 4 * 1024
/** A batch is sent when it has so many. */
export const BATCH_MESSAGES = 32
/** For a longer message, a record of its own costs little. */
export const BATCH_MESSAGE_BYTES_MAX = 1024

/** Memory of batches that were sent. Most streams have none of their own, because they send in turn. */
const spare: Buffer[] = []
const SPARE_MAX = 16

/** Collects messages that are sent together. */
export class Batch {
  readonly #target = spare.pop() ?? newMemory()
  #end = COUNT_BYTES
  count = 0

  /** False: there is no room for the message. */
  add({ encoding, bytes }: EncodedMessage): boolean {
    const target = this.#target
    const at = this.#end
    const end = at + HEADER_BYTES + bytes.length
    if (end > BATCH_BYTES_MAX) return false
    target.writeUInt32LE(bytes.length, at)
    target[at + LENGTH_BYTES] = encoding
    target.set(bytes, at + HEADER_BYTES)
    this.#end = end
    this.count += 1
    return true
  }

  /** Ends the batch. Its payload is valid until the next batch begins. */
  payload(): Buffer {
    const target = this.#target
    target.writeUInt16LE(this.count, 0)
    if (spare.length < SPARE_MAX) spare.push(target)
    return target.subarray(0, this.#end)
  }
}

function newMemory(): Buffer {
  const memory = Buffer.allocUnsafeSlow(BATCH_BYTES_MAX)
  borrowedMemories.add(memory.buffer)
  return memory
}

/** The number that the payload states. */
export function batchCount(payload: Uint8Array): number {
  return (payload[0] ?? 0) | ((payload[1] ?? 0) << 8)
}

/** Takes a message of a batch. Returns the fault of the peer, if there is one. */
type TakeMessage = (encoding: number, bytes: Buffer) => string | undefined

/** Reads the messages in their order, until one is faulty. Returns the fault of the peer, if there is one. */
export function readBatch(payload: Buffer, take: TakeMessage): string | undefined {
  const count = batchCount(payload)
  if (count === 0 || payload.length > BATCH_BYTES_MAX) return 'a malformed batch of messages'
  const memory = payload.buffer
  let at = COUNT_BYTES
  for (let index = 0; index < count; index += 1) {
    const start = at + HEADER_BYTES
    if (start > payload.length) return 'a malformed batch of messages'
    const end = start + payload.readUInt32LE(at)
    const encoding = payload[at + LENGTH_BYTES] as number
    if (end > payload.length || encoding > ENCODING_MAX) return 'a malformed batch of messages'
    const fault = take(encoding, bufferOver(memory, payload.byteOffset + start, end - start))
    if (fault !== undefined) return fault
    at = end
  }
  return at === payload.length ? undefined : 'a malformed batch of messages'
}
