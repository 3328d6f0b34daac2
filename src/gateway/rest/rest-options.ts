import type { Logger } from '../../log/logger.js'
import {
  booleanOption,
  checkOptionNames,
  integer,
  invalid,
  loggerOption,
  misuse,
  TIMEOUT_MS_MAX,
} from '../../options.js'
import type { Identity } from '../../peer.js'
import type { Policy } from '../../service/auth/policy.js'
import { checkCallerOptions } from '../../service/caller-options.js'
import type { Contract, Method } from '../../service/contract/contract.js'
import type { Interceptor } from '../../service/interceptors.js'
import { Admission, type AdmissionOptions } from '../admission.js'
import { TrustedProxies } from '../client-address.js'
import { type RateLimitOptions, RateLimits } from '../rate-limits.js'
import { checkedServices, type GatewayService } from '../services.js'
import { type CacheOptions, CacheRules } from './cache-rules.js'
import type { ErrorForm } from './error-answer.js'
import { HeaderRules } from './header-rules.js'
import { IdempotencyKeys, type IdempotencyOptions } from './idempotency.js'
import { checkOpenApiOptions, type OpenApiOptions } from './openapi/openapi-options.js'

/** The options of `restGateway`. */
export interface RestGatewayOptions extends AdmissionOptions {
  /** The services that its clients can call. */
  services: readonly GatewayService[]
  /**
   * The form of errors: `'envelope'` is `{ error: { code, message, details } }`, also for clients that do not accept another form; `'problem'` is
   * RFC 9457. Clients that accept `application/problem+json` get it in any case. Default `'envelope'`.
   */
  errors?: ErrorForm | undefined
  /** Wraps each answer: `{ data, meta: { timestamp, version } }`. An object states the version; true is `'1.0'`. Default false. */
  envelope?: boolean | EnvelopeOptions | undefined
  /** Ignores parameters of a query and fields of a `.proto` message that the request does not have. Default false: the error 400. */
  ignoreUnknown?: boolean | undefined
  /**
   * Further headers that pass to the services, and from their answers to the clients: names, or prefixes with a star, such as `'x-app-*'`, which
   * do not include credentials. Default: none. `x-correlation-id`, `traceparent`, `tracestate` and `baggage` always pass.
   */
  metadata?: readonly string[] | undefined
  /** Run for each call before it passes to its service, the first one outermost. */
  interceptors?: readonly Interceptor[] | undefined
  /** The longest time of a call that is not a stream, in milliseconds, unless its service has another one. Infinity: no limit. Default 30,000. */
  timeoutMs?: number | undefined
  /** The longest body of a request, in bytes. 1 to 1 GiB. Default 1 MiB. */
  maxBodyBytes?: number | undefined
  /** The header `cache-control` of answers to GET, by method or pattern. Default: `private, no-cache` for all, and an `etag`. */
  cache?: CacheOptions | undefined
  /** Compresses answers that are not streams with brotli or gzip for clients that accept it, if they have 1 KiB or more. Default false. */
  compression?: boolean | undefined
  /** The requests that need the header `idempotency-key`, and how long their answers are kept. Default: no request needs one. */
  idempotency?: IdempotencyOptions | undefined
  /** Limits the requests of each identity and each address. Default: no limits. */
  rateLimit?: RateLimitOptions | undefined
  /**
   * Addresses and subnets of proxies, whose header `x-forwarded-for` states the address of the client. Default: none, the header is not read.
   */
  trustedProxies?: readonly string[] | undefined
  /** Open streams; a further one is refused with 503. 1 to 1,000,000. Default 1,000. */
  maxStreams?: number | undefined
  /** The time between two comments of a stream of server-sent events, in milliseconds, from 1,000. Infinity: no comments. Default 15,000. */
  heartbeatMs?: number | undefined
  /** A reply ends when its client has read nothing of it for so long, in milliseconds, from 1,000. Infinity: no limit. Default 60,000. */
  stallMs?: number | undefined
  /** Further checks of `/health`, by name. A check fails if it throws or rejects, or takes longer than a second. Default: none. */
  checks?: Readonly<Record<string, HealthCheck>> | undefined
  /** Answers `GET /health` and `GET /ready`, for everyone. Default true. */
  health?: boolean | undefined
  /**
   * Answers `GET /metrics` with the counters of this process in the text format of Prometheus, for the clients for which this function returns
   * true at once: `({ identity, address }) => identity?.roles?.includes('monitor') === true`. Default: there is no such path.
   */
  metrics?: MetricsAccess | undefined
  /** Answers `GET /openapi.json` and `GET /openapi.yaml`, for everyone, with a document of the routes. Default: there is none. */
  openapi?: OpenApiOptions | undefined
  /**
   * Answers `GET /docs`, for everyone, with a page that shows the OpenAPI document and sends requests. It is Swagger UI, from the package
   * `swagger-ui-dist` (version 5), and loads nothing from other hosts. Default false.
   */
  page?: boolean | undefined
  /** Receives one line for each fault. Default: none. `NODE_DEBUG=shmwire` writes the same lines to stderr. */
  logger?: Logger | undefined
  /** Ends the start of the gateway. */
  signal?: AbortSignal | undefined
}

