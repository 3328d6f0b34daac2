import { bufferOver } from '../buffer-over.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { Fifo } from '../fifo.js'
import { markShared, memoryTransferred } from '../received-memory.js'
import {
  checkFrameHeader,
  FRAME_HEADER_BYTES,
  FrameOffset,
  type PayloadBound,
  readUint16,
  readUint32,
} from './frames.js'

/** Receives one frame. Returns false to stop the parser after it. */
export type FrameHandler = (kind: number, id: number, payload: Buffer) => boolean

/** Uninitialized memory of so many bytes. Throws a RangeError if there is none. */
export type NewBuffer = (bytes: number) => Buffer

/** The memory of a chunk beside its bytes: a peer could send one byte at a time. */
const CHUNK_BYTES_MIN = 1024

/** Payloads that were read into borrowed memory are copied into slabs of this size, together. A retained one keeps its slab alive. */
const SLAB_BYTES = 8 * 1024

/** More bytes than this get memory of their own; so at most this much of a slab stays unused. */
const SLAB_PART_BYTES_MAX = SLAB_BYTES / 2

/** A payload of this length in borrowed memory is copied alone, and never together with the bytes behind it. */
const OWN_BUFFER_BYTES_MIN = 16 * 1024

const NO_BYTES = Buffer.alloc(0)

/**
 * Splits the chunks of a socket into frames. The handshake and then the link use the same parser, so that bytes of the link that arrive
 * during the handshake are not lost.
 *
 * A payload within one chunk is a view of it, or of a copy if the chunk is borrowed. Any other payload is collected into one buffer of its
 * final length. A header is checked before its payload arrives. The state is consistent when the handler runs, so the handler may throw, and the next `parse` continues
 * with the next frame. After `CORRUPT`, every `parse` throws again.
 */
export class FrameParser {
  #bound: PayloadBound
  #newBuffer = newOwnBuffer
  /** The current chunk, read up to `#offset`. `#waiting` holds the next ones. */
  #chunk: Buffer = NO_BYTES
  #offset = 0
  /** The memory of the current chunk and its place there. Fields, because reading `buffer` takes as long as creating a Buffer. */
  #memory: ArrayBufferLike = NO_BYTES.buffer
  #base = 0
  /** The current chunk lies in memory that the caller uses again. */
  #borrowed = false
  #slab: Buffer = NO_BYTES
  #slabOffset = 0
  readonly #waiting = new Fifo<Buffer>()
  #waitingBytes = 0
  /** A header in several chunks. */
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerBytes = 0
  /** A payload in several chunks, with the fields of its header. */
  #payload: Buffer | undefined
  #payloadBytes = 0
  #kind = 0
  #id = 0

  constructor(bound: PayloadBound) {
    this.#bound = bound
  }

  /** Sets the allowed payloads from the next header on. Not allowed while a payload is incomplete. */
  set bound(bound: PayloadBound) {
    this.#bound = bound
  }

  /** Memory for the payloads of several chunks, each of which is complete when it is delivered. */
  set newBuffer(newBuffer: NewBuffer) {
    this.#newBuffer = newBuffer
  }

  /** True if no byte is held, so that the stream can end here without an incomplete frame. */
  get isEmpty(): boolean {
    return this.#headerBytes === 0 && this.#payload === undefined && !this.#moreChunks()
  }

  /** The memory that it holds, without an incomplete payload. A chunk counts for at least CHUNK_BYTES_MIN. */
  get heldBytes(): number {
    return this.#chunk.length - this.#offset + this.#waitingBytes + this.#waiting.length * CHUNK_BYTES_MIN
  }

  /** Adds a chunk without parsing it. The parser and the payloads keep it. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    const memory = chunk.buffer
    markShared(memory)
    if (this.#isExhausted) this.#use(chunk, memory)
    else {
      this.#waiting.push(chunk)
      this.#waitingBytes += chunk.length
    }
  }

  /** Like `push`, for memory that the caller uses again after `keepBorrowed`. */
  pushBorrowed(chunk: Buffer): void {
    if (this.#isExhausted) {
      this.#chunk = chunk
      this.#offset = 0
      this.#borrowed = true
    } else this.push(copyOf(chunk))
  }

