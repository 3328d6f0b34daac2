import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { clearTimeout, setTimeout } from '../../host.js'
import type { Logger } from '../../log/logger.js'
import { type HeartbeatOptions, invalid, resolveOptions, type Settings } from '../../options.js'
import { type CallClient, type GatewayTunnelOptions, TunnelAdmission } from '../tunnel/tunnel-admission.js'
import { type Refusal, refusalOf, refuse, type Upgrade } from './upgrade.js'
import { WebSocketConnection } from './web-socket-connection.js'
import { SUBPROTOCOL, WEB_SOCKET_OPTIONS } from './web-socket-protocol.js'

/** The options of WebSockets. */
export interface WebSocketOptions {
  /** Of pages of other hosts that may connect, for example `https://app.example`. Default: none. */
  origins?: readonly string[] | undefined
  /** How often the gateway pings a client, and after what silence the client is lost. Default: 5 and 15 seconds. */
  heartbeat?: HeartbeatOptions | undefined
  logger?: Logger | undefined
}

/** The identity of a client must be found within this time. */
const ADMIT_MS = 10_000
const TOO_LATE: Refusal = { status: 503, message: 'the gateway needed too long to identify the client' }
const CLOSED: Refusal = { status: 503, message: 'the gateway is closing' }

/** The tunnels of a server of node:http, which passes it the upgrades of its connections. */
export class WebSocketTunnels {
  readonly #admission: TunnelAdmission
  readonly #origins: readonly string[]
  readonly #heartbeat: Settings['heartbeat']
  readonly #server = new WebSocketServer({
    ...WEB_SOCKET_OPTIONS,
    noServer: true,
    clientTracking: false,
    handleProtocols: () => SUBPROTOCOL,
  })
  #closed = false

  /** Throws `INVALID_ARGUMENT`. */
  constructor(options: GatewayTunnelOptions, { origins = [], heartbeat, logger }: WebSocketOptions = {}) {
    if (!Array.isArray(origins) || origins.some((origin) => typeof origin !== 'string'))
      throw invalid('origins', origins, "an array of origins, for example 'https://app.example'")
    this.#admission = new TunnelAdmission(options, 'ws', logger)
    this.#origins = origins
    this.#heartbeat = resolveOptions({ heartbeat }).heartbeat
  }

  /** The open sessions, those without a connection included. */
  get sessions(): number {
    return this.#admission.gateway.sessions
  }

  /** Takes an upgrade of a client that may open tunnels, before anything is read from its connection. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, client: CallClient): void {
    const upgrade = { request, socket, head }
    if (this.#enter(upgrade, client.address)) this.#upgrade(upgrade, client)
  }

  /** The same for a client that `admit` resolves to, or refuses. */
  async acceptLater(
    upgrade: Upgrade,
    address: string | undefined,
    admit: () => Promise<CallClient | Refusal>,
  ): Promise<void> {
    const { socket } = upgrade
    if (!this.#enter(upgrade, address)) return
    const timer = setTimeout(() => refuse(socket, TOO_LATE), ADMIT_MS).unref()
    const admitted = await admit()
    clearTimeout(timer)
    if (!socket.writable) return
    if ('status' in admitted) refuse(socket, admitted)
    else this.#upgrade(upgrade, admitted)
  }

  /** Ends all tunnels, and refuses further ones. */
  close(): void {
    this.#closed = true
    this.#admission.gateway.close()
  }

  /** False: the upgrade is refused. */
  #enter({ request, socket }: Upgrade, address: string | undefined): boolean {
    socket.on('error', () => socket.destroy())
    const refusal = this.#closed ? CLOSED : refusalOf(request, this.#origins)
    if (refusal !== undefined) {
      refuse(socket, refusal)
      return false
    }
    try {
      socket.once('close', this.#admission.enter({ address }))
      return true
    } catch (error) {
      refuse(socket, { status: 503, message: (error as Error).message })
      return false
    }
  }

  #upgrade({ request, socket, head }: Upgrade, client: CallClient): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const place = `the client at ${client.address ?? 'an unknown address'}`
      const connection = new WebSocketConnection(place, this.#heartbeat)
      if (!connection.useSocket(socket)) return
      connection.open(webSocket)
      this.#admission.accept(connection, client)
    })
  }
}