/** The envelope of answers. */
export interface EnvelopeOptions {
  /** The version in `meta`. */
  readonly version: string
}

/** A client that asks for the metrics of the gateway's process. */
export interface MetricsClient {
  /** Undefined: `auth` and `identify` have found none. */
  readonly identity: Identity | undefined
  /** The IP address. */
  readonly address: string
}

/** Decides who gets the metrics: exactly true, at once. */
export type MetricsAccess = (client: MetricsClient) => boolean

/** A check of `/health`. */
export type HealthCheck = (signal: AbortSignal) => unknown

/** The checked options. */
export interface RestSettings {
  readonly admission: Admission
  readonly services: readonly GatewayService[]
  readonly errors: ErrorForm
  /** The version of the envelope of answers. Undefined: they have none. */
  readonly version: string | undefined
  readonly ignoreUnknown: boolean
  readonly headers: HeaderRules
  readonly interceptors: readonly Interceptor[]
  readonly timeoutMs: number
  readonly maxBodyBytes: number
  readonly cache: CacheRules
  readonly compression: boolean
  readonly idempotency: IdempotencyKeys
  readonly rates: RateLimits | undefined
  readonly proxies: TrustedProxies
  readonly maxStreams: number
  readonly heartbeatMs: number
  readonly stallMs: number
  readonly checks: ReadonlyMap<string, HealthCheck>
  readonly health: boolean
  /** Undefined: the gateway has no metrics. */
  readonly metrics: MetricsAccess | undefined
  readonly policy: Policy | undefined
  /** Undefined: the gateway does not serve it. */
  readonly openapi: OpenApiOptions | undefined
  readonly page: boolean
  readonly logger: Logger | undefined
  readonly signal: AbortSignal | undefined
}

/** The names of the options. */
export const REST_OPTION_NAMES: readonly string[] = [
  'services',
  'auth',
  'policy',
  'identify',
  'errors',
  'envelope',
  'ignoreUnknown',
  'metadata',
  'interceptors',
  'timeoutMs',
  'maxBodyBytes',
  'cache',
  'compression',
  'idempotency',
  'rateLimit',
  'trustedProxies',
  'maxStreams',
  'heartbeatMs',
  'stallMs',
  'checks',
  'health',
  'metrics',
  'openapi',
  'page',
  'logger',
  'signal',
] satisfies (keyof RestGatewayOptions)[]
/** Those of `app.register`, which Fastify passes to the plugin too. */
const REGISTER_NAMES = ['prefix', 'logLevel', 'logSerializers']

const SAFE_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS']
const MIB = 1024 * 1024
const BODY_BYTES_MAX = 1024 * MIB
const TIMEOUT_MS = 30_000
const STREAMS = 1_000
const STREAMS_MAX = 1_000_000
const HEARTBEAT_MS = 15_000
const STALL_MS = 60_000
const MS_MIN = 1_000
const VERSION = '1.0'

/**
 * Checks the options and adds the defaults. `hasTunnels`: a gateway without services has something to pass on. Throws `INVALID_ARGUMENT`.
 */
