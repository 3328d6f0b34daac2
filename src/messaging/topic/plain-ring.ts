import { ErrorCode, ShmwireError } from '../../errors.js'
import { DESCRIPTOR_WORDS, MESSAGE_PART, type OwnReader, type RingStart, type RingWriter } from './ring.js'

/** As in shared memory: the header of a message, and the multiple to which messages are padded. */
const HEADER_BYTES = 16
const ALIGNMENT = 16
/** Messages start at these multiples in the target of `receive`. */
const TARGET_ALIGNMENT = 8
const SLOTS_MIN = 64
const RECORDS_MAX = 512
const READERS_MAX = 1024

interface PlainMessage {
  /** The key, the headers and the body. */
  readonly bytes: Buffer
  readonly keyBytes: number
  readonly headersBytes: number
  /** The bytes of all messages before this one, since the start of the ring. */
  readonly position: number
}

/** The ring of a topic whose subscribers share no memory with it, with the behaviour of the ring in shared memory. */
export class PlainRing implements RingWriter {
  readonly messageBytesMax: number
  readonly wakes = 0
  readonly #capacity: number
  readonly #readers = new Map<number, PlainReader>()
  /** A reader has been there for which the ring keeps room. */
  #keepsRoom = false
  /** A circular list; the message with a sequence is at `sequence & (length - 1)`. A power of two. */
  #slots: (PlainMessage | undefined)[] = newSlots(SLOTS_MIN)
  /** Of the oldest message that is held, and of the next one. */
  #oldest = 1
  #next = 1
  /** Where the next message begins. */
  #tail = 0
  #waitingBytes = 0
  /** The publisher waits for room. */
  armed = false
  closed = false

  constructor(ringBytes: number) {
    this.#capacity = ringBytes
    this.messageBytesMax = ringBytes / MESSAGE_PART - HEADER_BYTES
  }

  get oldest(): number {
    return this.#oldest
  }

  get next(): number {
    return this.#next
  }

  publish(payload: Uint8Array, prefix: Uint8Array, keyBytes: number): number {
    const bytes = prefix.length + payload.length
    const size = alignedTo(HEADER_BYTES + bytes, ALIGNMENT)
    this.#waitingBytes = size
    if (!this.#hasRoom(size)) return 0
    const copy = Buffer.allocUnsafeSlow(bytes)
    copy.set(prefix, 0)
    copy.set(payload, prefix.length)
    this.#makeRoom(size)
    const sequence = this.#next
    this.#slots[sequence & (this.#slots.length - 1)] = {
      bytes: copy,
      keyBytes,
      headersBytes: prefix.length - keyBytes,
      position: this.#tail,
    }
    this.#next += 1
    this.#tail += size
    return sequence
  }

  slowest(): number {
    let slowest = -1
    let oldest = Number.POSITIVE_INFINITY
    for (const [index, { blocks, sequence }] of this.#readers) {
      if (!blocks || sequence >= oldest) continue
      oldest = sequence
      slowest = index
    }
    return slowest
  }

  armForRoom(): boolean {
    this.armed = !this.#hasRoom(this.#waitingBytes)
    return !this.armed
  }

  /** Whether the message that waits has room now. */
  get hasRoom(): boolean {
    return this.#hasRoom(this.#waitingBytes)
  }

