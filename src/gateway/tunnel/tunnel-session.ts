import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, nextTick, setTimeout } from '../../host.js'
import { SendBuffer } from './send-buffer.js'
import type { TunnelConnection } from './tunnel-connection.js'
import { decodeNext, encodeMessage, type Progress, type Transfer } from './tunnel-message.js'

/** Receives an acknowledgement at the latest after so many bytes. The smallest buffer and window have twice as many. */
const ACKNOWLEDGED_BYTES = 32 * 1024
export const TUNNEL_BYTES_MIN = 2 * ACKNOWLEDGED_BYTES

const NO_BYTES = Buffer.alloc(0)

export interface SessionBounds {
  /** Of bytes that the peer has not acknowledged. */
  readonly bufferBytes: number
  /** Of bytes that have arrived and that the program has not read. */
  readonly windowBytes: number
  /** The longest time without a connection. */
  readonly resumeMs: number
}

/** Takes the events of a session. */
export interface SessionSink {
  /** Takes bytes; `TunnelSession.taken` reports that the program has read them. */
  data(bytes: Buffer): void
  /** No byte follows. */
  dataEnd(): void
  /** There is room again after a `write` that took less than all bytes. */
  room(): void
  /** The peer has received everything and the end. */
  endReceived(): void
  /** The connection was lost. Another one can be attached. */
  detached(error: ShmwireError | undefined): void
  /** The session has ended: the peer has closed its end, or for the reason `error`. Not called after `close`. */
  closed(error: ShmwireError | undefined): void
}

/**
 * One side of a session: two directions of numbered bytes, which continue on another connection after one was lost. Each side keeps what the peer has
 * not acknowledged, and sends it again from the position that the peer has received. The peer's limit and this side's own bound stop `write`.
 */
export class TunnelSession {
  readonly #bounds: SessionBounds
  readonly #sink: SessionSink
  readonly #buffer: SendBuffer
  #connection: TunnelConnection | undefined
  #blocked = false
  #scheduled = false
  #wantsRoom = false
  #closed = false
  #resumeTimer: NodeJS.Timeout | undefined
  /** The position of the next byte to send on this connection. */
  #sent = 0
  /** The highest position that was sent on any connection. */
  #sentMax = 0
  #peerLimit = 0
  #ending = false
  #endReceived = false
  #received = 0
  #taken = 0
  #peerEnded = false
  /** The peer knows so much of this side. */
  #announced: Progress = { received: 0, limit: 0 }

  constructor(bounds: SessionBounds, sink: SessionSink) {
    this.#bounds = bounds
    this.#sink = sink
    this.#buffer = new SendBuffer(bounds.bufferBytes)
  }

