import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ByteStream } from '../../byte-stream.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../../host.js'
import type { Heartbeat } from '../../options.js'
import type { Peer } from '../../peer.js'
import { runApart } from '../../uncaught.js'
import type { ConnectionEvents, TunnelConnection } from '../tunnel/tunnel-connection.js'
import { closeFault, webSocketFault } from './web-socket-fault.js'
import { CloseCode } from './web-socket-protocol.js'

/** Bytes that may wait in this process; the session bounds what waits before them. */
const WAITING_BYTES_MAX = 256 * 1024
/** Pings of a peer that reads slowly are not answered while so many bytes wait: any later answer is a sign of life too. */
const PONG_WAITING_BYTES_MAX = 16 * 1024
/** How long the peer has to read the last messages and to close its side. */
const END_MS = 1_000
const BINARY = { binary: true, compress: false } as const

/** One WebSocket, each of whose messages is a message of the tunnel. It can take messages before the WebSocket is open. */
export class WebSocketConnection implements TunnelConnection {
  knownPeer: Peer | undefined
  events: ConnectionEvents = { message() {}, drain() {}, lost() {} }
  readonly #place: string
  readonly #times: Heartbeat
  #socket: (Duplex & Pick<ByteStream, 'ref' | 'unref'>) | undefined
  #webSocket: WebSocket | undefined
  /** Sent before the WebSocket was open. */
  readonly #early: Buffer[] = []
  #error: ShmwireError | undefined
  #state: 'open' | 'ending' | 'ended' = 'open'
  #referenced = true
  readonly #pings: NodeJS.Timeout
  #unanswered = 0
  #endTimer: NodeJS.Timeout | undefined

  /** `place` is the peer, in errors. */
  constructor(place: string, times: Heartbeat) {
    this.#place = place
    this.#times = times
    this.#pings = setInterval(() => this.#ping(), times.intervalMs).unref()
  }

  /** Takes the socket, before the WebSocket is open. False: the connection has ended, and the socket too. */
  useSocket(socket: Duplex): boolean {
    this.#socket = socket
    if (this.#state !== 'open') {
      socket.destroy()
      return false
    }
    socket.on('drain', () => this.#state === 'open' && runApart(() => this.events.drain()))
    if (!this.#referenced) this.#socket.unref?.()
    return true
  }

  /** Takes a WebSocket that is open, on the socket. */
  open(webSocket: WebSocket): void {
    this.#webSocket = webSocket
    webSocket.on('message', (bytes: Buffer, isBinary: boolean) => this.#message(bytes, isBinary))
    webSocket.on('ping', (bytes: Buffer) => this.#pinged(bytes))
    webSocket.on('pong', () => (this.#unanswered = 0))
    webSocket.on('error', (error: Error) => (this.#error ??= webSocketFault(error, this.#place)))
    webSocket.once('close', (code: number, reason: Buffer) =>
      this.lost(this.#error ?? closeFault(code, reason, this.#place)),
    )
    if (this.#state !== 'open') webSocket.terminate()
    for (const message of this.#early.splice(0)) this.send(message)
  }

  send(message: Buffer): boolean {
    if (this.#state !== 'open') return true
    const webSocket = this.#webSocket
    if (webSocket === undefined) {
      this.#early.push(message)
      return true
    }
    webSocket.send(message, BINARY)
    return webSocket.bufferedAmount < WAITING_BYTES_MAX
  }

  end(): void {
    this.#end(CloseCode.NORMAL)
  }

  destroy(): void {
    this.#state = 'ended'
    clearInterval(this.#pings)
    clearTimeout(this.#endTimer)
    this.#early.length = 0
    this.#webSocket?.terminate()
    this.#socket?.destroy()
  }

  setReferenced(referenced: boolean): void {
    this.#referenced = referenced
    if (referenced) this.#socket?.ref?.()
    else this.#socket?.unref?.()
  }

  /** The connection has ended, for the reason `error`. */
  lost(error: ShmwireError | undefined): void {
    const wasOpen = this.#state === 'open'
    this.destroy()
    if (wasOpen) runApart(() => this.events.lost(error))
  }

  #end(code: number): void {
    if (this.#state !== 'open') return
    if (this.#webSocket === undefined) {
      this.destroy()
      return
    }
    this.#state = 'ending'
    clearInterval(this.#pings)
    this.#webSocket.close(code)
    this.#socket?.unref?.()
    this.#endTimer = setTimeout(() => this.destroy(), END_MS).unref()
  }

  #message(bytes: Buffer, isBinary: boolean): void {
    this.#unanswered = 0
    if (this.#state !== 'open') return
    if (isBinary) {
      runApart(() => this.events.message(bytes))
      return
    }
    this.#end(CloseCode.NOT_BINARY)
    const message = `${this.#place} sent a text message; a tunnel has binary ones only`
    runApart(() => this.events.lost(new ShmwireError(ErrorCode.CORRUPT, message)))
  }

  #pinged(bytes: Buffer): void {
    this.#unanswered = 0
    const webSocket = this.#webSocket
    if (this.#state !== 'open' || webSocket === undefined) return
    if (webSocket.bufferedAmount < PONG_WAITING_BYTES_MAX) webSocket.pong(bytes)
  }

  /** A peer that does not answer is not reached any more, also before the WebSocket is open. The session continues on another connection. */
  #ping(): void {
    const { intervalMs, timeoutMs } = this.#times
    if (this.#unanswered * intervalMs >= timeoutMs) {
      const message = `${this.#place} was silent for ${timeoutMs} ms`
      this.lost(new ShmwireError(ErrorCode.PEER_GONE, message))
      return
    }
    this.#unanswered += 1
    this.#webSocket?.ping()
  }
}
