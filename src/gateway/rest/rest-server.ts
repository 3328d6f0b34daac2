import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { formatHostAndPort } from '../../address/network-address.js'
import { clearInterval, setInterval } from '../../host.js'
import { checkWaitOptions, type WaitOptions } from '../../options.js'
import { ServiceError } from '../../service-error.js'
import { within } from '../within.js'
import type { AttachedTunnels } from '../ws/attach-tunnels.js'
import { createApp, listen } from './http-server.js'
import { type OpenRestGateway, openRestGateway } from './rest-gateway.js'
import { type RestServerOptions, resolveServerOptions, type ServerSettings } from './server-options.js'

/** Open requests have this time to end when a server closes, unless `close` has another one. */
const CLOSE_TIMEOUT_MS = 10_000
/** Clients have this time to take the end of their requests. */
const LAST_ANSWERS_MS = 500
/** Connections become idle at any time while the server closes. */
const IDLE_CHECK_MS = 20

/**
 * Starts a server of HTTP that answers requests of REST with calls of services, as `restGateway` does. Resolves when clients can connect.
 *
 * @throws `INVALID_ARGUMENT`, `UNAVAILABLE` without the package fastify, `NAME_IN_USE` if another program listens there, `DENIED`,
 * `OUT_OF_MEMORY`, `ABORTED`, and the errors of `client` that waiting would not change
 */
export async function createRestServer(options: RestServerOptions): Promise<RestServer> {
  const settings = resolveServerOptions(options)
  const created = await createApp(settings)
  const { app, server } = created
  try {
    const gateway = await openRestGateway(app, settings.gateway, true)
    created.ready(gateway)
    await app.ready()
    const tunnels = await attached(server, settings)
    const port = await listen(server, settings)
    return new RestServer({ app, server, gateway, tunnels, settings, port })
  } catch (error) {
    await app.close()
    throw error
  }
}

async function attached(server: Server, { tunnels }: ServerSettings): Promise<AttachedTunnels | undefined> {
  if (tunnels === undefined) return undefined
  const { attachTunnels } = await import('../ws/attach-tunnels.js')
  return attachTunnels(server, tunnels)
}

interface ServerParts {
  readonly app: FastifyInstance
  readonly server: Server
  readonly gateway: OpenRestGateway
  readonly tunnels: AttachedTunnels | undefined
  readonly settings: ServerSettings
  readonly port: number
}

/** A running server. It comes from `createRestServer`, and keeps the process alive until it is closed, or `unref()` is called. */
export class RestServer implements AsyncDisposable {
  /** The host and the port, for example `127.0.0.1:8080`. */
  readonly address: string
  readonly port: number
  readonly #parts: ServerParts
  readonly #sockets = new Set<Socket>()
  #referenced = true
  #closing: Promise<void> | undefined

  /** Only `createRestServer` creates servers. */
  constructor(parts: ServerParts) {
    this.address = formatHostAndPort(parts.settings.host, parts.port)
    this.port = parts.port
    parts.gateway.calls.recorder.address = this.address
    this.#parts = parts
    parts.server.on('connection', (socket) => this.#accepted(socket))
  }

  /**
   * Accepts no further connection, reports 503 to `/ready`, ends streams and tunnels, and waits for the open requests. After `timeoutMs`, 10 seconds unless given,
   * or when `signal` fires, it cancels them: their clients get 503. Resolves at most a second later, in any case. A second call waits
   * for the first one.
   */
  async close(options: WaitOptions = {}): Promise<void> {
    const { signal, timeoutMs = CLOSE_TIMEOUT_MS } = checkWaitOptions(options)
    this.#closing ??= this.#close(timeoutMs, signal)
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The server keeps the process alive, which is the default. */
  ref(): this {
    this.#referenced = true
    this.#parts.server.ref()
    for (const socket of this.#sockets) socket.ref()
    for (const { members } of this.#parts.gateway.clients) members.$ref()
    return this
  }

  /** The process may end while the server is open. */
  unref(): this {
    this.#referenced = false
    this.#parts.server.unref()
    for (const socket of this.#sockets) socket.unref()
    for (const { members } of this.#parts.gateway.clients) members.$unref()
    return this
  }

  #accepted(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    if (!this.#referenced) socket.unref()
  }

  async #close(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { app, server, gateway, tunnels } = this.#parts
    gateway.health.drain()
    gateway.streams.close()
    tunnels?.close()
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    // Node takes a connection without a first byte for a request that is on its way.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
    try {
      await within(closed, timeoutMs, signal)
      gateway.calls.close(new ServiceError('UNAVAILABLE', 'the gateway has closed'))
      await within(closed, LAST_ANSWERS_MS, undefined)
    } finally {
      clearInterval(idle)
    }
    server.closeAllConnections()
    await app.close()
  }
}
