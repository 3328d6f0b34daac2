import type { Socket } from 'node:net'
import { bufferOver } from '../../buffer-over.js'
import type { ByteStream } from '../../byte-stream.js'
import { Fifo } from '../../fifo.js'
import { clearTimeout, nextTick, nowMs, setImmediate, setTimeout } from '../../host.js'
import { descriptorOf, writesPlainly } from '../../socket-descriptor.js'
import { TURN_MS_MAX } from '../../turn-budget.js'
import { runApart } from '../../uncaught.js'
import { FRAME_HEADER_BYTES, writeFrameHeader } from '../../wire/frames.js'
import { RecordKind } from '../../wire/record-kind.js'
import type { LinkStats } from '../link.js'
import { keepReadable } from './keep-readable.js'
import { NO_CHUNK, type Part, releaseChunk, settle, takeChunk, type WriteChunk } from './write-chunks.js'
import { writeBothNow, writeNow } from './write-now.js'

/** A longer payload is written in parts, so that it is never copied whole. */
const INLINE_BYTES_MAX = 64 * 1024

/** The kernel takes a payload of this length from the memory of the caller, as far as it has room. A shorter one travels with others. */
const DIRECT_BYTES_MIN = 16 * 1024

/** An unreferenced link tries again after this time when the kernel had no room, and after twice as long each time. */
const RETRY_MS_MIN = 1
const RETRY_MS_MAX = 32

const NO_BYTES = Buffer.alloc(0)
const NO_FUNCTIONS: readonly (() => void)[] = []

export interface WriterEvents {
  readonly onRoom: () => void
  readonly onBroken: (error: Error) => void
}

/**
 * Writes records to a socket as frames. The frames of a turn are collected in a chunk. If the runtime shows the descriptor of the socket, the
 * kernel gets them in a system call of this thread, and the stream of the socket only what the kernel had no room for: its machinery takes
 * longer than the call.
 */
export class SocketWriter {
  readonly #socket: ByteStream
  readonly #capacityBytes: number
  readonly #stats: LinkStats
  readonly #onRoom: () => void
  readonly #onBroken: WriterEvents['onBroken']
  /**
   * The socket changes no bytes before they reach the descriptor, and needs them no longer when their write is complete. Another stream may
   * change them or pass them on.
   */
  readonly #isPlain: boolean
  #referenced = true
  #broken = false
  #wantsRoom = false
  /** The rest of a long payload follows. */
  #inRecord = false
  /** The kernel has just taken a part: the next bytes wait for it with the stream. */
  #kernelFull = false
  /** Bytes [#chunkStart, #chunkEnd) wait for the flush. Those before are with the socket, or written. */
  #chunk: WriteChunk = NO_CHUNK
  #chunkStart = 0
  #chunkEnd = 0
  #flushScheduled = false
  #flushed: (() => void)[] = []
  /** Parts with the stream. It reports several together, and the functions of a later part must not run before those of all of them. */
  #streamParts = 0
  /** Only while the link is unreferenced. There are few: each is a whole chunk, the rest of an owned payload, what precedes one, or the last. */
  #stalled = new Fifo<Part>()
  #stalledBytes = 0
  /** Nothing follows the stalled parts. */
  #ending = false
  #retry: NodeJS.Timeout | undefined
  #retryMs = RETRY_MS_MIN

