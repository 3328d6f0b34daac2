import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { formatHostAndPort, type NetworkAddress } from '../../address/network-address.js'
import type { ByteStream } from '../../byte-stream.js'
import { openSocket } from '../../control/open-socket.js'
import { identifyRemotePeer, remotePeerFault } from '../../control/remote-identity.js'
import { socketError } from '../../control/socket-error.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearInterval, clearTimeout, setInterval, setTimeout } from '../../host.js'
import type { Settings } from '../../options.js'
import type { Peer } from '../../peer.js'
import { runApart } from '../../uncaught.js'
import type { CallHeaders } from '../tunnel/call-headers.js'
import type { ConnectionEvents, TunnelConnection } from '../tunnel/tunnel-connection.js'
import { httpFault, statusFault } from './grpc-status.js'
import { writeMessage } from './message-encoder.js'
import { TunnelMessages } from './tunnel-messages.js'

/** The path of the method. */
export const OPEN_PATH = '/shmwire.v1.TunnelService/Open'

/** The bytes that HTTP/2 has on their way; the session bounds what waits here. */
const HTTP2_WINDOW_BYTES = 1024 * 1024
/** How long the gateway has to end the call after the last message. */
const END_MS = 1_000

export interface GrpcTarget {
  readonly address: NetworkAddress
  readonly settings: Settings
}

/**
 * One call of the tunnel's method on an HTTP/2 connection of its own. It uses node:http2, because a client of grpc-js reports neither the
 * reason of a failed connection nor the certificate, and always keeps the process alive.
 */
export class GrpcConnection implements TunnelConnection {
  knownPeer: Peer | undefined
  events: ConnectionEvents = { message() {}, drain() {}, lost() {} }
  readonly #target: GrpcTarget
  readonly #headers: () => Promise<CallHeaders>
  #session: ClientHttp2Session | undefined
  #stream: ClientHttp2Stream | undefined
  readonly #messages = new TunnelMessages()
  /** Sent before the connection exists. */
  readonly #early: Buffer[] = []
  #error: ShmwireError | undefined
  #speaksHttp2 = false
  #state: 'open' | 'ending' | 'ended' = 'open'
  #referenced = true
  #pings: NodeJS.Timeout | undefined
  #unanswered = 0
  #endTimer: NodeJS.Timeout | undefined

  constructor(target: GrpcTarget, headers: () => Promise<CallHeaders>) {
    this.#target = target
    this.#headers = headers
    this.#open().catch((error: unknown) => this.#lost(error as ShmwireError))
  }

  send(message: Buffer): boolean {
    if (this.#state !== 'open') return true
    const stream = this.#stream
    if (stream === undefined) {
      this.#early.push(message)
      return true
    }
    return writeMessage(stream, message)
  }

  end(): void {
    if (this.#state !== 'open') return
    if (this.#stream === undefined) {
      this.destroy()
      return
    }
    this.#state = 'ending'
    this.#stream.end()
    this.#session?.unref()
    this.#endTimer = setTimeout(() => this.destroy(), END_MS)
  }

  destroy(): void {
    this.#state = 'ended'
    clearInterval(this.#pings)
    clearTimeout(this.#endTimer)
    this.#stream?.close(constants.NGHTTP2_CANCEL)
    this.#session?.destroy()
  }

  setReferenced(referenced: boolean): void {
    this.#referenced = referenced
    if (referenced) this.#session?.ref()
    else this.#session?.unref()
  }

  async #open(): Promise<void> {
    const { address, settings } = this.#target
    const headers = await this.#headers()
    const socket = await openSocket(address, withAlpn(settings))
    if (this.#state !== 'open') {
      socket.destroy()
      return
    }
    const scheme = address.kind === 'tls' ? 'https' : 'http'
    const session = connect(`${scheme}://${formatHostAndPort(address.host, address.port)}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: HTTP2_WINDOW_BYTES, enablePush: false },
    })
    this.#session = session
    session.once('remoteSettings', () => (this.#speaksHttp2 = true))
    session.once('connect', () => this.#connected(session, socket, headers))
    session.on('error', (error) => this.#failed(error))
    session.once('close', () => this.#lost())
    if (!this.#referenced) session.unref()
    this.#ping(session)
  }

  /** Each connection is checked, because another program can have the address by now, and the id of the session is a secret. */
  #connected(session: ClientHttp2Session, socket: ByteStream, headers: CallHeaders): void {
    const { address, settings } = this.#target
    this.knownPeer = identifyRemotePeer(socket)
    const denied = remotePeerFault(this.knownPeer, address.kind, settings)
    if (denied !== undefined) {
      this.#lost(denied)
      return
    }
    session.setLocalWindowSize(HTTP2_WINDOW_BYTES)
    this.#call(session, headers)
  }

  #call(session: ClientHttp2Session, headers: CallHeaders): void {
    const stream = session.request({
      ...headers,
      ':method': 'POST',
      ':path': OPEN_PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    this.#stream = stream
    const { text } = this.#target.address
    stream.on('response', (answer) => {
      this.#error ??= httpFault(answer, text) ?? statusFault(answer, text)
      if (this.#error !== undefined) this.#lost()
    })
    stream.on('trailers', (trailers) => {
      this.#error ??= statusFault(trailers, text)
    })
    stream.on('data', (chunk: Buffer) => this.#data(chunk))
    stream.on('drain', () => this.#state === 'open' && runApart(() => this.events.drain()))
    stream.on('error', (error) => this.#failed(error))
    // The gateway has ended the call.
    stream.on('end', () => stream.end())
    stream.on('close', () => this.#lost())
    for (const message of this.#early.splice(0)) this.send(message)
  }

  #data(chunk: Buffer): void {
    this.#unanswered = 0
    if (this.#state !== 'open') return
    try {
      this.#messages.decode(chunk, (message) => {
        // The one before can have ended the connection.
        if (this.#state === 'open') runApart(() => this.events.message(message))
      })
    } catch (error) {
      this.#lost(error as ShmwireError)
    }
  }

  /** A gateway that does not answer is not reached any more. The session continues on another connection. */
  #ping(session: ClientHttp2Session): void {
    const { intervalMs, timeoutMs } = this.#target.settings.heartbeat
    this.#pings = setInterval(() => {
      if (this.#unanswered * intervalMs >= timeoutMs) {
        const message = `the gateway at ${this.#target.address.text} was silent for ${timeoutMs} ms`
        this.#lost(new ShmwireError(ErrorCode.PEER_GONE, message))
        return
      }
      this.#unanswered += 1
      if (!session.connecting && !session.destroyed) session.ping(() => (this.#unanswered = 0))
    }, intervalMs).unref()
  }

  #failed(error: NodeJS.ErrnoException): void {
    const { text } = this.#target.address
    const isForeign = error.code === 'ERR_HTTP2_ERROR' && !this.#speaksHttp2
    const message = `${text} does not speak HTTP/2, which gRPC needs; check what listens at the address`
    this.#error ??= isForeign
      ? new ShmwireError(ErrorCode.VERSION, message, { cause: error })
      : socketError(error, text)
  }

  #lost(error = this.#error): void {
    const wasOpen = this.#state === 'open'
    this.destroy()
    if (wasOpen) runApart(() => this.events.lost(error))
  }
}

/** HTTP/2 over TLS is negotiated (RFC 9113, section 3.2). */
function withAlpn(settings: Settings): Settings {
  return { ...settings, tls: { ALPNProtocols: ['h2'], ...settings.tls } }
}
