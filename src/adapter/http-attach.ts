import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Http2Server, ServerHttp2Session } from 'node:http2'
import { Server as NetServer } from 'node:net'
import type { Channel } from '../channel/channel.js'
import type { WhenInUse } from '../control/name-lease.js'
import { endWithin } from '../deadline.js'
import { listen, type Server } from '../listen.js'
import { invalid, type WaitOptions } from '../options.js'
import { runApart } from '../uncaught.js'
import { type ChannelSocket, channelDuplex } from './channel-socket.js'
import { LISTEN_OPTION_NAMES, type StreamChannelOptions, streamChannel } from './create-connection.js'
import { HTTP_RING_BYTES } from './http-client.js'

/** The options of `attach`. */
export interface AttachOptions extends StreamChannelOptions, WaitOptions {
  /** As for `listen`. Default `'fail'`. */
  whenInUse?: WhenInUse | undefined
}

type ByteServer = Server<Uint8Array, Uint8Array>

/** The servers that are set up; see `attach`. */
const setUp = new WeakSet<HttpServer | Http2Server>()

/** An HTTP server at an address of shmwire. It comes from `attach`. */
export class AttachedServer implements AsyncDisposable {
  readonly address: string
  readonly #http: HttpServer | Http2Server
  readonly #server: ByteServer
  readonly #sockets = new Set<ChannelSocket>()
  /** The last response of each HTTP/1 connection. */
  readonly #responses = new WeakMap<object, ServerResponse>()
  /** The session of each HTTP/2 connection. */
  readonly #sessions = new WeakMap<ChannelSocket, ServerHttp2Session>()
  /** The socket whose `connection` event is emitted now. */
  #accepted: ChannelSocket | undefined
  #closing = false
  #idle: (() => void) | undefined
  #closed: Promise<void> | undefined

  /** Attached servers come from `attach`. */
  constructor(http: HttpServer | Http2Server, server: ByteServer) {
    this.address = server.address
    this.#http = http
    this.#server = server
    server.on('channel', (channel) => this.#accept(channel))
    // Not for HTTP/2, whose server would set up its compatibility layer.
    if (http instanceof HttpServer) http.on('request', this.#requested)
    else http.on('session', this.#sessionOpened)
    http.once('close', this.#httpClosed)
  }

  /**
   * Accepts no further connection, waits for the open requests, and frees the address. Connections without a request end at once, also
   * those of WebSockets. The HTTP server stays as it is. `close()` of the HTTP server does the same.
   * Rejects with `TIMEOUT`, `ABORTED`, which destroys the open connections.
   */
  close(options?: WaitOptions): Promise<void> {
    return endWithin(options, 'closing the attached server', (resolve, reject) => {
      this.#closed ??= this.#end()
      this.#closed.then(resolve, reject)
      return () => {
        for (const socket of this.#sockets) socket.destroy()
      }
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The attached server keeps the process alive. This is the default. */
  ref(): this {
    this.#server.ref()
    return this
  }

  /** The process can exit while the server is attached. Connections have their own `unref`. */
  unref(): this {
    this.#server.unref()
    return this
  }

  #accept(channel: Channel<Uint8Array, Uint8Array>): void {
    if (this.#closing) {
      channel.destroy()
      return
    }
    // HTTP/1 servers answer after the end of the request.
    const socket = channelDuplex(channel, { allowHalfOpen: true })
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (this.#sockets.size === 0) this.#idle?.()
    })
    this.#accepted = socket
    try {
      this.#http.emit('connection', socket)
    } finally {
      this.#accepted = undefined
    }
  }

  readonly #requested = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request
    if (!this.#sockets.has(socket as unknown as ChannelSocket)) return
    this.#responses.set(socket, response)
    if (this.#closing) closeAfter(response, socket as unknown as ChannelSocket)
  }

  readonly #sessionOpened = (session: ServerHttp2Session): void => {
    if (this.#accepted !== undefined) this.#sessions.set(this.#accepted, session)
  }

  /** The HTTP server emits this without waiting for these connections. */
  readonly #httpClosed = (): void => {
    void this.close()
  }

  async #end(): Promise<void> {
    this.#closing = true
    for (const socket of this.#sockets) this.#endSocket(socket)
    if (this.#sockets.size > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    this.#http.off('request', this.#requested)
    this.#http.off('session', this.#sessionOpened)
    this.#http.off('close', this.#httpClosed)
    await this.#server.close()
  }

  /** Ends the connection after its open requests. */
  #endSocket(socket: ChannelSocket): void {
    const session = this.#sessions.get(socket)
    const response = this.#responses.get(socket)
    if (session !== undefined) session.close()
    else if (response === undefined || response.closed) socket.destroySoon()
    else closeAfter(response, socket)
  }
}

function closeAfter(response: ServerResponse, socket: ChannelSocket): void {
  response.once('close', () => socket.destroySoon())
}

/**
 * Serves the HTTP server at an address of shmwire, also while it listens elsewhere. Resolves when clients can connect.
 *
 * @param server a `node:http` or `node:http2` server without TLS, for example the `server` of Fastify
 * @param options as for `listen`; rings have 256 KiB unless given
 * @throws `INVALID_ARGUMENT`, and the errors of `listen`
 */
export async function attach(
  server: HttpServer | Http2Server,
  address: string,
  options: AttachOptions = {},
): Promise<AttachedServer> {
  if (!(server instanceof NetServer)) throw invalid('server', server, 'a server of node:http or node:http2')
  const listenOptions = streamChannel({ ringBytes: HTTP_RING_BYTES, ...options }, LISTEN_OPTION_NAMES)
  const attached = new AttachedServer(server, await listen<Uint8Array, Uint8Array>(address, listenOptions))
  // An HTTP server enforces the timeouts of requests and headers only after this event.
  if (!server.listening && !setUp.has(server)) runApart(() => server.emit('listening'))
  setUp.add(server)
  return attached
}
