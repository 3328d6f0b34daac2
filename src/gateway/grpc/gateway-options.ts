import type { Logger } from '../../log/logger.js'
import { gatewayRequests } from '../../observe/diagnostics-channels.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import {
  booleanOption,
  checkOptionNames,
  integer,
  invalid,
  loggerOption,
  MESSAGE_BYTES_MAX,
  misuse,
  TIMEOUT_MS_MAX,
} from '../../options.js'
import { checkCallerOptions } from '../../service/caller-options.js'
import type { Contract } from '../../service/contract/contract.js'
import type { Interceptor } from '../../service/interceptors.js'
import type { ProtoContract } from '../../service/proto/proto-contract.js'
import { Admission, type AdmissionOptions } from '../admission.js'
import { type ListenPlaceOptions, listenPlace } from '../listen-place.js'
import { type RateLimitOptions, RateLimits } from '../rate-limits.js'
import { checkedServices, type GatewayService, isProtoContract } from '../services.js'
import { TUNNEL_SERVICE } from '../tunnel/admit-tunnel.js'
import type { GatewayTunnelOptions } from '../tunnel/tunnel-admission.js'
import { GatewayTunnels } from './gateway-tunnels.js'
import { metadataFilter } from './http-headers.js'
import type { ListenerSettings } from './http2-listener.js'
import { HEALTH } from './own-descriptors.js'
import type { CallSettings } from './server-call.js'

/** The options of `grpcGateway`. */
export interface GrpcGatewayOptions extends AdmissionOptions, ListenPlaceOptions {
  /** The services that its clients can call. At least one, unless there are `tunnels`. */
  services?: readonly GatewayService[] | undefined
  /** Accepts tunnels to local servers from `connectTunnel`. Default: none. */
  tunnels?: GatewayTunnelOptions | undefined
  /** Describes the services to clients such as `grpcurl` and `buf curl`. Default false. */
  reflection?: boolean | undefined
  /** Compresses answers with gzip for clients that accept it, if a message has 1 KiB or more. Compressed requests are always read. Default false. */
  compression?: boolean | undefined
  /**
   * The metadata that passes in both directions: names, or prefixes with a star, such as `'x-app-*'`. Default: all names except the
   * credentials `authorization`, `cookie`, `proxy-authenticate`, `proxy-authorization`, `set-cookie` and `www-authenticate`, and the headers of `auth`,
   * which pass only by their own names.
   */
  metadata?: readonly string[] | undefined
  /** Run for each call before it passes to its service, the first one outermost. Messages are bytes. */
  interceptors?: readonly Interceptor[] | undefined
  /** The longest message of a client, in bytes, also after decompression. 1 to 1 GiB. Default 4 MiB. */
  maxMessageBytes?: number | undefined
  /** Open calls of one connection. 1 to 10,000. Default 100. */
  maxStreams?: number | undefined
  /** Connections at a time, half of them from one host; further ones are closed at once. 1 to 1,000,000. Default 1,000. */
  maxConnections?: number | undefined
  /** The headers of one call, in bytes, with 32 for each; HTTP/2 calls this SETTINGS_MAX_HEADER_LIST_SIZE. 1 KiB to 64 KiB. Default 16 KiB. */
  maxHeaderBytes?: number | undefined
  /**
   * Connections that are older end when their calls have ended, so that clients spread over new gateways. Varies by a tenth. In
   * milliseconds, from 1,000; Infinity: no limit. Default Infinity.
   */
  maxConnectionAgeMs?: number | undefined
  /** Connections without a call for so long end. In milliseconds, from 1,000; Infinity: no limit. Default 300,000. */
  maxConnectionIdleMs?: number | undefined
  /**
   * Limits the calls of each identity, and of each address of a socket. A call over the limit ends with RESOURCE_EXHAUSTED before the service
   * has it. Health checks and the streams of tunnels do not count. Default: no limit.
   */
  rateLimit?: RateLimitOptions | undefined
  /** How the gateway notices clients that are gone. */
  keepAlive?: GatewayKeepAliveOptions | undefined
  /** Receives one line for each refused client and each fault. Default: none. `NODE_DEBUG=shmwire` writes the same lines to stderr. */
  logger?: Logger | undefined
  /** Ends the start of the gateway. */
  signal?: AbortSignal | undefined
}

/** The pings that a gateway sends to its clients. */
export interface GatewayKeepAliveOptions {
  /** The time between an answer and the next ping, in milliseconds, from 100. Infinity: no pings. Default 60,000. */
  intervalMs?: number | undefined
  /** A client that does not answer for so long is gone, in milliseconds, from 100. Default 20,000. */
  timeoutMs?: number | undefined
}

/** The checked options. */
export interface GatewaySettings extends ListenerSettings, CallSettings {
  readonly admission: Admission
  readonly rateLimits: RateLimits | undefined
  readonly services: readonly (GatewayService & { readonly contract: ProtoContract })[]
  readonly tunnels: GatewayTunnels | undefined
  readonly interceptors: readonly Interceptor[]
  readonly reflection: boolean
  readonly signal: AbortSignal | undefined
}