  createReader(blocks: boolean): OwnReader {
    let index = 0
    while (this.#readers.has(index)) index += 1
    if (index >= READERS_MAX)
      throw new ShmwireError(ErrorCode.UNAVAILABLE, `the topic has ${READERS_MAX} subscribers, the maximum`)
    const reader = new PlainReader(this, index, blocks)
    this.#readers.set(index, reader)
    this.#keepsRoom ||= blocks
    return reader
  }

  accept(): never {
    throw new ShmwireError(ErrorCode.UNAVAILABLE, 'the topic has no shared memory')
  }

  detach(reader: number): void {
    this.#readers.delete(reader)
  }

  /** No effect for a reader that was detached: its index can be that of another one. */
  leave(reader: PlainReader): void {
    if (this.#readers.get(reader.index) === reader) this.#readers.delete(reader.index)
  }

  close(): void {
    this.closed = true
  }

  at(sequence: number): PlainMessage {
    return this.#slots[sequence & (this.#slots.length - 1)] as PlainMessage
  }

  /** The first message in the newer half of the ring: a reader that began at the oldest one would be overtaken again at once. */
  middle(): number {
    const position = this.#tail - this.#capacity / 2
    let low = this.#oldest
    let high = this.#next
    while (low < high) {
      const half = low + Math.floor((high - low) / 2)
      if (this.at(half).position < position) low = half + 1
      else high = half
    }
    return low
  }

  #hasRoom(size: number): boolean {
    if (!this.#keepsRoom) return true
    for (const { blocks, sequence } of this.#readers.values()) {
      if (!blocks || sequence >= this.#next) continue
      // A reader that begins at a message that is gone loses it: no room helps.
      const held = this.at(Math.max(sequence, this.#oldest))
      if (this.#tail + size - held.position > this.#capacity) return false
    }
    return true
  }

  #makeRoom(size: number): void {
    while (this.#oldest < this.#next && this.#tail + size - this.at(this.#oldest).position > this.#capacity) {
      this.#slots[this.#oldest & (this.#slots.length - 1)] = undefined
      this.#oldest += 1
    }
    if (this.#next - this.#oldest < this.#slots.length) return
    const slots = newSlots(2 * this.#slots.length)
    for (let sequence = this.#oldest; sequence < this.#next; sequence += 1)
      slots[sequence & (slots.length - 1)] = this.at(sequence)
    this.#slots = slots
  }
}

class PlainReader implements OwnReader {
  readonly descriptors = new Uint32Array(RECORDS_MAX * DESCRIPTOR_WORDS)
  readonly index: number
  readonly blocks: boolean
  readonly #ring: PlainRing
  /** Of the next message. */
  sequence = 1
  firstSequence = 0
  lost = 0
  requiredBytes = -1
  writerWaits = false

  constructor(ring: PlainRing, index: number, blocks: boolean) {
    this.#ring = ring
    this.index = index
    this.blocks = blocks
    this.sequence = ring.next
  }

  get closed(): boolean {
    return this.#ring.closed && this.sequence >= this.#ring.next
  }

  seek(start: RingStart): number {
    const { oldest, next } = this.#ring
    if (start === 'next') this.sequence = next
    else if (start === 'last') this.sequence = Math.max(oldest, next - 1)
    else if (start === 'oldest') this.sequence = oldest
    else this.sequence = start
    return this.sequence
  }

  receive(target: Uint8Array): number {
    const ring = this.#ring
    const begin = this.sequence
    if (begin < ring.oldest) this.sequence = ring.middle()
    this.lost = this.sequence - begin
    this.firstSequence = this.sequence
    this.requiredBytes = -1
    let count = 0
    let end = 0
    while (this.sequence < ring.next && count < RECORDS_MAX) {
      const { bytes, keyBytes, headersBytes } = ring.at(this.sequence)
      const offset = alignedTo(end, TARGET_ALIGNMENT)
      if (offset + bytes.length > target.length) {
        if (count === 0) this.requiredBytes = bytes.length
        break
      }
      target.set(bytes, offset)
      const word = count * DESCRIPTOR_WORDS
      this.descriptors[word] = offset
      this.descriptors[word + 1] = keyBytes
      this.descriptors[word + 2] = headersBytes
      this.descriptors[word + 3] = bytes.length - keyBytes - headersBytes
      end = offset + bytes.length
      this.sequence += 1
      count += 1
    }
    // The loss belongs to the first message after it.
    if (count === 0) this.sequence = begin
    this.writerWaits = this.blocks && ring.armed && ring.hasRoom
    return count
  }

  close(): void {
    this.#ring.leave(this)
  }
}

function newSlots(length: number): (PlainMessage | undefined)[] {
  return Array.from<undefined>({ length })
}

function alignedTo(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment
}
