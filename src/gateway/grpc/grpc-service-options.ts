import { createSecureContext, type PeerCertificate, type SecureContextOptions } from 'node:tls'
import { type ChannelCredentials, credentials, type ClientOptions as GrpcOptions } from '@grpc/grpc-js'
import { isLoopback, parseHostAndPort } from '../../address/network-address.js'
import { withTlsOptions } from '../../control/tls-options.js'
import {
  booleanOption,
  checkOptionNames,
  integer,
  invalid,
  MESSAGE_BYTES_MAX,
  misuse,
  TIMEOUT_MS_MAX,
} from '../../options.js'
import { Metadata, type MetadataInit } from '../../service/call/metadata.js'
import { checkCallerOptions } from '../../service/caller-options.js'
import type { ClientOptions } from '../../service/client.js'
import { type TokenSource, Tokens } from '../tokens.js'
import type { PoolSettings } from './connection-pool.js'
import type { GrpcCallSettings } from './grpc-client-call.js'

/** The options of node:tls that `grpcService` takes. The certificate of the server is always verified. */
export interface GrpcTlsOptions extends Pick<SecureContextOptions, SecureContextName> {
  /** The name in the certificate of the server. Default: the host of the address. */
  servername?: string | undefined
  /** Checks the names in a certificate that is trusted, in place of node:tls. */
  checkServerIdentity?: ((host: string, certificate: PeerCertificate) => Error | undefined) | undefined
}

type SecureContextName = (typeof SECURE_CONTEXT_NAMES)[number]

/** The checks of `grpcService`, which notice a server that is gone without a sign, as after a power failure. */
export interface GrpcKeepAliveOptions {
  /** The time between two pings during calls, in milliseconds, from 1,000. Infinity: no pings. Default 300,000. */
  intervalMs?: number | undefined
  /**
   * The server is gone if it does not answer for so long, in milliseconds, from 1,000: a ping, or a health check after a call that got no
   * answer within its time. Default 20,000.
   */
  timeoutMs?: number | undefined
}

/** The options of `grpcService`. */
export interface GrpcServiceOptions extends Omit<ClientOptions, 'name' | 'channel'> {
  /**
   * Encrypts the connection. `{}`: a public authority has signed the certificate of the server. Else `ca` is the certificate of its
   * authority, and `cert` and `key` are those of this client. Default: plain text, which is refused beyond this machine.
   */
  tls?: GrpcTlsOptions | undefined
  /** Accepts plain text beyond this machine, where every host on the way can read and change messages and tokens. Default false. */
  insecure?: boolean | undefined
  /** Sent as `authorization: Bearer …`. A function is called for each call. Default: none. */
  token?: TokenSource | undefined
  /** Headers of each call; those of the call itself replace them. Default: none. */
  metadata?: MetadataInit | undefined
  /** The connections that share the calls. 1 to 64. Default 1, which carries as many calls at a time as the server allows. */
  connections?: number | undefined
  /** The longest message in each direction, in bytes. 1 to 1 GiB. Default 4 MiB. */
  maxMessageBytes?: number | undefined
  keepAlive?: GrpcKeepAliveOptions | undefined
}

interface GrpcKeepAlive {
  readonly intervalMs: number
  readonly timeoutMs: number
}

/** The checked options that are not those of every client. */
export interface GrpcServiceSettings {
  readonly credentials: ChannelCredentials
  readonly grpc: GrpcOptions
  readonly pool: PoolSettings
  readonly calls: GrpcCallSettings
}

const OPTION_NAMES: readonly string[] = [
  'timeoutMs',
  'interceptors',
  'waitForServer',
  'whenUnavailable',
  'retries',
  'signal',
  'tls',
  'insecure',
  'token',
  'metadata',
  'connections',
  'maxMessageBytes',
  'keepAlive',
] satisfies (keyof GrpcServiceOptions)[]
const SECURE_CONTEXT_NAMES = [
  'ca',
  'cert',
  'key',
  'pfx',
  'passphrase',
  'crl',
  'ciphers',
  'ecdhCurve',
  'sigalgs',
  'minVersion',
  'maxVersion',
  'secureOptions',
  'allowPartialTrustChain',
] as const satisfies (keyof SecureContextOptions)[]
const TLS_NAMES: readonly string[] = [
  ...SECURE_CONTEXT_NAMES,
  'servername',
  'checkServerIdentity',
] satisfies (keyof GrpcTlsOptions)[]
const KEEP_ALIVE_NAMES: readonly string[] = [
  'intervalMs',
  'timeoutMs',
] satisfies (keyof GrpcKeepAliveOptions)[]