export function resolveRestOptions(options: RestGatewayOptions, hasTunnels = false): RestSettings {
  checkOptionNames(options, [...REST_OPTION_NAMES, ...REGISTER_NAMES])
  const { interceptors = [], signal, timeoutMs = TIMEOUT_MS, errors = 'envelope' } = options
  checkCallerOptions({ interceptors, signal, timeoutMs })
  if (errors !== 'envelope' && errors !== 'problem')
    throw invalid('errors', errors, 'one of envelope, problem')
  const admission = new Admission(options)
  const logger = loggerOption(options.logger)
  const services = checkedServices(options.services, admission, checkContract)
  if (services.length === 0 && !hasTunnels) throw misuse('the gateway has nothing to pass on; pass services')
  const settings = {
    admission,
    services,
    errors,
    version: versionOption(options.envelope),
    ignoreUnknown: booleanOption('ignoreUnknown', options.ignoreUnknown),
    headers: new HeaderRules(options.metadata, admission.secretHeaders),
    interceptors,
    timeoutMs,
    maxBodyBytes: integer('maxBodyBytes', options.maxBodyBytes ?? MIB, 1, BODY_BYTES_MAX),
    cache: new CacheRules(options.cache),
    compression: booleanOption('compression', options.compression),
    idempotency: new IdempotencyKeys(options.idempotency, logger),
    rates: options.rateLimit === undefined ? undefined : new RateLimits(options.rateLimit),
    proxies: new TrustedProxies(options.trustedProxies),
    maxStreams: integer('maxStreams', options.maxStreams ?? STREAMS, 1, STREAMS_MAX),
    heartbeatMs: time('heartbeatMs', options.heartbeatMs ?? HEARTBEAT_MS),
    stallMs: time('stallMs', options.stallMs ?? STALL_MS),
    checks: checksOption(options.checks),
    health: booleanOption('health', options.health ?? true),
    metrics: metricsOption(options.metrics),
    policy: options.policy,
    openapi: options.openapi,
    page: booleanOption('page', options.page),
    logger,
    signal,
  }
  checkMethodNames(settings)
  if (settings.openapi !== undefined) checkOpenApiOptions(settings.openapi)
  else if (settings.page) throw misuse('page shows the OpenAPI document; pass openapi too')
  return settings
}

/** Throws `INVALID_ARGUMENT` for options of methods that no request can call. */
function checkMethodNames({ services, cache, idempotency }: RestSettings): void {
  const namesOf = (matches: (method: Method) => boolean): string[] =>
    services.flatMap(({ contract }) =>
      Object.entries(contract.methods)
        .filter(([, method]) => matches(method))
        .map(([name]) => `${contract.name}/${name}`),
    )
  cache.checkMethods(namesOf(({ http }) => http.some(({ method }) => method === 'GET')))
  idempotency.checkMethods(
    namesOf(
      ({ kind, http }) => kind === 'unary' && http.some(({ method }) => !SAFE_METHODS.includes(method)),
    ),
  )
}

/** A request of HTTP/1.1 has one body, and its answer follows it. */
function checkContract({ name, methods }: Contract, place: string): void {
  for (const [method, { kind, http }] of Object.entries(methods))
    if (http.length > 0 && (kind === 'clientStream' || kind === 'bidi'))
      throw misuse(
        `${place}.contract: ${name}.${method} has an HTTP route, and is a stream of the caller, which REST does not have; remove the route, and use gRPC or a channel`,
      )
}

function versionOption(envelope: unknown = false): string | undefined {
  if (typeof envelope === 'boolean') return envelope ? VERSION : undefined
  const { version } = (envelope ?? {}) as { version?: unknown }
  if (typeof version === 'string') return version
  throw invalid('envelope', envelope, 'true, false, or an object with version, a string')
}

function metricsOption(metrics: unknown): MetricsAccess | undefined {
  if (metrics === undefined || typeof metrics === 'function') return metrics as MetricsAccess | undefined
  throw invalid('metrics', metrics, 'a function that decides who gets the metrics')
}

function checksOption(checks: unknown = {}): ReadonlyMap<string, HealthCheck> {
  if (typeof checks !== 'object' || checks === null)
    throw invalid('checks', checks, 'an object with functions')
  for (const [name, check] of Object.entries(checks))
    if (typeof check !== 'function') throw invalid(`checks.${name}`, check, 'a function')
  return new Map(Object.entries(checks))
}

function time(name: string, value: unknown): number {
  const isTime = typeof value === 'number' && value >= MS_MIN
  if (isTime && (value <= TIMEOUT_MS_MAX || value === Number.POSITIVE_INFINITY)) return value
  throw invalid(name, value, `a number of milliseconds from ${MS_MIN} to ${TIMEOUT_MS_MAX}, or Infinity`)
}
