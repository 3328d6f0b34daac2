import type { ByteStream } from '../../byte-stream.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { nowMs, setImmediate } from '../../host.js'
import type { Heartbeat as Bounds } from '../../options.js'
import type { Peer } from '../../peer.js'
import type { StreamTransport } from '../../transport.js'
import { TURN_MS_MAX } from '../../turn-budget.js'
import { runApart, textOfThrown } from '../../uncaught.js'
import type { FrameParser, NewBuffer } from '../../wire/frame-parser.js'
import { recordBound } from '../../wire/frames.js'
import { withPrintHint } from '../../wire/print-hint.js'
import { endsBatch } from '../../wire/record-kind.js'
import { type Link, type LinkSink, type LinkStats, newLinkStats } from '../link.js'
import { Heartbeat } from './heartbeat.js'
import { readIntoShared } from './shared-reads.js'
import { SocketWriter } from './socket-writer.js'

export interface SocketLinkOptions {
  readonly transport: StreamTransport
  /** Connected and paused, after the handshake. The link owns it. */
  readonly socket: ByteStream
  /** Can hold the first bytes of the peer's records. */
  readonly parser: FrameParser
  readonly peer: Peer
  /** The longest record the peer may send. */
  readonly maxMessageBytes: number
  /** Bytes that may wait in this process in each direction. Over shared memory, the size of the ring. */
  readonly capacityBytes: number
  /** Memory for payloads that are longer than a read. */
  readonly newBuffer?: NewBuffer | undefined
  /** Undefined: the kernel reports the end of the peer. */
  readonly heartbeat?: Bounds | undefined
}

/** Records between two readings of the clock, because a reading costs a part of a record. A power of two. */
const RECORDS_PER_CHECK = 16

/** More than the kernel holds of a peer that is gone. */
const KERNEL_BYTES_MAX = 16 * 1024 * 1024

/** The texts for streams that are not sockets. */
const CLOSED_STREAMS: ReadonlyMap<StreamTransport, string> = new Map([
  ['stream', 'the stream closed'],
  ['stdio', 'its standard streams closed'],
  ['grpc', 'its tunnel closed'],
  ['ws', 'its tunnel closed'],
])

/** Sends records as frames on any connected stream of bytes, if shared memory is not available. */
export class SocketLink implements Link {
  readonly transport: StreamTransport
  readonly peer: Peer
  readonly #socket: ByteStream
  readonly #parser: FrameParser
  readonly #maxMessageBytes: number
  readonly #capacityBytes: number
  readonly #stats: LinkStats = newLinkStats()
  readonly #writer: SocketWriter
  readonly #heartbeatBounds: Bounds | undefined
  #heartbeat: Heartbeat | undefined
  /** Why this side has ended the connection, if the peer has not. */
  #silence: string | undefined
  #writeError: Error | undefined
  #sink: LinkSink | undefined
  #inSink = false
  /** Messages were delivered since the last `batchEnd`. */
  #inBatch = false
  /** The delivery continues in the next turn. */
  #turnScheduled = false
  /** The end of the delivery in this turn; 0 until the first reading of the clock. */
  #turnEndMs = 0
  #turnRecords = 0
  #paused = false
  #bytesRead = 0
  #ended = false
  #closed = false

