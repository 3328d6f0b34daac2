import { writeSync } from 'node:fs'
import type { ByteStream } from '../../byte-stream.js'
import { Fifo } from '../../fifo.js'
import { clearTimeout, nextTick, nowMs, setImmediate, setTimeout } from '../../host.js'
import { descriptorOf } from '../../socket-descriptor.js'
import { TURN_MS_MAX } from '../../turn-budget.js'
import { runApart } from '../../uncaught.js'
import { FRAME_HEADER_BYTES, writeFrameHeader } from '../../wire/frames.js'
import { RecordKind } from '../../wire/record-kind.js'
import type { LinkStats } from '../link.js'
import { keepReadable } from './keep-readable.js'

/** Small records share chunks of this size, and so a system call. */
const CHUNK_BYTES = 64 * 1024

/** A longer payload is written in parts, so that it is never copied whole. */
const INLINE_BYTES_MAX = 64 * 1024

/** An unreferenced link tries again after this time when the kernel had no room, and after twice as long each time. */
const RETRY_MS_MIN = 1
const RETRY_MS_MAX = 32

const NO_BYTES = Buffer.alloc(0)

/** Bytes that the kernel had no room for, and the functions that wait for it to have them. */
interface Part {
  bytes: Buffer
  readonly flushed: readonly (() => void)[]
}

export interface WriterEvents {
  readonly onRoom: () => void
  /** Without the error if the kernel has refused the bytes. */
  readonly onBroken: (error?: Error) => void
}

/** Writes records to a socket as frames. */
export class SocketWriter {
  readonly #socket: ByteStream
  readonly #capacityBytes: number
  readonly #stats: LinkStats
  readonly #onRoom: () => void
  readonly #onBroken: WriterEvents['onBroken']
  #referenced = true
  #broken = false
  #wantsRoom = false
  /** The rest of a long payload follows. */
  #inRecord = false
  /** Bytes [#chunkStart, #chunkEnd) wait for the flush. The socket has the bytes before, so they never change. */
  #chunk: Buffer = Buffer.allocUnsafeSlow(0)
  #chunkStart = 0
  #chunkEnd = 0
  #flushScheduled = false
  #flushed: (() => void)[] = []
  /** Only while the link is unreferenced. Each part but the last is a whole chunk, so there are few. */
  #stalled = new Fifo<Part>()
  #stalledBytes = 0
  /** Nothing follows the stalled parts. */
  #ending = false
  #retry: NodeJS.Timeout | undefined
  #retryMs = RETRY_MS_MIN