  /** Copies what `parse` has left of a borrowed chunk. */
  keepBorrowed(): void {
    if (!this.#borrowed) return
    const chunk = this.#chunk
    const offset = this.#offset
    this.#useNothing()
    // Not into the slab, which a listener can transfer.
    if (offset < chunk.length) this.push(copyOf(chunk.subarray(offset)))
  }

  /**
   * Passes complete frames to the handler. False: the handler stopped the parser, and more frames can follow. True: it needs more chunks.
   * Throws `CORRUPT` for a frame that is not allowed, and the error of the handler.
   */
  parse(handler: FrameHandler): boolean {
    // A complete header that is still here was refused. It is refused again, even if no byte follows.
    while (this.#moreChunks() || this.#headerBytes === FRAME_HEADER_BYTES) {
      if (this.#payload !== undefined) {
        if (!this.#collect()) continue
        const payload = this.#payload
        this.#payload = undefined
        if (!handler(this.#kind, this.#id, payload)) return false
        continue
      }
      const chunk = this.#chunk
      const start = this.#offset
      if (this.#headerBytes !== 0 || chunk.length - start < FRAME_HEADER_BYTES) {
        if (!this.#collectHeader()) continue
        const payloadBytes = this.#readHeader(this.#header, 0)
        this.#headerBytes = 0
        if (!this.#body(payloadBytes, handler)) return false
        continue
      }
      const payloadBytes = this.#readHeader(chunk, start)
      this.#offset = start + FRAME_HEADER_BYTES
      if (!this.#body(payloadBytes, handler)) return false
    }
    return true
  }

  /** Takes raw bytes before the first frame (the preamble). Undefined: there are fewer than `length`, and none is taken. */
  take(length: number): Buffer | undefined {
    if (this.#chunk.length - this.#offset + this.#waitingBytes < length) return undefined
    const bytes = Buffer.alloc(length)
    for (let filled = 0; filled < length && this.#moreChunks(); ) filled += this.#copy(bytes, filled)
    return bytes
  }

  /** Takes the raw bytes of a stream that has ended before the first frame. */
  takeRest(): Buffer {
    return this.take(this.#chunk.length - this.#offset + this.#waitingBytes) as Buffer
  }

  /** Drops all bytes that it holds. */
  clear(): void {
    this.#useNothing()
    this.#slab = NO_BYTES
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#headerBytes = 0
    this.#payload = undefined
  }

  #moreChunks(): boolean {
    if (this.#offset > this.#chunk.length) throw memoryTransferred()
    while (this.#offset === this.#chunk.length) {
      const next = this.#waiting.shift()
      if (next === undefined) {
        // An idle parser keeps no chunk alive.
        this.#useNothing()
        return false
      }
      this.#waitingBytes -= next.length
      this.#use(next, next.buffer)
    }
    return true
  }

  get #isExhausted(): boolean {
    return this.#offset === this.#chunk.length && this.#waiting.length === 0
  }

  #use(chunk: Buffer, memory: ArrayBufferLike): void {
    this.#chunk = chunk
    this.#memory = memory
    this.#base = chunk.byteOffset
    this.#offset = 0
    this.#borrowed = false
  }

  #useNothing(): void {
    this.#use(NO_BYTES, NO_BYTES.buffer)
  }

  /** Copies the rest of the borrowed chunk, all small payloads at once. */
  #own(): void {
    const offset = this.#offset
    const bytes = this.#chunk.length - offset
    if (bytes > SLAB_PART_BYTES_MAX) {
      const own = copyOf(offset === 0 ? this.#chunk : this.#chunk.subarray(offset))
      markShared(own.buffer)
      this.#use(own, own.buffer)
      return
    }
    if (this.#slab.length - this.#slabOffset < bytes) {
      this.#slab = allocate(SLAB_BYTES)
      this.#slabOffset = 0
      markShared(this.#slab.buffer)
    }
    const end = this.#slabOffset + bytes
    this.#chunk.copy(this.#slab, this.#slabOffset, offset)
    this.#use(this.#slab.subarray(this.#slabOffset, end), this.#slab.buffer)
    this.#slabOffset = end
  }

  /** Fills `target` from the current chunk. Returns the number of copied bytes. */
  #copy(target: Buffer, filled: number): number {
    const copied = this.#chunk.copy(target, filled, this.#offset)
    this.#offset += copied
    return copied
  }

  #collectHeader(): boolean {
    this.#headerBytes += this.#copy(this.#header, this.#headerBytes)
    return this.#headerBytes === FRAME_HEADER_BYTES
  }

  #collect(): boolean {
    const payload = this.#payload as Buffer
    this.#payloadBytes += this.#copy(payload, this.#payloadBytes)
    return this.#payloadBytes === payload.length
  }

  #readHeader(bytes: Buffer, offset: number): number {
    const payloadBytes = readUint32(bytes, offset + FrameOffset.LENGTH)
    const kind = readUint16(bytes, offset + FrameOffset.KIND)
    checkFrameHeader(kind, readUint16(bytes, offset + FrameOffset.FLAGS), payloadBytes, this.#bound)
    this.#kind = kind
    this.#id = readUint32(bytes, offset + FrameOffset.ID)
    return payloadBytes
  }

  /** Delivers the payload at `#offset`, or begins to collect it. */
  #body(payloadBytes: number, handler: FrameHandler): boolean {
    if (payloadBytes === 0) return handler(this.#kind, this.#id, NO_BYTES)
    if (payloadBytes <= this.#chunk.length - this.#offset)
      return handler(this.#kind, this.#id, this.#whole(payloadBytes))
    this.#payload = allocate(payloadBytes, this.#newBuffer)
    this.#payloadBytes = 0
    return true
  }

  /** The payload at `#offset`, which is complete. */
  #whole(payloadBytes: number): Buffer {
    if (this.#borrowed && payloadBytes >= OWN_BUFFER_BYTES_MIN) {
      const payload = allocate(payloadBytes)
      this.#copy(payload, 0)
      return payload
    }
    if (this.#borrowed) this.#own()
    const start = this.#base + this.#offset
    this.#offset += payloadBytes
    return bufferOver(this.#memory, start, payloadBytes)
  }
}

function copyOf(bytes: Buffer): Buffer {
  const copy = allocate(bytes.length)
  bytes.copy(copy)
  return copy
}

const newOwnBuffer: NewBuffer = (bytes) => Buffer.allocUnsafeSlow(bytes)

function allocate(bytes: number, newBuffer: NewBuffer = newOwnBuffer): Buffer {
  try {
    return newBuffer(bytes)
  } catch (cause) {
    throw new ShmwireError(ErrorCode.OUT_OF_MEMORY, `there is no memory for a record of ${bytes} bytes`, {
      cause,
    })
  }
}