const OPTION_NAMES: readonly string[] = [
  'services',
  'tunnels',
  'listen',
  'tls',
  'insecure',
  'reflection',
  'compression',
  'metadata',
  'interceptors',
  'policy',
  'auth',
  'identify',
  'maxMessageBytes',
  'maxStreams',
  'maxConnections',
  'maxHeaderBytes',
  'maxConnectionAgeMs',
  'maxConnectionIdleMs',
  'rateLimit',
  'keepAlive',
  'logger',
  'signal',
] satisfies (keyof GrpcGatewayOptions)[]
const KEEP_ALIVE_NAMES: readonly string[] = [
  'intervalMs',
  'timeoutMs',
] satisfies (keyof GatewayKeepAliveOptions)[]

/** The gateway answers them itself. */
const OWN_SERVICES: ReadonlySet<string> = new Set([
  HEALTH,
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
  TUNNEL_SERVICE,
])

const KIB = 1024
const MESSAGE_BYTES = 4 * KIB * KIB
const STREAMS = 100
const STREAMS_MAX = 10_000
const CONNECTIONS = 1_000
const CONNECTIONS_MAX = 1_000_000
const HEADER_BYTES = 16 * KIB
const HEADER_BYTES_MAX = 64 * KIB
const IDLE_MS = 300_000
const KEEP_ALIVE_MS = 60_000
const KEEP_ALIVE_TIMEOUT_MS = 20_000
const KEEP_ALIVE_MS_MIN = 100
const CONNECTION_MS_MIN = 1_000

/** Checks the options and adds the defaults. Throws `INVALID_ARGUMENT`. */
export function resolveGatewayOptions(options: GrpcGatewayOptions): GatewaySettings {
  checkOptionNames(options, OPTION_NAMES)
  const { services = [], tunnels, keepAlive = {}, interceptors, signal } = options
  if (Array.isArray(services) && services.length === 0 && tunnels === undefined)
    throw misuse('the gateway has nothing to pass on; pass services, or tunnels')
  checkOptionNames(keepAlive, KEEP_ALIVE_NAMES, 'keepAlive')
  checkCallerOptions({ interceptors, signal })
  const logger = loggerOption(options.logger)
  const admission = new Admission(options)
  const { maxConnectionAgeMs = Number.POSITIVE_INFINITY, maxConnectionIdleMs = IDLE_MS } = options
  return {
    ...listenPlace(options),
    admission,
    rateLimits: options.rateLimit === undefined ? undefined : new RateLimits(options.rateLimit),
    services: checkedServices(services, admission, checkContract) as GatewaySettings['services'],
    tunnels: tunnels === undefined ? undefined : new GatewayTunnels(tunnels, admission, logger),
    interceptors: interceptors ?? [],
    reflection: booleanOption('reflection', options.reflection),
    compression: booleanOption('compression', options.compression),
    passes: metadataFilter(options.metadata, admission.secretHeaders),
    correlates: () => logger !== undefined || isTraced(gatewayRequests),
    maxMessageBytes: integer(
      'maxMessageBytes',
      options.maxMessageBytes ?? MESSAGE_BYTES,
      1,
      MESSAGE_BYTES_MAX,
    ),
    maxStreams: integer('maxStreams', options.maxStreams ?? STREAMS, 1, STREAMS_MAX),
    maxConnections: integer('maxConnections', options.maxConnections ?? CONNECTIONS, 1, CONNECTIONS_MAX),
    maxHeaderBytes: integer('maxHeaderBytes', options.maxHeaderBytes ?? HEADER_BYTES, KIB, HEADER_BYTES_MAX),
    maxAgeMs: time('maxConnectionAgeMs', maxConnectionAgeMs, CONNECTION_MS_MIN),
    maxIdleMs: time('maxConnectionIdleMs', maxConnectionIdleMs, CONNECTION_MS_MIN),
    keepAliveMs: time('keepAlive.intervalMs', keepAlive.intervalMs ?? KEEP_ALIVE_MS, KEEP_ALIVE_MS_MIN),
    keepAliveTimeoutMs: time(
      'keepAlive.timeoutMs',
      keepAlive.timeoutMs ?? KEEP_ALIVE_TIMEOUT_MS,
      KEEP_ALIVE_MS_MIN,
    ),
    logger,
    signal,
  }
}

function checkContract(contract: Contract, place: string): void {
  if (!isProtoContract(contract))
    throw misuse(
      `${place}.contract, ${contract.name}, does not come from a .proto file, so its fields have no numbers; use protoContract or loadContracts of shmwire/proto`,
    )
  if (OWN_SERVICES.has(contract.name))
    throw misuse(`${place} is ${contract.name}, which the gateway answers itself`)
}

function time(name: string, value: unknown, min: number): number {
  if (
    typeof value === 'number' &&
    value >= min &&
    (value <= TIMEOUT_MS_MAX || value === Number.POSITIVE_INFINITY)
  )
    return value
  throw invalid(name, value, `a number of milliseconds from ${min} to ${TIMEOUT_MS_MAX}, or Infinity`)
}