  /** For the first message on a connection. */
  get progress(): Progress {
    return { received: this.#received, limit: this.#taken + this.#bounds.windowBytes }
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Grows with each byte that has arrived at either side. */
  get arrivedBytes(): number {
    return this.#received + this.#buffer.start
  }

  /** Bytes that the peer has not acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#buffer.end - this.#buffer.start
  }

  /** Continues on a connection to whose peer this side has sent `announced`. `progress` is that of the peer. */
  attach(connection: TunnelConnection, announced: Progress, progress: Progress): void {
    if (this.#closed) {
      connection.destroy()
      return
    }
    this.#connection?.destroy()
    clearTimeout(this.#resumeTimer)
    this.#connection = connection
    this.#blocked = false
    this.#announced = announced
    connection.events = {
      message: (bytes) => this.#message(bytes),
      drain: () => this.#drained(),
      lost: (error) => this.#lost(error),
    }
    if (!this.#isValid(() => this.#checkAcknowledged(progress, this.#sentMax))) return
    this.#sent = progress.received
    this.#acknowledge(progress)
    this.#schedule()
  }

  /**
   * Takes as many bytes as there is room and credit for, and returns their number. If there are more, `room` follows. Without credit, `close`
   * could not send the bytes that it has taken.
   */
  write(bytes: Uint8Array): number {
    const credit = Math.max(0, this.#peerLimit - this.#buffer.end)
    const count = this.#closed ? 0 : this.#buffer.append(bytes.subarray(0, credit))
    this.#wantsRoom = count < bytes.length
    if (count > 0) this.#schedule()
    return count
  }

  /** No byte follows. */
  end(): void {
    this.#ending = true
    this.#schedule()
  }

  /** The program has read so many bytes. */
  taken(bytes: number): void {
    this.#taken += bytes
    if (this.#acknowledgementIsDue) this.#schedule()
  }

  /** Ends the session, after the bytes for which the peer has credit. Idempotent. */
  close(error?: ShmwireError): void {
    if (this.#closed) return
    // Also to a connection that is full: the credit bounds it.
    while (this.#sendNext());
    this.#stop((connection) => {
      connection.send(encodeMessage({ kind: 'close', error }))
      connection.end()
    })
  }

  /** Ends the session, and reports it to this side too. */
  fail(error: ShmwireError): void {
    if (this.#closed) return
    this.close(error)
    this.#sink.closed(error)
  }

  #message(bytes: Buffer): void {
    if (this.#closed) return
    const message = this.#decode(bytes)
    if (message === undefined) return
    if (message.kind === 'close') {
      this.#stop((connection) => connection.end())
      this.#sink.closed(message.error)
      return
    }
    const isValid = this.#isValid(() => {
      this.#checkAcknowledged(message, this.#sent)
      this.#checkTransfer(message)
    })
    if (!isValid) return
    this.#acknowledge(message)
    this.#receive(message)
  }

  #stop(endConnection: (connection: TunnelConnection) => void): void {
    this.#closed = true
    clearTimeout(this.#resumeTimer)
    this.#buffer.clear()
    const connection = this.#connection
    this.#connection = undefined
    if (connection !== undefined) endConnection(connection)
  }

  #lost(error: ShmwireError | undefined): void {
    if (this.#closed) return
    this.#connection = undefined
    const { resumeMs } = this.#bounds
    // Both directions have ended, so nothing is missing.
    if (this.#peerEnded && this.#endReceived) {
      this.#stop(() => {})
      this.#sink.closed(undefined)
      return
    }
    this.#resumeTimer = setTimeout(() => {
      const message = `the tunnel was without a connection for ${resumeMs} ms, its resumeMs`
      this.fail(new ShmwireError(ErrorCode.PEER_GONE, message, { cause: error }))
    }, resumeMs).unref()
    this.#sink.detached(error)
  }

  #drained(): void {
    this.#blocked = false
    this.#flush()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Writes of one turn travel together.
    nextTick(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    while (!this.#blocked && this.#sendNext());
  }

  /** Sends one message, if there is something to send. False: there is not. */
  #sendNext(): boolean {
    if (this.#connection === undefined) return false
    const limit = Math.min(this.#buffer.end, this.#peerLimit)
    const data = this.#sent < limit ? this.#buffer.view(this.#sent, limit) : NO_BYTES
    const end = this.#ending && this.#sent + data.length === this.#buffer.end
    if (data.length === 0 && !end && !this.#acknowledgementIsDue) return false
    this.#send(data, end)
    return true
  }

  #send(data: Buffer, end: boolean): void {
    const progress = this.progress
    const message = encodeMessage({ kind: 'transfer', position: this.#sent, data, end, ...progress })
    this.#announced = progress
    this.#sent += data.length + Number(end)
    this.#sentMax = Math.max(this.#sentMax, this.#sent)
    this.#blocked = this.#connection?.send(message) === false
  }

  get #acknowledgementIsDue(): boolean {
    const { received, limit } = this.progress
    const dueBytes = this.#peerEnded ? 1 : ACKNOWLEDGED_BYTES
    return (
      received - this.#announced.received >= dueBytes || limit - this.#announced.limit >= ACKNOWLEDGED_BYTES
    )
  }

  /** `sent`: the peer can have received the bytes before this position. */
  #checkAcknowledged({ received, limit }: Progress, sent: number): void {
    if (received < this.#buffer.start || received > sent)
      throw corrupt(`acknowledges ${received} bytes; from ${this.#buffer.start} to ${sent} are possible`)
    if (limit < this.#peerLimit) throw corrupt(`lowers its limit from ${this.#peerLimit} to ${limit}`)
  }

  #checkTransfer({ position, data, end }: Transfer): void {
    if (position !== this.#received)
      throw corrupt(`continues at byte ${position}; this side has received ${this.#received}`)
    const credit = this.#announced.limit - this.#received
    if (data.length > 0 && data.length > credit)
      throw corrupt(`sends ${data.length} bytes; its credit is ${Math.max(0, credit)}`)
    if (this.#peerEnded && (end || data.length > 0)) throw corrupt('sends bytes or an end after its end')
  }

  #acknowledge({ received, limit }: Progress): void {
    const { end } = this.#buffer
    this.#peerLimit = limit
    this.#buffer.release(Math.min(received, end))
    if (received > end && !this.#endReceived) {
      this.#endReceived = true
      this.#sink.endReceived()
    }
    const hasRoom = this.unacknowledgedBytes < this.#bounds.bufferBytes && end < limit
    if (this.#wantsRoom && hasRoom) {
      this.#wantsRoom = false
      this.#sink.room()
    }
    if (this.#sent < Math.min(this.#buffer.end, limit)) this.#schedule()
  }

  #receive({ data, end }: Transfer): void {
    this.#received += data.length + Number(end)
    this.#peerEnded ||= end
    if (data.length > 0) this.#sink.data(data)
    if (end && !this.#closed) this.#sink.dataEnd()
    if (this.#acknowledgementIsDue) this.#schedule()
  }

  #decode(bytes: Buffer): ReturnType<typeof decodeNext> | undefined {
    try {
      return decodeNext(bytes)
    } catch (error) {
      this.fail(error as ShmwireError)
      return undefined
    }
  }

  /** False: `check` has thrown, because the peer broke the protocol. That ends the session. */
  #isValid(check: () => void): boolean {
    try {
      check()
      return true
    } catch (error) {
      this.fail(error as ShmwireError)
      return false
    }
  }
}

function corrupt(what: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, `the other end of the tunnel ${what}`)
}
