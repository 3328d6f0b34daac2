import { checkOptionNames, integer, TIMEOUT_MS_MAX } from '../../options.js'
import { type ListenPlace, type ListenPlaceOptions, listenPlace } from '../listen-place.js'
import type { GatewayTunnelOptions } from '../tunnel/tunnel-admission.js'
import type { AttachTunnelsOptions } from '../ws/attach-tunnels.js'
import {
  REST_OPTION_NAMES,
  type RestGatewayOptions,
  type RestSettings,
  resolveRestOptions,
} from './rest-options.js'

/** The options of `createRestServer`. */
export interface RestServerOptions extends RestGatewayOptions, ListenPlaceOptions {
  /**
   * Accepts tunnels to local servers over WebSockets, from `connectTunnel` of `shmwire/ws`, at paths that begin with `/tunnels/`. The options
   * `policy`, `auth` and `identify` apply to them. Needs the package `ws`. Default: none.
   */
  tunnels?: GatewayTunnelOptions | undefined
  /** Connections at a time, half of them from one host; further ones are closed at once. 1 to 1,000,000. Default 1,000. */
  maxConnections?: number | undefined
  /** The request line and the headers of one request, in bytes. 1 KiB to 64 KiB. Default 16 KiB. */
  maxHeaderBytes?: number | undefined
  /** A client must have sent the headers of a request after so many milliseconds, from 100. Default 10,000. */
  headersTimeoutMs?: number | undefined
  /** A client must have sent a whole request after so many milliseconds, from 100. Default 60,000. */
  requestTimeoutMs?: number | undefined
  /** Connections without a request for so long end. In milliseconds, from 100. Default 60,000. */
  keepAliveMs?: number | undefined
}

/** The checked options. */
export interface ServerSettings extends ListenPlace {
  readonly listen: string
  readonly gateway: RestSettings
  /** Undefined: there are none. */
  readonly tunnels: AttachTunnelsOptions | undefined
  readonly maxConnections: number
  readonly maxHeaderBytes: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveMs: number
}

const SERVER_NAMES: readonly string[] = [
  'listen',
  'tls',
  'insecure',
  'tunnels',
  'maxConnections',
  'maxHeaderBytes',
  'headersTimeoutMs',
  'requestTimeoutMs',
  'keepAliveMs',
] satisfies (keyof RestServerOptions)[]

const TUNNELS_PATH = '/tunnels'
const KIB = 1024
const CONNECTIONS = 1_000
const CONNECTIONS_MAX = 1_000_000
const HEADER_BYTES = 16 * KIB
const HEADER_BYTES_MAX = 64 * KIB
const HEADERS_MS = 10_000
const REQUEST_MS = 60_000
const KEEP_ALIVE_MS = 60_000
const MS_MIN = 100

/** Checks the options and adds the defaults. Throws `INVALID_ARGUMENT`. */
export function resolveServerOptions(options: RestServerOptions): ServerSettings {
  checkOptionNames(options, [...REST_OPTION_NAMES, ...SERVER_NAMES])
  const own = Object.entries(options).filter(([name]) => !SERVER_NAMES.includes(name))
  const gateway = Object.fromEntries(own) as unknown as RestGatewayOptions
  return {
    ...listenPlace(options),
    listen: options.listen,
    gateway: resolveRestOptions(gateway, options.tunnels !== undefined),
    tunnels: tunnelsOption(options),
    maxConnections: integer('maxConnections', options.maxConnections ?? CONNECTIONS, 1, CONNECTIONS_MAX),
    maxHeaderBytes: integer('maxHeaderBytes', options.maxHeaderBytes ?? HEADER_BYTES, KIB, HEADER_BYTES_MAX),
    headersTimeoutMs: time('headersTimeoutMs', options.headersTimeoutMs ?? HEADERS_MS),
    requestTimeoutMs: time('requestTimeoutMs', options.requestTimeoutMs ?? REQUEST_MS),
    keepAliveMs: time('keepAliveMs', options.keepAliveMs ?? KEEP_ALIVE_MS),
  }
}

function tunnelsOption(options: RestServerOptions): AttachTunnelsOptions | undefined {
  const { tunnels, policy, auth, identify, insecure, logger } = options
  return tunnels && { tunnels, path: TUNNELS_PATH, policy, auth, identify, insecure, logger }
}

function time(name: string, value: unknown): number {
  return integer(name, value, MS_MIN, TIMEOUT_MS_MAX)
}
