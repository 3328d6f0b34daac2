import { isLoopback, parseHostAndPort } from '../../address/network-address.js'
import type { Logger } from '../../log/logger.js'
import {
  booleanOption,
  checkOptionNames,
  integer,
  invalid,
  loggerOption,
  misuse,
  unknownOption,
} from '../../options.js'
import { loginOption, type NatsLogin, type NatsLoginOptions } from './login.js'
import { Names } from './names.js'

/** The certificates of a connection, in PEM. */
export interface NatsTls {
  /** The authorities that sign the certificates of the servers. Default: those of Node. */
  readonly ca?: string | undefined
  /** With `key`, for servers that verify their clients: mutual TLS. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** TLS begins before the first message of the server, as with its option `handshake_first` (2.10.4). Default false. */
  readonly handshakeFirst?: boolean | undefined
}

/** The options of `jetStream`. */
export interface JetStreamOptions extends NatsLoginOptions {
  /** `'host:port'`, `'nats://host:port'` or `'tls://host:port'`; a cluster has several. 1 to 64. */
  servers: string | readonly string[]
  /** Requires TLS. Default: only for `tls://`. */
  tls?: NatsTls | boolean | undefined
  /** Accept servers beyond this machine without TLS, where every host on the way can read and change the messages. Default false. */
  insecure?: boolean | undefined
  /** The first word of all names on the server. Default `'shmwire'`. */
  prefix?: string | undefined
  /** The JetStream domain. Default: none. */
  domain?: string | undefined
  /** The servers that store each message: 1 to 5. Default 1. */
  replicas?: number | undefined
  /** Where the servers keep messages. `'memory'` does not survive a restart of the servers. Default `'file'`. */
  storage?: 'file' | 'memory' | undefined
  /**
   * A job runs again if its worker sends no sign of life for so long. It must exceed the longest stall of the worker's event loop.
   * 1,000 to 3,600,000. Default 30,000.
   */
  leaseMs?: number | undefined
  /** How long one answer of a server may take, in milliseconds: 100 to 600,000. Then the engine sends the message again. Default 5,000. */
  answerMs?: number | undefined
  /** The signs of life that servers send to idle consumers, in milliseconds: 500 to 30,000. After two missing ones, the consumer is made again. Default 5,000. */
  heartbeatMs?: number | undefined
  /** The wait between attempts to connect again, in milliseconds: 10 to 60,000. Up to half of it is added at random. Default 500. */
  reconnectWaitMs?: number | undefined
  /** Default: none. */
  logger?: Logger | undefined
}

/** The options with all defaults. */
export interface JetStreamSettings {
  /** `host:port`. */
  readonly servers: readonly string[]
  readonly tls: NatsTls | undefined
  /** Servers that others announce are used too. */
  readonly followsCluster: boolean
  readonly login: NatsLogin
  readonly names: Names
  readonly domain: string | undefined
  readonly replicas: number
  readonly storage: 'file' | 'memory'
  readonly leaseMs: number
  readonly answerMs: number
  readonly heartbeatMs: number
  readonly reconnectWaitMs: number
  readonly logger: Logger | undefined
}

const OPTION_NAMES = [
  'servers',
  'tls',
  'insecure',
  'prefix',
  'domain',
  'replicas',
  'storage',
  'leaseMs',
  'answerMs',
  'heartbeatMs',
  'reconnectWaitMs',
  'logger',
  'user',
  'password',
  'token',
  'nkeySeed',
  'credentialsFile',
] satisfies (keyof JetStreamOptions)[]
const TLS_NAMES = ['ca', 'cert', 'key', 'handshakeFirst'] satisfies (keyof NatsTls)[]

const SERVERS_MAX = 64
const DOMAIN = /^[A-Za-z0-9_-]{1,64}$/
const PORT_DEFAULT = 4222
/** The most that JetStream stores. */
const REPLICAS_MAX = 5

