import type { Socket } from 'node:net'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Peer } from '../../peer.js'
import { TURN_MS_MAX } from '../../turn-budget.js'
import { runApart } from '../../uncaught.js'
import type { FrameParser } from '../../wire/frame-parser.js'
import { FRAME_HEADER_BYTES, recordBound, writeFrameHeader } from '../../wire/frames.js'
import { endsBatch } from '../../wire/record-kind.js'
import { type Link, type LinkSink, type LinkStats, newLinkStats } from '../link.js'

export interface SocketLinkOptions {
  /** Connected and paused, after the handshake. The link owns it. */
  readonly socket: Socket
  /** Can hold the first bytes of the peer's records. */
  readonly parser: FrameParser
  readonly peer: Peer
  /** The longest record the peer may send. */
  readonly maxMessageBytes: number
  /** Bytes that may wait in this process before `write` refuses. Over shared memory, the size of the ring. */
  readonly capacityBytes: number
}

/** Small records share chunks of this size, and so a system call. */
const CHUNK_BYTES = 64 * 1024

/** A longer payload is written in parts, so that it is never copied whole. */
const INLINE_BYTES_MAX = 64 * 1024

/** Records between two readings of the clock, because a reading costs a part of a record. A power of two. */
const RECORDS_PER_CHECK = 16

/** Sends records as frames on the control socket, if shared memory is not available. */
export class SocketLink implements Link {
  readonly transport = 'unix'
  readonly peer: Peer
  readonly #socket: Socket
  readonly #parser: FrameParser
  readonly #maxMessageBytes: number
  readonly #capacityBytes: number
  readonly #stats: LinkStats = newLinkStats()
  #sink: LinkSink | undefined
  #inSink = false
  /** Messages were delivered since the last `batchEnd`. */
  #inBatch = false
  #turn: NodeJS.Immediate | undefined
  /** The end of the delivery in this turn; 0 until the first reading of the clock. */
  #turnEndMs = 0
  #turnRecords = 0
  #paused = false
  #ended = false
  #closed = false
  #wantsRoom = false
  /** Bytes [#chunkStart, #chunkEnd) wait for the flush. The socket has the bytes before, so they never change. */
  #chunk: Buffer = Buffer.allocUnsafeSlow(0)
  #chunkStart = 0
  #chunkEnd = 0
  #flushScheduled = false

  constructor(options: SocketLinkOptions) {
    this.#socket = options.socket
    this.#parser = options.parser
    this.peer = options.peer
    this.#maxMessageBytes = options.maxMessageBytes
    this.#capacityBytes = options.capacityBytes
  }