  /**
   * At most `capacityBytes` wait in this process before `write` refuses, and the rest of one owned payload. `events.onRoom` runs when there is
   * room again, `events.onBroken` when the peer reads no more.
   */
  constructor(socket: ByteStream, capacityBytes: number, stats: LinkStats, events: WriterEvents) {
    this.#socket = socket
    this.#capacityBytes = capacityBytes
    this.#stats = stats
    this.#onRoom = events.onRoom
    this.#onBroken = events.onBroken
    // Before `keepReadable`, which replaces methods.
    this.#isPlain = writesPlainly(socket)
    keepReadable(socket, (error) => this.#break(error))
    socket.on('drain', () => runApart(() => this.#roomAgain()))
  }

  get depthBytes(): number {
    return this.#chunkEnd - this.#chunkStart + this.#socket.writableLength + this.#stalledBytes
  }

  /** The peer reads no more: a write has failed, and what is not flushed is lost. */
  get broken(): boolean {
    return this.#broken
  }

  /** See `Link.write`. */
  write(kind: number, id: number, payload: Uint8Array, offset: number, owned = false): number {
    const depthBytes = this.depthBytes
    const room = this.#capacityBytes - depthBytes
    const { length } = payload
    const needsNoCopy = owned && this.#isPlain && !this.#socket.destroyed
    // The rest of an owned payload takes no further memory.
    if (this.#broken || (room <= 0 && !(needsNoCopy && offset > 0 && length - offset >= DIRECT_BYTES_MIN))) {
      this.#stats.fullWaits += 1
      this.#wantsRoom = true
      this.flush()
      return -1
    }
    if (offset === 0 && this.#inRecord) {
      // The caller has failed to keep the rest, for example without memory. The peer would take this record for it.
      this.#break(new Error('the rest of a record was not written'))
      return -1
    }
    if (offset === 0) this.#appendHeader(kind, id, length)
    const start = length - offset < DIRECT_BYTES_MIN ? offset : this.#writeFrom(payload, offset)
    const end = needsNoCopy || length <= INLINE_BYTES_MAX ? length : Math.min(length, start + room)
    if (needsNoCopy && length - start >= DIRECT_BYTES_MIN) this.#passOwned(payload, start)
    else this.#append(payload, start, end)
    this.#inRecord = end < length
    if (this.#inRecord) this.#wantsRoom = true
    const depth = this.depthBytes
    if (depth > this.#stats.highWaterBytes) this.#stats.highWaterBytes = depth
    if (!this.#flushScheduled) {
      this.#flushScheduled = true
      nextTick(this.#flushInTick)
    }
    return end
  }

  /** Sends a sign of life, unless other bytes are on their way. */
  beat(): void {
    if (this.#inRecord || this.#broken || this.#ending || this.depthBytes > 0) return
    this.write(RecordKind.HEARTBEAT, 0, NO_BYTES, 0)
  }

  /** See `Link.afterFlush`. */
  afterFlush(flushed: () => void): void {
    // Bytes may be lost, and the link ends soon.
    if (this.#broken) return
    if (this.#chunkStart !== this.#chunkEnd) this.#flushed.push(flushed)
    else if (this.#stalled.length > 0 || this.#streamHolds) this.#pass(NO_CHUNK, NO_BYTES, [flushed])
    else flushed()
  }

  flush(): void {
    this.#flushScheduled = false
    if (this.#socket.destroyed) return
    if (!this.#collectsOn) this.#passChunk()
    if (this.#emitsNoDrain && this.#stalled.length === 0) setImmediate(() => this.#roomAgain())
  }

  readonly #flushInTick = (): void => this.flush()

  /** Nothing follows. */
  end(): void {
    this.#passChunk()
    this.#ending = true
    this.#endIfPassed()
  }

  ref(): void {
    this.#referenced = true
    this.#passAll()
    this.flush()
  }

  unref(): void {
    this.#referenced = false
  }

  /** The socket is destroyed: nothing is written any more. */
  close(): void {
    clearTimeout(this.#retry)
    this.#stalled.clear()
    this.#flushed = []
  }

  /** Bytes of this link, or of the handshake, are with the stream. */
  get #streamHolds(): boolean {
    return this.#streamParts > 0 || this.#socket.writableLength > 0
  }

  /** The kernel has no room, so the chunk fills up first. */
  get #collectsOn(): boolean {
    if (this.#stalled.length > 0) return true
    return this.#streamParts > 0 && this.#descriptor !== undefined
  }

  get #descriptor(): number | undefined {
    return this.#isPlain ? descriptorOf(this.#socket) : undefined
  }

  /** The descriptor, if the kernel may have room and nothing waits before the next bytes. Only a write of the stream restarts its timeout. */
  get #openDescriptor(): number | undefined {
    if (this.#kernelFull || this.#stalled.length > 0 || this.#streamHolds) return undefined
    return (this.#socket as Socket).timeout ? undefined : this.#descriptor
  }

  #appendHeader(kind: number, id: number, payloadBytes: number): void {
    if (this.#chunk.bytes.length - this.#chunkEnd < FRAME_HEADER_BYTES) this.#newChunk()
    writeFrameHeader(this.#chunk.bytes, this.#chunkEnd, kind, id, payloadBytes)
    this.#chunkEnd += FRAME_HEADER_BYTES
  }

  #append(payload: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end; ) {
      if (this.#chunkEnd === this.#chunk.bytes.length) this.#newChunk()
      const chunk = this.#chunk.bytes
      const bytes = Math.min(end - from, chunk.length - this.#chunkEnd)
      chunk.set(
        from === 0 && bytes === payload.length ? payload : payload.subarray(from, from + bytes),
        this.#chunkEnd,
      )
      this.#chunkEnd += bytes
      from += bytes
    }
  }

  /** Writes the chunk, and the payload behind it from the caller's memory, as far as the kernel takes it. Returns the new offset. */
  #writeFrom(payload: Uint8Array, offset: number): number {
    const descriptor = this.#openDescriptor
    if (descriptor === undefined) return offset
    const head = this.#chunk.bytes.subarray(this.#chunkStart, this.#chunkEnd)
    const rest = offset === 0 ? payload : payload.subarray(offset)
    const written = head.length === 0 ? writeNow(descriptor, rest) : writeBothNow(descriptor, head, rest)
    // The stream reports the error: it gets the same bytes.
    if (typeof written !== 'number') return offset
    this.#kernelFull = written < head.length + rest.length
    if (written < head.length) {
      this.#chunkStart += written
      return offset
    }
    this.#chunkStart = this.#chunkEnd
    settle(this.#takeFlushed())
    this.#leaveChunk()
    return offset + written - head.length
  }

  /** Passes the rest of an owned payload to the stream, which is not destroyed, without a copy. */
  #passOwned({ buffer, byteOffset, length }: Uint8Array, start: number): void {
    this.#passChunk()
    if (!this.#broken)
      this.#pass(NO_CHUNK, bufferOver(buffer, byteOffset + start, length - start), NO_FUNCTIONS)
  }

  #newChunk(): void {
    this.#passChunk()
    this.#useChunk(takeChunk())
  }

  #useChunk(chunk: WriteChunk): void {
    this.#chunk = chunk
    this.#chunkStart = 0
    this.#chunkEnd = 0
  }

  /** An idle link keeps no chunk. */
  #leaveChunk(): void {
    const chunk = this.#chunk
    if (!this.#isPlain || chunk.writes > 0 || this.#chunkStart !== this.#chunkEnd) return
    this.#useChunk(NO_CHUNK)
    releaseChunk(chunk)
  }

  #passChunk(): void {
    if (this.#chunkStart === this.#chunkEnd || this.#socket.destroyed) return
    const chunk = this.#chunk
    const bytes = chunk.bytes.subarray(this.#chunkStart, this.#chunkEnd)
    this.#chunkStart = this.#chunkEnd
    this.#pass(chunk, bytes, this.#takeFlushed())
    this.#leaveChunk()
  }

  /** The functions that wait for the bytes of the chunk. */
  #takeFlushed(): readonly (() => void)[] {
    const flushed = this.#flushed
    if (flushed.length === 0) return NO_FUNCTIONS
    this.#flushed = []
    return flushed
  }

  /**
   * A write that waits in the event loop keeps the process alive, even for an unreferenced socket. So an unreferenced link
   * writes only what the kernel takes at once.
   */
  #pass(chunk: WriteChunk, bytes: Buffer, flushed: readonly (() => void)[]): void {
    const descriptor = this.#openDescriptor
    const written = descriptor === undefined ? 0 : writeNow(descriptor, bytes)
    if (descriptor !== undefined && written === bytes.length) {
      settle(flushed)
      return
    }
    if (typeof written !== 'number' && !this.#referenced) {
      this.#break(written)
      return
    }
    // The stream reports an error: it gets the same bytes.
    const rest = typeof written === 'number' && written > 0 ? bytes.subarray(written) : bytes
    this.#kernelFull = false
    chunk.writes += 1
    const part: Part = { bytes: rest, chunk, flushed }
    if (this.#referenced || this.#socket.writableLength > 0 || this.#descriptor === undefined) {
      this.#streamParts += 1
      this.#socket.write(rest, (error) => {
        if (!error && !this.#broken) this.#written(part)
      })
      return
    }
    this.#stalled.push(part)
    this.#stalledBytes += rest.length
    if (this.#stalled.length === 1) this.#retryLater(RETRY_MS_MIN)
  }

  /** The stream has passed the part to the kernel. */
  #written(part: Part): void {
    this.#streamParts -= 1
    this.#complete(part)
    if (this.#streamParts === 0 && this.#stalled.length === 0) this.#passChunk()
    if (this.#emitsNoDrain) runApart(() => this.#roomAgain())
  }

  #complete({ chunk, flushed }: Part): void {
    chunk.writes -= 1
    if (chunk === this.#chunk) this.#leaveChunk()
    else if (chunk.writes === 0 && this.#isPlain) releaseChunk(chunk)
    settle(flushed)
  }

  #passAll(): void {
    clearTimeout(this.#retry)
    const stalled = this.#stalled
    this.#stalled = new Fifo()
    this.#stalledBytes = 0
    for (let part = stalled.shift(); part !== undefined; part = stalled.shift()) {
      part.chunk.writes -= 1
      this.#pass(part.chunk, part.bytes, part.flushed)
    }
    this.#endIfPassed()
  }

  #endIfPassed(): void {
    if (this.#ending && this.#stalled.length === 0) this.#socket.end()
  }

  /** Writes what the kernel takes now, for as long as a turn may last, and the rest later. */
  #writeStalled(): void {
    const endMs = nowMs() + TURN_MS_MAX
    for (let part = this.#stalled.first; part !== undefined; part = this.#stalled.first) {
      // Again for each part: a function that waited for the last one can have destroyed the socket, and its number can have another owner.
      const descriptor = this.#descriptor
      if (descriptor === undefined) return
      const written = writeNow(descriptor, part.bytes)
      if (typeof written !== 'number') {
        this.#break(written)
        return
      }
      this.#stalledBytes -= written
      part.bytes = part.bytes.subarray(written)
      if (part.bytes.length === 0) {
        this.#stalled.shift()
        this.#complete(part)
      }
      if (part.bytes.length > 0 || nowMs() >= endMs) {
        this.#retryLater(written > 0 ? RETRY_MS_MIN : Math.min(2 * this.#retryMs, RETRY_MS_MAX))
        return
      }
    }
  }

  #retryLater(delayMs: number): void {
    this.#retryMs = delayMs
    this.#retry = setTimeout(() => this.#retryStalled(), delayMs).unref()
  }

  #retryStalled(): void {
    this.#writeStalled()
    if (this.#stalled.length > 0) return
    this.#endIfPassed()
    runApart(() => this.#roomAgain())
    this.flush()
  }

  /** There is room, and a stream that was never full by its own limit emits no 'drain'. */
  get #emitsNoDrain(): boolean {
    return this.#wantsRoom && !this.#socket.writableNeedDrain && this.depthBytes < this.#capacityBytes
  }

  #break(error: Error): void {
    this.#broken = true
    this.#onBroken(error)
  }

  #roomAgain(): void {
    if (!this.#wantsRoom || this.#broken || this.#socket.destroyed) return
    this.#wantsRoom = false
    this.#onRoom()
  }
}