/** Throws `INVALID_ARGUMENT`. */
export function resolveJetStreamOptions(options: JetStreamOptions): JetStreamSettings {
  checkOptionNames(options, OPTION_NAMES)
  const { domain, storage = 'file' } = options
  if (domain !== undefined && (typeof domain !== 'string' || !DOMAIN.test(domain)))
    throw invalid('domain', domain, '1 to 64 characters from A-Z a-z 0-9 _ -')
  if (storage !== 'file' && storage !== 'memory') throw invalid('storage', storage, "'file' or 'memory'")
  const servers = serversOption(options.servers)
  const tls = tlsOption(options.tls, servers)
  const insecure = booleanOption('insecure', options.insecure)
  if (tls === undefined && !insecure) for (const server of servers) assertLoopback(server)
  return {
    servers: servers.map(({ place }) => place),
    tls,
    followsCluster: tls !== undefined || insecure,
    login: loginOption(options),
    names: new Names(options.prefix ?? 'shmwire'),
    domain,
    replicas: integer('replicas', options.replicas ?? 1, 1, REPLICAS_MAX),
    storage,
    leaseMs: integer('leaseMs', options.leaseMs ?? 30_000, 1_000, 3_600_000),
    answerMs: integer('answerMs', options.answerMs ?? 5_000, 100, 600_000),
    heartbeatMs: integer('heartbeatMs', options.heartbeatMs ?? 5_000, 500, 30_000),
    reconnectWaitMs: integer('reconnectWaitMs', options.reconnectWaitMs ?? 500, 10, 60_000),
    logger: loggerOption(options.logger),
  }
}

interface ServerPlace {
  readonly place: string
  readonly host: string
  readonly secure: boolean
}

function serversOption(value: unknown): ServerPlace[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0 || list.length > SERVERS_MAX)
    throw invalid('servers', `${list.length} servers`, `1 to ${SERVERS_MAX} servers`)
  return list.map(serverOption)
}

function serverOption(value: unknown): ServerPlace {
  const form = "'host:port', 'nats://host:port' or 'tls://host:port', without a user and a path"
  if (typeof value !== 'string') throw invalid('servers', value, form)
  const [, scheme, place = ''] = /^(?:(nats|tls):\/\/)?(.+)$/.exec(value) ?? []
  const parsed = parseHostAndPort(place) ?? parseHostAndPort(`${place}:${PORT_DEFAULT}`)
  // The address can contain a password, so the message does not quote it.
  if (parsed === undefined) throw misuse(`servers contains an address of another form than ${form}`)
  const host = parsed.host.includes(':') ? `[${parsed.host}]` : parsed.host
  return { place: `${host}:${parsed.port}`, host: parsed.host, secure: scheme === 'tls' }
}

function tlsOption(
  value: NatsTls | boolean | undefined,
  servers: readonly ServerPlace[],
): NatsTls | undefined {
  if (value !== undefined && typeof value !== 'boolean' && (typeof value !== 'object' || value === null))
    throw invalid('tls', value, 'true, false or an object with ca, cert and key')
  const secure = servers.find((server) => server.secure)
  if (value === false && secure !== undefined)
    throw misuse(`tls is false, and ${secure.place} is a tls:// address; remove one of them`)
  if (typeof value !== 'object') return value === true || secure !== undefined ? {} : undefined
  for (const name of Object.keys(value))
    if (!(TLS_NAMES as string[]).includes(name))
      throw unknownOption(
        `tls.${name}`,
        TLS_NAMES.map((each) => `tls.${each}`),
      )
  for (const name of ['ca', 'cert', 'key'] as const)
    if (value[name] !== undefined && typeof value[name] !== 'string')
      throw invalid(`tls.${name}`, value[name], 'a text in PEM')
  if ((value.cert === undefined) !== (value.key === undefined))
    throw misuse('tls needs cert and key together; pass both, or none')
  booleanOption('tls.handshakeFirst', value.handshakeFirst)
  return value
}

function assertLoopback({ host, place }: ServerPlace): void {
  if (isLoopback(host)) return
  throw misuse(
    `${place} is not on this machine, and every host on the way could read and change the messages; use tls, or pass insecure: true`,
  )
}