  constructor(options: SocketLinkOptions) {
    this.transport = options.transport
    this.#socket = options.socket
    this.#parser = options.parser
    if (options.newBuffer !== undefined) this.#parser.newBuffer = options.newBuffer
    this.peer = options.peer
    this.#maxMessageBytes = options.maxMessageBytes
    this.#capacityBytes = options.capacityBytes
    this.#heartbeatBounds = options.heartbeat
    this.#writer = new SocketWriter(options.socket, options.capacityBytes, this.#stats, {
      onRoom: () => this.#sink?.drain(),
      onBroken: (error) => {
        this.#writeError = error
        this.#readLast()
      },
    })
  }

  start(sink: LinkSink): void {
    this.#sink = sink
    this.#parser.bound = recordBound(this.#maxMessageBytes)
    const socket = this.#socket
    // Before the listener of 'data', which would get these bytes a second time.
    if (readIntoShared(socket, (bytes) => this.#read(bytes, true))) this.#takeUnread()
    socket.on('data', (chunk: Buffer) => this.#read(chunk, false))
    // A socket does this itself, and other streams can stay half-open.
    socket.once('end', () => endAndDestroy(socket))
    socket.once('close', () => runApart(() => this.#socketClosed()))
    this.#startHeartbeat()
    this.#deliverLater()
    this.#readOn()
  }

  write(kind: number, id: number, payload: Uint8Array, offset: number, owned = false): number {
    return this.#closed ? -1 : this.#writer.write(kind, id, payload, offset, owned)
  }

  afterFlush(flushed: () => void): void {
    this.#writer.afterFlush(flushed)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliverLater()
  }

  end(): void {
    this.#ended = true
    this.#writer.end()
  }

  destroy(): void {
    this.#closed = true
    this.#heartbeat?.stop()
    this.#parser.clear()
    this.#socket.destroy()
    this.#writer.close()
  }

  ref(): void {
    this.#socket.ref?.()
    this.#writer.ref()
  }

  unref(): void {
    this.#socket.unref?.()
    this.#writer.unref()
  }

  stats(): LinkStats {
    return { ...this.#stats, depthBytes: this.#writer.depthBytes }
  }

  #startHeartbeat(): void {
    if (this.#heartbeatBounds === undefined) return
    const [socket, writer] = [this.#socket, this.#writer]
    this.#heartbeat = new Heartbeat(this.#heartbeatBounds, {
      get reading() {
        return !socket.isPaused()
      },
      beat: () => writer.beat(),
      silent: (timeoutMs) => {
        this.#silence = `nothing arrived from it for ${timeoutMs} ms`
        socket.destroy()
      },
    })
  }

  /** `borrowed`: the memory of the bytes changes after this call. */
  #read(bytes: Buffer, borrowed: boolean): void {
    const parser = this.#parser
    // A listener's exception must not pass through the stream: it would leave out what the stream does after the event.
    runApart(() => {
      this.#bytesRead += bytes.length
      this.#heartbeat?.heard()
      if (!borrowed) parser.push(bytes)
      else if (!this.#hold(() => parser.pushBorrowed(bytes))) return
      try {
        this.#deliver()
      } finally {
        if (borrowed) this.#hold(() => parser.keepBorrowed())
      }
      this.#readOn()
    })
  }

  /** Fails the link if there is no memory for its bytes. */
  #hold(copy: () => void): boolean {
    try {
      copy()
      return true
    } catch (error) {
      this.#fail(error as ShmwireError)
      return false
    }
  }

  /**
   * The socket reports the end of the peer only when all of its bytes are read. So a paused link reads on, up to the limit that a ring
   * would have.
   */
  #readOn(): void {
    if (this.#closed) return
    if (this.#parser.heldBytes < this.#capacityBytes || this.#writer.broken) this.#socket.resume()
    else this.#socket.pause()
  }

  /**
   * A write has failed. If the peer is gone, the kernel holds its last bytes and its end. They are read now, and then nothing is worth
   * waiting for: a peer that lives, and only reads no more, gets the end of this side.
   */
  #readLast(): void {
    const bytesRead = this.#bytesRead
    this.#readOn()
    // Two turns, because the second one has read what was there in the first one.
    setImmediate(() =>
      setImmediate(() => {
        if (this.#closed || this.#socket.destroyed) return
        const isQuiet = this.#bytesRead === bytesRead
        if (isQuiet || this.#parser.heldBytes > this.#capacityBytes + KERNEL_BYTES_MAX) this.#socket.destroy()
        else this.#readLast()
      }),
    )
  }

  /** Delivers the records in the parser in a later turn. */
  #deliverLater(): void {
    if (this.#closed || this.#turnScheduled) return
    this.#turnScheduled = true
    setImmediate(() => {
      this.#turnScheduled = false
      try {
        this.#deliver()
      } finally {
        this.#readOn()
      }
    })
  }

  #deliver(): void {
    if (this.#closed || this.#paused || this.#turnScheduled) return
    this.#turnEndMs = 0
    this.#turnRecords = 0
    try {
      this.#parser.parse(this.#onFrame)
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
      if (this.#socket.closed && !this.#paused && !this.#turnScheduled) this.#close()
    }
  }

  readonly #onFrame = (kind: number, id: number, payload: Buffer): boolean =>
    this.#deliverRecord(kind, id, payload)

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
    return false
  }

  /** True after the time of this turn. The records that the parser still holds follow in the next turn. */
  #turnIsOver(): boolean {
    this.#turnRecords += 1
    if ((this.#turnRecords & (RECORDS_PER_CHECK - 1)) !== 0) return false
    const timeMs = nowMs()
    if (this.#turnEndMs === 0) this.#turnEndMs = timeMs + TURN_MS_MAX
    if (timeMs < this.#turnEndMs) return false
    this.#deliverLater()
    return true
  }

  /** Delivers the last records first, whose bytes have a limit. A pause would delay the report of the end. */
  #socketClosed(): void {
    if (this.#closed) return
    this.#takeUnread()
    this.#paused = false
    this.#deliver()
  }

  /** The stream read these bytes before it was paused. */
  #takeUnread(): void {
    for (let chunk = this.#socket.read(); chunk !== null; chunk = this.#socket.read())
      this.#parser.push(chunk as Buffer)
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#heartbeat?.stop()
    if (this.#ended) this.#sink?.close()
    else if (this.#silence !== undefined) this.#sink?.close(this.#gone(this.#silence))
    else this.#reportBreak()
  }

  /** The connection has ended without a CLOSE. */
  #reportBreak(): void {
    const report = (what: string): void =>
      this.#sink?.close(this.#gone(`${what} without a close of the channel`))
    const ended = CLOSED_STREAMS.get(this.transport) ?? 'its socket closed'
    const explaining = this.#socket.explainEnd?.()
    if (explaining === undefined) report(ended)
    else void explaining.then((reason) => runApart(() => report(reason ?? ended)))
  }

  #gone(reason: string): ShmwireError {
    const cause = this.#socket.errored ?? this.#writeError
    if (cause === undefined) return new ShmwireError(ErrorCode.PEER_GONE, `the peer is gone: ${reason}`)
    const message = `the peer is gone: ${reason} (${textOfThrown(cause)})`
    return new ShmwireError(ErrorCode.PEER_GONE, message, { cause })
  }

  #fail(error: ShmwireError): void {
    this.destroy()
    this.#sink?.close(this.transport === 'stdio' ? withPrintHint(error) : error)
  }
}

/** After everything that was written. */
function endAndDestroy(socket: ByteStream): void {
  socket.end()
  if (socket.writableFinished) socket.destroy()
  else socket.once('finish', () => socket.destroy())
}