  /**
   * At most `capacityBytes` wait in this process before `write` refuses. `events.onRoom` runs when there is room again, `events.onBroken`
   * when the peer reads no more.
   */
  constructor(socket: ByteStream, capacityBytes: number, stats: LinkStats, events: WriterEvents) {
    this.#socket = socket
    this.#capacityBytes = capacityBytes
    this.#stats = stats
    this.#onRoom = events.onRoom
    this.#onBroken = events.onBroken
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
  write(kind: number, id: number, payload: Uint8Array, offset: number): number {
    const room = this.#capacityBytes - this.depthBytes
    if (this.#broken || room <= 0) {
      this.#stats.fullWaits += 1
      this.#wantsRoom = true
      this.flush()
      return -1
    }
    if (offset === 0) this.#appendHeader(kind, id, payload.length)
    const end = payload.length <= INLINE_BYTES_MAX ? payload.length : Math.min(payload.length, offset + room)
    this.#append(payload, offset, end)
    this.#inRecord = end < payload.length
    this.#stats.highWaterBytes = Math.max(this.#stats.highWaterBytes, this.depthBytes)
    if (this.#inRecord) this.#wantsRoom = true
    if (!this.#flushScheduled) {
      this.#flushScheduled = true
      nextTick(() => this.flush())
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
    if (this.#chunkStart !== this.#chunkEnd) this.#flushed.push(flushed)
    else if (this.#stalled.length > 0 || this.#socket.writableLength > 0)
      this.#pass({ bytes: NO_BYTES, flushed: [flushed] })
    else flushed()
  }

  flush(): void {
    this.#flushScheduled = false
    if (this.#socket.destroyed) return
    // Behind stalled parts, the chunk fills up first.
    if (this.#stalled.length === 0) this.#passChunk()
    if (this.#emitsNoDrain && this.#stalled.length === 0) setImmediate(() => this.#roomAgain())
  }

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

  #appendHeader(kind: number, id: number, payloadBytes: number): void {
    if (this.#chunk.length - this.#chunkEnd < FRAME_HEADER_BYTES) this.#newChunk()
    writeFrameHeader(this.#chunk, this.#chunkEnd, kind, id, payloadBytes)
    this.#chunkEnd += FRAME_HEADER_BYTES
  }

  #append(payload: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end; ) {
      if (this.#chunkEnd === this.#chunk.length) this.#newChunk()
      const bytes = Math.min(end - from, this.#chunk.length - this.#chunkEnd)
      this.#chunk.set(
        from === 0 && bytes === payload.length ? payload : payload.subarray(from, from + bytes),
        this.#chunkEnd,
      )
      this.#chunkEnd += bytes
      from += bytes
    }
  }

  #newChunk(): void {
    this.#passChunk()
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    this.#chunkStart = 0
    this.#chunkEnd = 0
  }

  #passChunk(): void {
    if (this.#chunkStart === this.#chunkEnd || this.#socket.destroyed) return
    const bytes = this.#chunk.subarray(this.#chunkStart, this.#chunkEnd)
    const flushed = this.#flushed
    this.#chunkStart = this.#chunkEnd
    this.#flushed = []
    this.#pass({ bytes, flushed })
  }

  /**
   * A write that waits in the event loop keeps the process alive, even for an unreferenced socket. So an unreferenced link
   * writes only what the kernel takes at once.
   */
  #pass(part: Part): void {
    if (this.#referenced || this.#socket.writableLength > 0 || descriptorOf(this.#socket) === undefined) {
      this.#socket.write(part.bytes, (error) => {
        if (error || this.#broken) return
        settle(part)
        if (this.#emitsNoDrain) runApart(() => this.#roomAgain())
      })
      return
    }
    this.#stalled.push(part)
    this.#stalledBytes += part.bytes.length
    if (this.#stalled.length === 1) this.#writeStalled()
  }

  #passAll(): void {
    clearTimeout(this.#retry)
    const stalled = this.#stalled
    this.#stalled = new Fifo()
    this.#stalledBytes = 0
    for (let part = stalled.shift(); part !== undefined; part = stalled.shift()) this.#pass(part)
    this.#endIfPassed()
  }

  #endIfPassed(): void {
    if (this.#ending && this.#stalled.length === 0) this.#socket.end()
  }

  /** Writes what the kernel takes now, for as long as a turn may last, and the rest later. */
  #writeStalled(): void {
    const descriptor = descriptorOf(this.#socket)
    if (descriptor === undefined) return
    const endMs = nowMs() + TURN_MS_MAX
    for (let part = this.#stalled.first; part !== undefined; part = this.#stalled.first) {
      const written = writeNow(descriptor, part.bytes)
      if (written === 'broken') {
        this.#break()
        return
      }
      this.#stalledBytes -= written
      part.bytes = part.bytes.subarray(written)
      if (part.bytes.length === 0) {
        this.#stalled.shift()
        settle(part)
      }
      if (part.bytes.length > 0 || nowMs() >= endMs) {
        this.#retryMs = written > 0 ? RETRY_MS_MIN : Math.min(2 * this.#retryMs, RETRY_MS_MAX)
        this.#retry = setTimeout(() => this.#retryStalled(), this.#retryMs).unref()
        return
      }
    }
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

  #break(error?: Error): void {
    this.#broken = true
    this.#onBroken(error)
  }

  #roomAgain(): void {
    if (!this.#wantsRoom || this.#broken || this.#socket.destroyed) return
    this.#wantsRoom = false
    this.#onRoom()
  }
}

function settle(part: Part): void {
  for (const flushed of part.flushed) flushed()
}

/** The number of bytes that the kernel has taken. */
function writeNow(descriptor: number, bytes: Buffer): number | 'broken' {
  try {
    return writeSync(descriptor, bytes)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : 'broken'
  }
}
