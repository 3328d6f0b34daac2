import { ErrorCode, ShmwireError } from '../../errors.js'
import { log } from '../../log/log.js'
import { textOfThrown } from '../../uncaught.js'
import { faultOf, isSilence } from './faults.js'
import type { JetStreamSettings, NatsTls } from './options.js'
import { loadNatsPackages, type NatsPackages } from './packages.js'
import { retrying } from './retrying.js'

type Transport = NatsPackages['transport']
type ConnectOptions = NonNullable<Parameters<Transport['connect']>[0]>
export type NatsConnection = Awaited<ReturnType<Transport['connect']>>
export type NatsSubscription = ReturnType<NatsConnection['subscribe']>
export type Msg = Awaited<ReturnType<NatsConnection['request']>>
export type MsgHdrs = NonNullable<Msg['headers']>
type JetStreamModule = NatsPackages['jetstream']
export type JetStreamClient = ReturnType<JetStreamModule['jetstream']>
export type JetStreamManager = Awaited<ReturnType<JetStreamModule['jetstreamManager']>>

/** A part of the engine that must know when the connection ends or comes back. */
export interface ConnectionUser {
  /** There is a connection again. Messages of the servers may be lost meanwhile. */
  onReconnect(): void
  /** Undefined: the engine was closed. */
  onClose(error: ShmwireError | undefined): void
}

/** One connection of the client of NATS, which connects again by itself. */
/** A URL of a server can have a user and a password. */
function hostOf(server: string): string {
  return server.slice(server.lastIndexOf('@') + 1)
}

export class EngineConnection {
  readonly settings: JetStreamSettings
  readonly packages: NatsPackages
  readonly nats: NatsConnection
  readonly client: JetStreamClient
  readonly manager: JetStreamManager
  readonly #users = new Set<ConnectionUser>()
  #closing = false
  #isConnected = true
  #maxPayloadBytes = 0

  private constructor(
    settings: JetStreamSettings,
    packages: NatsPackages,
    nats: NatsConnection,
    manager: JetStreamManager,
  ) {
    this.settings = settings
    this.packages = packages
    this.nats = nats
    this.manager = manager
    this.client = manager.jetstream()
    void this.#watchStatus()
    void this.#watchEnd()
  }

  /** Rejects with `NOT_LISTENING`, `DENIED`, `UNAVAILABLE`, `INVALID_ARGUMENT`. */
  static async open(settings: JetStreamSettings): Promise<EngineConnection> {
    const packages = await loadNatsPackages()
    const what = `the NATS servers ${settings.servers.join(', ')}`
    const nats = await connect(settings, packages, what)
    try {
      const { domain, answerMs } = settings
      const options = { timeout: answerMs, ...(domain === undefined ? {} : { domain }) }
      // Without a leader, a cluster does not answer. A server without JetStream refuses at once.
      const manager = await retrying(() => packages.jetstream.jetstreamManager(nats, options), isSilence)
      return new EngineConnection(settings, packages, nats, manager)
    } catch (error) {
      await nats.close()
      throw faultOf(error, what)
    }
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** The longest message of the server, with its headers. */
  get maxPayloadBytes(): number {
    // The client has no info while it connects again.
    this.#maxPayloadBytes = this.nats.info?.max_payload ?? this.#maxPayloadBytes
    return this.#maxPayloadBytes
  }

  /** The prefix of subjects of the JetStream API. */
  get apiPrefix(): string {
    return this.client.apiPrefix
  }

  newHeaders(): MsgHdrs {
    return this.packages.transport.headers()
  }

  newInbox(): string {
    return this.packages.transport.createInbox()
  }

  add(user: ConnectionUser): void {
    this.#users.add(user)
  }

  remove(user: ConnectionUser): void {
    this.#users.delete(user)
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.nats.close()
  }

  async #watchStatus(): Promise<void> {
    const { logger } = this.settings
    for await (const status of this.nats.status()) {
      if (status.type === 'disconnect') {
        this.#isConnected = false
        log(logger, 'nats.connectionLost', () => ({ address: hostOf(status.server) }))
      } else if (status.type === 'reconnect') {
        this.#isConnected = true
        log(logger, 'nats.connectedAgain', () => ({ address: hostOf(status.server) }))
        for (const user of this.#users) user.onReconnect()
      } else if (status.type === 'error') {
        log(logger, 'nats.serverError', () => ({ error: status.error }))
      }
    }
  }

  async #watchEnd(): Promise<void> {
    const cause = await this.nats.closed()
    this.#isConnected = false
    const error = this.#closing ? undefined : endOf(cause)
    for (const user of this.#users) user.onClose(error)
    this.#users.clear()
  }
}

function endOf(cause: unknown): ShmwireError {
  if (cause instanceof Error) return faultOf(cause, 'the connection to the NATS servers')
  return new ShmwireError(ErrorCode.PEER_GONE, 'the connection to the NATS servers has ended')
}

async function connect(
  settings: JetStreamSettings,
  packages: NatsPackages,
  what: string,
): Promise<NatsConnection> {
  const { answerMs, reconnectWaitMs, tls } = settings
  const authenticator = settings.login(packages.transport)
  const options: ConnectOptions = {
    servers: [...settings.servers],
    name: 'shmwire',
    timeout: Math.max(answerMs, 5_000),
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: reconnectWaitMs / 2,
    reconnectJitterTLS: reconnectWaitMs / 2,
    pingInterval: settings.heartbeatMs,
    ignoreClusterUpdates: !settings.followsCluster,
    noAsyncTraces: true,
    ...(tls === undefined ? {} : { tls: definedOf(tls) }),
    ...(authenticator === undefined ? {} : { authenticator }),
  }
  try {
    return await packages.transport.connect(options)
  } catch (error) {
    // The client rejects with undefined if the server closes the connection before its first message.
    const text = textOfThrown(error)
    if (/refused|ENOTFOUND|EHOSTUNREACH|ENETUNREACH/i.test(text + codeOf(error)))
      throw new ShmwireError(ErrorCode.NOT_LISTENING, `${what}: no server listens there: ${text}`, {
        cause: error,
      })
    if (error === undefined)
      throw new ShmwireError(ErrorCode.UNAVAILABLE, `${what}: the server has closed the connection at once`)
    throw faultOf(error, what)
  }
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** The client takes an undefined member for a value. */
function definedOf(tls: NatsTls): object {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined))
}