const CONNECTIONS_MAX = 64
const MESSAGE_BYTES = 4 * 1024 * 1024
/** Servers of gRPC end connections with more pings without data, unless they are configured for them. */
const KEEP_ALIVE_MS = 300_000
const KEEP_ALIVE_TIMEOUT_MS = 20_000
const KEEP_ALIVE_MS_MIN = 1_000
const RECONNECT_MS_MIN = 100
/** A server that is back is found within this time: that of grpc-js is two minutes. */
const RECONNECT_MS_MAX = 5_000

/** Checks the options and adds the defaults. Throws `INVALID_ARGUMENT`. */
export function resolveGrpcServiceOptions(address: string, options: GrpcServiceOptions): GrpcServiceSettings {
  checkOptionNames(options, OPTION_NAMES)
  checkCallerOptions(options)
  const { connections = 1, maxMessageBytes = MESSAGE_BYTES, tls, token } = options
  const host = hostOf(address)
  if (!booleanOption('insecure', options.insecure) && tls === undefined && !isLoopback(host))
    throw misuse(
      `${address} would not be encrypted and leaves this machine; pass the option tls, which can be {}, or insecure: true if every host of the network is trusted`,
    )
  const keepAlive = keepAliveOf(options)
  return {
    credentials: tls === undefined ? credentials.createInsecure() : tlsCredentials(address, tls),
    grpc: {
      ...grpcOptions(host, keepAlive),
      'grpc.max_receive_message_length': integer('maxMessageBytes', maxMessageBytes, 1, MESSAGE_BYTES_MAX),
      ...(tls?.servername === undefined ? {} : { 'grpc.ssl_target_name_override': tls.servername }),
    },
    pool: {
      count: integer('connections', connections, 1, CONNECTIONS_MAX),
      silenceMs: keepAlive.timeoutMs,
    },
    calls: {
      target: address,
      metadata: new Metadata(options.metadata),
      tokens: token === undefined ? undefined : new Tokens(token),
      waits: options.whenUnavailable === 'wait',
      maxMessageBytes,
    },
  }
}

function hostOf(address: string): string {
  const place = typeof address === 'string' ? parseHostAndPort(address) : undefined
  if (place !== undefined && place.port > 0) return place.host
  throw invalid(
    'address',
    address,
    "a host, a colon and a port from 1 to 65535, as in 'api.example.com:443' or '[::1]:50051'",
  )
}

function tlsCredentials(address: string, tls: GrpcTlsOptions): ChannelCredentials {
  checkOptionNames(tls, TLS_NAMES, 'tls')
  const { servername, checkServerIdentity, ...context } = tls
  if (servername !== undefined && (typeof servername !== 'string' || servername === ''))
    throw invalid('tls.servername', servername, 'the name of a host')
  if (checkServerIdentity !== undefined && typeof checkServerIdentity !== 'function')
    throw invalid('tls.checkServerIdentity', checkServerIdentity, 'a function')
  return withTlsOptions(address, () =>
    credentials.createFromSecureContext(
      createSecureContext(context),
      checkServerIdentity === undefined ? {} : { checkServerIdentity },
    ),
  )
}

function keepAliveOf({ keepAlive = {} }: GrpcServiceOptions): GrpcKeepAlive {
  checkOptionNames(keepAlive, KEEP_ALIVE_NAMES, 'keepAlive')
  const { intervalMs = KEEP_ALIVE_MS, timeoutMs = KEEP_ALIVE_TIMEOUT_MS } = keepAlive
  const checked = (name: string, value: number): number =>
    integer(`keepAlive.${name}`, value, KEEP_ALIVE_MS_MIN, TIMEOUT_MS_MAX)
  return {
    intervalMs: intervalMs === Number.POSITIVE_INFINITY ? intervalMs : checked('intervalMs', intervalMs),
    timeoutMs: checked('timeoutMs', timeoutMs),
  }
}

function grpcOptions(host: string, { intervalMs, timeoutMs }: GrpcKeepAlive): GrpcOptions {
  return {
    // Caller repeats calls, within a budget and only if each attempt runs at most once.
    'grpc.enable_retries': 0,
    // Messages for retries of grpc-js are not kept, so that a stream waits for the server, not for this buffer.
    'grpc.per_rpc_retry_buffer_size': 0,
    // A record in DNS must not change timeouts and retries.
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_channelz': 0,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS_MIN,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
    'grpc.dns_min_time_between_resolutions_ms': RECONNECT_MS_MAX,
    // The variables https_proxy and http_proxy must not send calls within this machine elsewhere.
    ...(isLoopback(host) ? { 'grpc.enable_http_proxy': 0 } : {}),
    ...(intervalMs === Number.POSITIVE_INFINITY
      ? {}
      : { 'grpc.keepalive_time_ms': intervalMs, 'grpc.keepalive_timeout_ms': timeoutMs }),
  }
}
