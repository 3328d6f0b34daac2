import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { listenFault } from '../../control/served-port.js'
import { withTlsOptions } from '../../control/tls-options.js'
import { waitWithin } from '../../deadline.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import type { TlsOptions } from '../../options.js'
import { shareConnections } from '../host-share.js'
import { Connection, type ConnectionTimes } from './connection.js'

export interface ListenerSettings extends ConnectionTimes {
  readonly host: string
  readonly port: number
  readonly tls: TlsOptions | undefined
  readonly maxStreams: number
  readonly maxConnections: number
  readonly maxHeaderBytes: number
  readonly maxMessageBytes: number
  readonly logger: Logger | undefined
}

/** A call, or another request, has arrived on a stream that is open. */
export type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  connection: Connection,
) => void

/** `@types/node` lacks the last argument. */
type StreamEvent = [
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
]

/** Frames that break the rules of HTTP/2, and streams over the limit, before a connection ends. */
const INVALID_FRAMES_MAX = 100
const REJECTED_STREAMS_MAX = 100
/** Of a TLS handshake, and of a client without HTTP/2. */
const HANDSHAKE_MS = 10_000
/** For each header, in addition to its name and value. */
const HEADER_BYTES = 32
/** Node counts the memory of a connection in MB. Beyond the limit, it refuses streams. */
const MB = 1_000_000
const SESSION_MEMORY_MB_MAX = 2 ** 32 - 1
/** For headers and frames. */
const FRAME_MEMORY_MB = 16

/** The port of a gateway, with the connections of its clients. */
export class Http2Listener {
  readonly #server: Http2Server | Http2SecureServer
  readonly #settings: ListenerSettings
  readonly #connections = new Set<Connection>()
  readonly #onStream: OnStream
  #referenced = true
  #onEmpty: (() => void) | undefined

  /** Throws `INVALID_ARGUMENT` for options of TLS that cannot be used. */
  constructor(settings: ListenerSettings, onStream: OnStream) {
    this.#settings = settings
    this.#onStream = onStream
    const { tls, logger, maxConnections } = settings
    const options = http2Options(settings)
    const server =
      tls === undefined
        ? createServer(options)
        : withTlsOptions(`${settings.host}:${settings.port}`, () =>
            createSecureServer({
              handshakeTimeout: HANDSHAKE_MS,
              minVersion: 'TLSv1.2',
              ...tls,
              ...options,
              allowHTTP1: false,
            }),
          )
    this.#server = server
    server.maxConnections = maxConnections
    shareConnections(server, maxConnections, (address) =>
      log(logger, 'gateway.clientShare', () => ({ gateway: 'grpc', clientAddress: address, maxConnections })),
    )
    // Node emits 'session' within the same event, and does not report the socket there.
    let accepted: Socket
    server.prependListener(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      accepted = socket
    })
    server.on('session', (session) => this.#accept(session, accepted))
    server.on('drop', (data) =>
      log(logger, 'gateway.full', () => ({
        gateway: 'grpc',
        clientAddress: data?.remoteAddress,
        maxConnections,
      })),
    )
    server.on('sessionError', (error: Error) =>
      log(logger, 'gateway.connectionBroke', () => ({ gateway: 'grpc', error })),
    )
    // https://github.com/nodejs/node/issues/35824: without a listener, an error of such a socket is an uncaught exception.
    server.on('secureConnection', (socket) =>
      socket.on('error', (error: Error) =>
        log(logger, 'gateway.connectionBroke', () => ({ gateway: 'grpc', error })),
      ),
    )
    server.on('tlsClientError', (error: Error) =>
      log(logger, 'gateway.tlsFailed', () => ({ gateway: 'grpc', error })),
    )
  }

  /** Resolves to the port. Rejects with `NAME_IN_USE`, `DENIED`, `INVALID_ARGUMENT`, `OUT_OF_MEMORY`, `ABORTED`. */
  async listen(text: string, signal: AbortSignal | undefined): Promise<number> {
    const server = this.#server
    const { host, port, logger } = this.#settings
    await waitWithin<void>({ signal }, `listening at ${text}`, (resolve, reject) => {
      const fail = (error: Error): void =>
        reject(listenFault(error, text, 'close the other program, or choose another port'))
      server.once('error', fail)
      server.listen({ host, port }, () => {
        server.off('error', fail)
        server.on('error', (error) =>
          log(logger, 'client.notAccepted', () => ({ gateway: 'grpc', address: text, error })),
        )
        resolve()
      })
      return () => server.close()
    })
    return (server.address() as AddressInfo).port
  }

  /** Accepts no further connection, and closes the present ones when their calls have ended. */
  drain(): void {
    this.#server.close()
    for (const connection of this.#connections) connection.drain()
  }

  /** Resolves when all connections have ended. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#connections.size === 0) resolve()
      else this.#onEmpty = resolve
    })
  }

  /** Ends all connections at once. */
  destroy(): void {
    this.#server.close()
    for (const connection of this.#connections) connection.destroy()
  }

  ref(): void {
    this.#referenced = true
    this.#server.ref()
    for (const connection of this.#connections) connection.ref()
  }

  unref(): void {
    this.#referenced = false
    this.#server.unref()
    for (const connection of this.#connections) connection.unref()
  }

  #accept(session: ServerHttp2Session, socket: Socket): void {
    const { logger, maxHeaderBytes } = this.#settings
    const connection = new Connection(session, socket, this.#settings, (reason) =>
      log(logger, 'gateway.connectionEnded', () => ({
        gateway: 'grpc',
        clientAddress: connection.peer.address,
        reason,
      })),
    )
    this.#connections.add(connection)
    if (!this.#referenced) connection.unref()
    session.once('close', () => {
      this.#connections.delete(connection)
      if (this.#connections.size === 0) this.#onEmpty?.()
    })
    session.on('stream', (...[stream, headers, , rawHeaders]: StreamEvent) => {
      stream.on('error', (error) => log(logger, 'gateway.callBroke', () => ({ gateway: 'grpc', error })))
      if (stream.destroyed || stream.closed) connection.countReset(false)
      else if (sizeOf(rawHeaders) > maxHeaderBytes) {
        // Node applies the setting only after the client has acknowledged it.
        stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
        connection.countReset(false)
      } else {
        connection.opened(stream)
        this.#onStream(stream, headers, connection)
      }
    })
  }
}

/** As SETTINGS_MAX_HEADER_LIST_SIZE counts: RFC 9113, section 6.5.2. */
function sizeOf(rawHeaders: readonly string[]): number {
  let bytes = 0
  for (const text of rawHeaders) bytes += text.length + HEADER_BYTES / 2
  return bytes
}

function http2Options({ maxStreams, maxHeaderBytes, maxMessageBytes }: ListenerSettings): ServerOptions {
  // A message of each call can wait until its client reads.
  const memoryMb = FRAME_MEMORY_MB + Math.ceil((maxStreams * maxMessageBytes) / MB)
  return {
    maxSessionInvalidFrames: INVALID_FRAMES_MAX,
    maxSessionRejectedStreams: REJECTED_STREAMS_MAX,
    maxSessionMemory: Math.min(memoryMb, SESSION_MEMORY_MB_MAX),
    unknownProtocolTimeout: HANDSHAKE_MS,
    settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize: maxHeaderBytes, enablePush: false },
  }
}
