import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from '../../host.js'
import { TIMEOUT_MS_MAX } from '../../options.js'
import { verifiedCertificate } from '../verified-certificate.js'
import { RESETS_MAX, RESETS_PER_SECOND, ResetCount } from './reset-count.js'
import type { GatewayPeer } from './server-call.js'

/** The times of a connection, in milliseconds. Infinity: no limit. */
export interface ConnectionTimes {
  /** Between two pings. */
  readonly keepAliveMs: number
  /** Without an answer to a ping. */
  readonly keepAliveTimeoutMs: number
  /** Without a call. */
  readonly maxIdleMs: number
  readonly maxAgeMs: number
}

/** A client that has connected must have begun to speak HTTP/2 after this time. */
const BEGIN_MS = 10_000
/** Clients that connected together must not connect again together. */
const AGE_SPREAD = 0.1
/** A client that does not answer gets no further calls after this time. */
const LAST_CALLS_MS = 1_000
/** Announces the end without refusing calls that are on their way. */
const ANY_STREAM = 2 ** 31 - 1
/** A client takes the last bytes and closes its side within this time. */
const LAST_BYTES_MS = 5_000
const { NGHTTP2_NO_ERROR } = constants

/** One connection of a client. It ends connections that are lost, idle or old. */
export class Connection {
  readonly peer: GatewayPeer
  readonly #session: ServerHttp2Session
  readonly #socket: Socket
  readonly #times: ConnectionTimes
  readonly #onGone: (reason: string) => void
  #open = 0
  readonly #resets = new ResetCount()
  readonly #cancelled = new ResetCount()
  #beginTimer: NodeJS.Timeout | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #ageTimer: NodeJS.Timeout | undefined
  #pingTimer: NodeJS.Timeout | undefined
  #drainTimer: NodeJS.Timeout | undefined
  #endTimer: NodeJS.Timeout | undefined
  #draining = false

  /** `onGone` gets the reason why the gateway itself has ended the connection. */
  constructor(
    session: ServerHttp2Session,
    socket: Socket,
    times: ConnectionTimes,
    onGone: (reason: string) => void,
  ) {
    this.#session = session
    this.#socket = socket
    this.#times = times
    this.#onGone = onGone
    this.peer = peerOf(socket)
    this.#beginTimer = after(BEGIN_MS, () => this.#destroy('it did not begin to speak HTTP/2'))
    session.once('remoteSettings', () => clearTimeout(this.#beginTimer))
    session.once('close', () => this.#clear())
    this.#ageTimer = after(spread(times.maxAgeMs), () => this.drain())
    this.#rest()
    this.#schedulePing()
  }

  /** Counts a stream until it closes. */
  opened(stream: ServerHttp2Stream): void {
    this.#open += 1
    clearTimeout(this.#idleTimer)
    let ended = false
    stream.once('end', () => {
      // A reset closes the stream before its end.
      ended = !stream.closed
    })
    stream.once('close', () => {
      this.#open -= 1
      const isReset = !ended || stream.aborted || stream.rstCode !== NGHTTP2_NO_ERROR
      if (isReset) this.countReset(stream.writableFinished)
      if (this.#open === 0) this.#rest()
    })
  }

  /**
   * The client has reset a stream. Without an answer, this is "rapid reset", CVE-2023-44487. After the answer a client may do so, but nghttp2
   * counts it too, and after 1,000 resets and another 33 a second, Node neither reads nor closes the connection. So the client gets another
   * connection before.
   */
  countReset(answered: boolean): void {
    if (!answered && this.#cancelled.add())
      this.#destroy(`it cancelled more than ${RESETS_MAX} calls, and more than ${RESETS_PER_SECOND} a second`)
    else if (this.#resets.add()) this.drain()
  }

  /** Announces the end, refuses calls after a round trip, and closes when the open calls have ended. */
  drain(): void {
    const session = this.#session
    if (this.#draining || session.closed || session.destroyed) return
    this.#draining = true
    // Node reads nothing after a GOAWAY without an open stream. The client repeats a call that it has just sent on another connection.
    if (this.#open === 0) {
      this.#close()
      return
    }
    this.#drainTimer = after(LAST_CALLS_MS, () => this.#close())
    session.goaway(NGHTTP2_NO_ERROR, ANY_STREAM)
    session.ping(() => this.#close())
  }

  /** Ends it at once, with all its calls. */
  destroy(): void {
    this.#session.destroy()
    // The session would wait until the client has read everything.
    this.#socket.destroy()
  }

  ref(): void {
    if (!this.#session.destroyed) this.#session.ref()
  }

  unref(): void {
    if (!this.#session.destroyed) this.#session.unref()
  }

  #close(): void {
    clearTimeout(this.#drainTimer)
    const session = this.#session
    if (!session.closed && !session.destroyed) session.close()
    // A client that does not close its side would keep the socket.
    if (this.#open === 0) this.#endTimer ??= after(LAST_BYTES_MS, () => this.#socket.destroy())
  }

  /** No call is open. */
  #rest(): void {
    if (this.#socket.destroyed) return
    if (this.#draining) this.#close()
    else this.#idleTimer = after(this.#times.maxIdleMs, () => this.drain())
  }

  #schedulePing(): void {
    this.#pingTimer = after(this.#times.keepAliveMs, () => {
      const session = this.#session
      if (session.destroyed) return
      this.#pingTimer = after(this.#times.keepAliveTimeoutMs, () =>
        this.#destroy('it did not answer a ping in time'),
      )
      session.ping((error) => {
        clearTimeout(this.#pingTimer)
        // With an error, the connection has ended.
        if (error === null) this.#schedulePing()
      })
    })
  }

  #destroy(reason: string): void {
    if (this.#session.destroyed) return
    this.#onGone(reason)
    this.destroy()
  }

  #clear(): void {
    for (const timer of [
      this.#beginTimer,
      this.#idleTimer,
      this.#ageTimer,
      this.#pingTimer,
      this.#drainTimer,
      this.#endTimer,
    ])
      clearTimeout(timer)
  }
}

/** Longer times than a timer can have do not end. */
function after(ms: number, run: () => void): NodeJS.Timeout | undefined {
  if (ms > TIMEOUT_MS_MAX) return undefined
  const timer = setTimeout(run, ms)
  timer.unref()
  return timer
}

function spread(ms: number): number {
  return ms * (1 + AGE_SPREAD * (2 * Math.random() - 1))
}

function peerOf(socket: Socket): GatewayPeer {
  const { remoteAddress = '', remotePort = 0 } = socket
  const certificate = verifiedCertificate(socket)
  return { address: remoteAddress, port: remotePort, certificate }
}
