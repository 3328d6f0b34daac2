import type { Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { isLoopback } from '../../address/network-address.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import {
  booleanOption,
  checkOptionNames,
  type HeartbeatOptions,
  invalid,
  loggerOption,
} from '../../options.js'
import { isServiceError } from '../../service/call/call-failure.js'
import { rawMessageOf } from '../../service-error.js'
import { Admission, type AdmissionOptions } from '../admission.js'
import { admitTunnel, checkTunnelPolicy } from '../tunnel/admit-tunnel.js'
import type { CallClient, GatewayTunnelOptions } from '../tunnel/tunnel-admission.js'
import { verifiedCertificate } from '../verified-certificate.js'
import { type Refusal, refuse, type Upgrade } from './upgrade.js'
import { WebSocketTunnels } from './web-socket-tunnels.js'

/** The options of `attachTunnels`. */
export interface AttachTunnelsOptions extends AdmissionOptions {
  /** The servers that tunnels can reach, and the bounds. */
  tunnels: GatewayTunnelOptions
  /** Takes the WebSockets whose path begins with it. It begins with a slash. Default `'/'`, for all WebSockets of the server. */
  path?: string | undefined
  /** The origins of pages of other hosts that may connect, for example `https://app.example`. Default: none. */
  origins?: readonly string[] | undefined
  /** Accept clients of other machines without TLS: every host of the network is trusted. Default false. */
  insecure?: boolean | undefined
  /** How often the gateway pings a client, and after what silence the client is lost. Default: 5 and 15 seconds. */
  heartbeat?: HeartbeatOptions | undefined
  /** Receives diagnostics. Default: none. */
  logger?: Logger | undefined
}

/** The tunnels of a server of node:http or node:https. */
export interface AttachedTunnels {
  /** The open sessions, those without a connection included. */
  readonly sessions: number
  /** Ends all tunnels, and takes no further WebSockets. */
  close(): void
}

const NAMES: readonly string[] = [
  'tunnels',
  'path',
  'origins',
  'insecure',
  'heartbeat',
  'logger',
  'policy',
  'auth',
  'identify',
] satisfies (keyof AttachTunnelsOptions)[]

const PATH = /^\/[\x21-\x7e]*$/
/** The answers to the errors of a policy. Others are 500. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ['UNAUTHENTICATED', 401],
  ['PERMISSION_DENIED', 403],
  ['RESOURCE_EXHAUSTED', 429],
  ['UNAVAILABLE', 503],
])
const NOT_FOUND: Refusal = { status: 404, message: 'no WebSocket has this path' }
const PLAIN: Refusal = {
  status: 403,
  message:
    'the connection is not encrypted and leaves this machine; use https, or the option insecure of the server',
}
const FAILED: Refusal = { status: 500, message: 'the gateway failed' }

/**
 * Accepts tunnels over WebSockets at a server of node:http or node:https, which the program starts and closes itself.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function attachTunnels(server: Server | SecureServer, options: AttachTunnelsOptions): AttachedTunnels {
  // Programs pass an application of Fastify, an object, or of Express, a function.
  if (typeof server !== 'object' || typeof server?.listenerCount !== 'function')
    throw invalid('server', server, 'a server of node:http or node:https, such as app.server of Fastify')
  checkOptionNames(options, NAMES)
  const { tunnels: tunnelOptions, path = '/', origins, heartbeat, policy, auth, identify } = options
  if (typeof path !== 'string' || !PATH.test(path)) throw invalid('path', path, "a path such as '/tunnels'")
  const settings: Settings = {
    prefix: path.endsWith('/') ? path : `${path}/`,
    insecure: booleanOption('insecure', options.insecure),
    admission: new Admission({ policy, auth, identify }),
    logger: loggerOption(options.logger),
  }
  checkTunnelPolicy(settings.admission)
  const tunnels = new WebSocketTunnels(tunnelOptions, { origins, heartbeat, logger: settings.logger })
  const take = (request: Upgrade['request'], socket: Duplex, head: Buffer): void => {
    if (!request.url?.startsWith(settings.prefix)) {
      // Another listener takes it, if there is one.
      if (server.listenerCount('upgrade') === 1) refuse(socket, NOT_FOUND)
      return
    }
    void accept({ request, socket, head }, tunnels, settings)
  }
  server.on('upgrade', take)
  return {
    get sessions() {
      return tunnels.sessions
    },
    close: () => {
      server.off('upgrade', take)
      tunnels.close()
    },
  }
}

interface Settings {
  readonly prefix: string
  readonly insecure: boolean
  readonly admission: Admission
  readonly logger: Logger | undefined
}

/** Never rejects. */
function accept(upgrade: Upgrade, tunnels: WebSocketTunnels, settings: Settings): Promise<void> {
  const { socket, headers } = upgrade.request
  const { remoteAddress: address = '', localAddress = '' } = socket
  const certificate = verifiedCertificate(socket)
  return tunnels.acceptLater(upgrade, address, async (): Promise<CallClient | Refusal> => {
    if (!(socket instanceof TLSSocket) && !settings.insecure && !isLoopback(localAddress)) return PLAIN
    try {
      return await admitTunnel(settings.admission, { address, certificate, headers })
    } catch (error) {
      return refusalOfError(error, settings)
    }
  })
}

/** A client gets the reason of a policy or an authenticator, and not that of a failure of the program. */
function refusalOfError(error: unknown, { admission, logger }: Settings): Refusal {
  const status = isServiceError(error) ? STATUSES.get(error.status) : undefined
  if (!isServiceError(error) || status === undefined) {
    log(logger, 'tunnel.failed', () => ({ error }))
    return FAILED
  }
  const challenge = status === 401 ? admission.challenge : undefined
  const headers = challenge === undefined ? undefined : { 'www-authenticate': challenge }
  return { status, message: rawMessageOf(error), headers }
}