  start(sink: LinkSink): void {
    this.#sink = sink
    this.#parser.bound = recordBound(this.#maxMessageBytes)
    const socket = this.#socket
    // A listener's exception must not pass through the stream: it would leave out what the stream does after the event.
    socket.on('data', (chunk: Buffer) =>
      runApart(() => {
        this.#parser.push(chunk)
        this.#deliver()
      }),
    )
    socket.on('drain', () => runApart(() => this.#roomAgain()))
    socket.once('close', () => runApart(() => this.#socketClosed()))
    this.#deliverLater()
  }

  write(kind: number, id: number, payload: Uint8Array, offset: number): number {
    const room = this.#capacityBytes - this.#depthBytes()
    if (this.#closed || room <= 0) {
      this.#stats.fullWaits += 1
      this.#wantsRoom = true
      this.#flush()
      return -1
    }
    if (offset === 0) this.#appendHeader(kind, id, payload.length)
    const end = payload.length <= INLINE_BYTES_MAX ? payload.length : Math.min(payload.length, offset + room)
    this.#append(payload, offset, end)
    this.#stats.highWaterBytes = Math.max(this.#stats.highWaterBytes, this.#depthBytes())
    if (end < payload.length) this.#wantsRoom = true
    if (!this.#flushScheduled) {
      this.#flushScheduled = true
      process.nextTick(() => this.#flush())
    }
    return end
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliverLater()
  }

  end(): void {
    this.#ended = true
    this.#flush()
    this.#socket.end()
  }

  destroy(): void {
    this.#closed = true
    this.#parser.clear()
    this.#socket.destroy()
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  stats(): LinkStats {
    return { ...this.#stats, depthBytes: this.#depthBytes() }
  }

  #depthBytes(): number {
    return this.#chunkEnd - this.#chunkStart + this.#socket.writableLength
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
    this.#flush()
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    this.#chunkStart = 0
    this.#chunkEnd = 0
  }

  #flush(): void {
    this.#flushScheduled = false
    if (this.#socket.destroyed) return
    if (this.#chunkStart !== this.#chunkEnd) {
      const bytes = this.#chunk.subarray(this.#chunkStart, this.#chunkEnd)
      this.#chunkStart = this.#chunkEnd
      this.#socket.write(bytes)
    }
    // A socket that was never full emits no 'drain'.
    if (this.#wantsRoom && !this.#socket.writableNeedDrain) setImmediate(() => this.#roomAgain())
  }

  #roomAgain(): void {
    if (!this.#wantsRoom || this.#closed || this.#socket.destroyed) return
    this.#wantsRoom = false
    this.#sink?.drain()
  }

  /** Delivers the records in the parser in a later turn, and does not read the socket until then. */
  #deliverLater(): void {
    if (this.#closed || this.#turn !== undefined) return
    this.#socket.pause()
    this.#turn = setImmediate(() => {
      this.#turn = undefined
      try {
        this.#deliver()
      } finally {
        if (!this.#paused && !this.#closed && this.#turn === undefined) this.#socket.resume()
      }
    })
  }

  #deliver(): void {
    if (this.#closed || this.#paused || this.#turn !== undefined) return
    this.#turnEndMs = 0
    this.#turnRecords = 0
    try {
      this.#parser.parse((kind, id, payload) => this.#deliverRecord(kind, id, payload))
    } catch (error) {
      if (!this.#inSink) {
        this.#fail(error as ShmwireError)
        return
      }
      this.#inSink = false
      // The exception of the listener continues; the next records follow in a later turn.
      this.#deliverLater()
      throw error
    }
    this.#inBatch = false
    try {
      this.#sink?.batchEnd?.()
    } finally {
      if (this.#socket.closed && !this.#paused && this.#turn === undefined) this.#close()
    }
  }

  #deliverRecord(kind: number, id: number, payload: Buffer): boolean {
    const sink = this.#sink as LinkSink
    const ends = endsBatch(kind)
    // The parser has consumed the record, which must follow although a listener of the batch throws.
    if (this.#inBatch && ends) runApart(() => sink.batchEnd?.())
    if (this.#closed) return false
    this.#inBatch = !ends
    this.#inSink = true
    const wantsMore = sink.record(kind, id, payload)
    this.#inSink = false
    if (this.#closed) return false
    if (wantsMore || this.#socket.closed) return !this.#turnIsOver()
    this.#paused = true
    this.#socket.pause()
    return false
  }

  /** True after the time of this turn. The records that the parser still holds follow in the next turn. */
  #turnIsOver(): boolean {
    this.#turnRecords += 1
    if ((this.#turnRecords & (RECORDS_PER_CHECK - 1)) !== 0) return false
    const nowMs = performance.now()
    if (this.#turnEndMs === 0) this.#turnEndMs = nowMs + TURN_MS_MAX
    if (nowMs < this.#turnEndMs) return false
    this.#deliverLater()
    return true
  }

  /** Delivers the last records in the parser first, which are few. A pause would delay the report of the end. */
  #socketClosed(): void {
    this.#paused = false
    this.#deliver()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    const gone = new ShmwireError(
      ErrorCode.PEER_GONE,
      'the peer is gone: its socket closed without a close of the channel',
    )
    this.#sink?.close(this.#ended ? undefined : gone)
  }

  #fail(error: ShmwireError): void {
    this.destroy()
    this.#sink?.close(error)
  }
}
