import { ErrorCode, ShmwireError } from '../errors.js'
import { Fifo } from '../fifo.js'
import { markShared, memoryTransferred } from '../received-memory.js'
import { checkFrameHeader, FRAME_HEADER_BYTES, FrameOffset, type PayloadBound } from './frames.js'

/** One frame. Returns false to stop the parser behind it. */
export type FrameHandler = (kind: number, id: number, payload: Buffer) => boolean

const NO_BYTES = Buffer.alloc(0)

/**
 * Cuts the chunks of a socket into frames. The same object serves the handshake and then the link, so what
 * came too early for the one is there for the other.
 *
 * A payload that lies whole in a chunk is a view of it; any other is collected into one buffer of its final
 * length. A header is checked before its payload is awaited. The state is consistent whenever the handler
 * runs: it may throw, and `parse` then goes on with the next frame. After `CORRUPT` every `parse` throws again.
 */
export class FrameParser {
  #bound: PayloadBound
  /** The chunk being read, from `#offset` on; `#waiting` holds those behind it. */
  #chunk: Buffer = NO_BYTES
  #offset = 0
  readonly #waiting = new Fifo<Buffer>()
  #waitingBytes = 0
  /** A header that two or more chunks share. */
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerBytes = 0
  /** A payload that two or more chunks share, with its header's fields. */
  #payload: Buffer | undefined
  #payloadBytes = 0
  #kind = 0
  #id = 0

  constructor(bound: PayloadBound) {
    this.#bound = bound
  }

  /** What is allowed from the next header on. Not to be called while a payload is being collected. */
  set bound(bound: PayloadBound) {
    this.#bound = bound
  }

  /** True when no byte is held: the stream may end here without a frame being cut off. */
  get isEmpty(): boolean {
    return this.#headerBytes === 0 && this.#payload === undefined && !this.#moreChunks()
  }

  /** Adds a chunk, which the parser and the payloads keep. Parses nothing. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    markShared(chunk.buffer)
    if (this.#offset === this.#chunk.length && this.#waiting.length === 0) {
      this.#chunk = chunk
      this.#offset = 0
    } else {
      this.#waiting.push(chunk)
      this.#waitingBytes += chunk.length
    }
  }

  /**
   * Hands out whole frames. False: the handler stopped it, and there may be more. True: more chunks are needed.
   * Throws `CORRUPT` for what is not allowed, and what the handler throws.
   */
  parse(handler: FrameHandler): boolean {
    // A header that is whole and still here was refused, and is refused again, also when nothing follows it.
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

  /** Takes raw bytes, before any frame (the preamble). Undefined: fewer than `length` are there, and none is taken. */
  take(length: number): Buffer | undefined {
    if (this.#chunk.length - this.#offset + this.#waitingBytes < length) return undefined
    const bytes = Buffer.alloc(length)
    for (let filled = 0; filled < length && this.#moreChunks(); ) filled += this.#copy(bytes, filled)
    return bytes
  }

  /** Forgets everything that it holds. */
  clear(): void {
    this.#chunk = NO_BYTES
    this.#offset = 0
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
        this.#chunk = NO_BYTES
        this.#offset = 0
        return false
      }
      this.#waitingBytes -= next.length
      this.#chunk = next
      this.#offset = 0
    }
    return true
  }

  /** Fills `target` from the present chunk. Returns how many bytes it copied. */
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
    const payloadBytes = bytes.readUInt32LE(offset + FrameOffset.LENGTH)
    const kind = bytes.readUInt16LE(offset + FrameOffset.KIND)
    checkFrameHeader(kind, bytes.readUInt16LE(offset + FrameOffset.FLAGS), payloadBytes, this.#bound)
    this.#kind = kind
    this.#id = bytes.readUInt32LE(offset + FrameOffset.ID)
    return payloadBytes
  }

  /** The header has been read, `#offset` is behind it. Delivers the payload, or begins to collect it. */
  #body(payloadBytes: number, handler: FrameHandler): boolean {
    if (payloadBytes === 0) return handler(this.#kind, this.#id, NO_BYTES)
    const start = this.#offset
    const end = start + payloadBytes
    if (end <= this.#chunk.length) {
      this.#offset = end
      return handler(this.#kind, this.#id, this.#chunk.subarray(start, end))
    }
    this.#payload = allocate(payloadBytes)
    this.#payloadBytes = 0
    return true
  }
}

function allocate(bytes: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(bytes)
  } catch (cause) {
    throw new ShmwireError(ErrorCode.OUT_OF_MEMORY, `there is no memory for a record of ${bytes} bytes`, {
      cause,
    })
  }
}
