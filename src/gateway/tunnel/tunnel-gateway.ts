import type { Socket } from 'node:net'
import type { LocalAddress } from '../../address.js'
import { ConnectionLimit } from '../../control/connection-limit.js'
import { observeServer } from '../../control/observe-server.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, newAbortController, setTimeout } from '../../host.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import { loadBinding } from '../../native/load-binding.js'
import { resolveOptions, show } from '../../options.js'
import type { TunnelTransport } from '../../transport.js'
import { ownBootId } from './boot-id.js'
import { connectToServer, relay } from './relay.js'
import { type GatewaySession, SessionTable, type TunnelClient } from './session-table.js'
import type { TunnelConnection } from './tunnel-connection.js'
import { decodeRequest, encodeMessage, type Start } from './tunnel-message.js'
import type { SessionBounds } from './tunnel-session.js'
import { TunnelStream } from './tunnel-stream.js'

/** A connection without its first message is ended after this time. */
const START_TIMEOUT_MS = 5_000
/** Such connections in all, and of one owner. */
const SILENT_MAX = 256
const SILENT_PER_OWNER_MAX = 64
const DESCRIBE_TIMEOUT_MS = 2_000

export interface TunnelGatewayOptions extends SessionBounds {
  /** The servers that tunnels can reach. */
  readonly allow: ReadonlyMap<string, LocalAddress>
  readonly sessionsMax: number
  /** Of the connections of the clients. */
  readonly transport: TunnelTransport
  readonly logger: Logger | undefined
}

/** The gateway's side of tunnels: it relays each session to a server of this machine. Any carrier passes its connections to `accept`. */
export class TunnelGateway {
  readonly #options: TunnelGatewayOptions
  readonly #table: SessionTable
  readonly #silent = new ConnectionLimit(SILENT_MAX, SILENT_PER_OWNER_MAX)
  readonly #native = loadBinding()
  readonly #closing = newAbortController()

  constructor(options: TunnelGatewayOptions) {
    this.#options = options
    this.#table = new SessionTable(options.sessionsMax)
  }

  /** The open sessions, those without a connection included. */
  get sessions(): number {
    return this.#table.size
  }

  /** Takes a new connection of a client. */
  accept(connection: TunnelConnection, client: TunnelClient): void {
    const refuse = (error: ShmwireError): void => {
      leave()
      this.refuse(connection, error)
    }
    const timer = setTimeout(() => {
      const message = `the client sent no Start within ${START_TIMEOUT_MS} ms`
      refuse(new ShmwireError(ErrorCode.TIMEOUT, message))
    }, START_TIMEOUT_MS).unref()
    const dismiss = (): void => {
      const message = 'the gateway has too many connections without a Start; try again later'
      refuse(new ShmwireError(ErrorCode.UNAVAILABLE, message))
    }
    const leaveLimit = this.#silent.enter(client.owner, dismiss)
    const leave = (): void => {
      clearTimeout(timer)
      leaveLimit()
    }
    connection.events = {
      message: (bytes) => {
        leave()
        this.#begin(connection, client, bytes).catch((error: unknown) =>
          this.refuse(connection, error as ShmwireError),
        )
      },
      drain: () => {},
      lost: leave,
    }
    if (this.#closing.signal.aborted) refuse(closed())
  }

  /** Ends all sessions. Clients get `CLOSED`. */
  close(): void {
    this.#closing.abort(closed())
    for (const { stream } of this.#table.values()) stream?.session.fail(closed())
  }

  async #begin(connection: TunnelConnection, client: TunnelClient, bytes: Buffer): Promise<void> {
    const start = decodeRequest(bytes)
    if (start.kind !== 'start')
      throw new ShmwireError(ErrorCode.CORRUPT, `the client began with a ${start.kind} instead of a start`)
    if (start.resume) this.#attach(connection, this.#table.find(start.session, client), start, '')
    else await this.#open(connection, client, start)
  }

  async #open(connection: TunnelConnection, client: TunnelClient, start: Start): Promise<void> {
    const address = this.#options.allow.get(start.name)
    if (address === undefined)
      throw new ShmwireError(
        ErrorCode.DENIED,
        `the gateway does not allow tunnels to ${show(start.name)}; add the name to the option allow`,
      )
    const session = this.#table.add(start.session, client)
    try {
      await this.#relay(connection, session, start, address)
    } finally {
      this.#table.remove(start.session)
    }
  }

  async #relay(
    connection: TunnelConnection,
    session: GatewaySession,
    start: Start,
    address: LocalAddress,
  ): Promise<void> {
    const { socket, instanceId } = await this.#reach(connection, start, address)
    const { identity, address: clientAddress, caller } = session.client
    log(this.#options.logger, 'tunnel.opened', () => ({
      address: address.text,
      identity: identity === '' ? undefined : identity,
      clientAddress,
    }))
    const stream = new TunnelStream(this.#options)
    session.stream = stream
    const { transport } = this.#options
    const relayed = relay(stream, socket, { transport, address: clientAddress, identity: caller })
    this.#attach(connection, stream, start, instanceId)
    await relayed
  }

  /** Connects to the server. Rejects if the client ends its connection or sends something meanwhile, or if the gateway closes. */
  async #reach(
    connection: TunnelConnection,
    start: Start,
    address: LocalAddress,
  ): Promise<{ socket: Socket; instanceId: string }> {
    const opening = newAbortController()
    const signal = AbortSignal.any([opening.signal, this.#closing.signal])
    const stop = (code: ErrorCode, message: string): void => opening.abort(new ShmwireError(code, message))
    connection.events = {
      message: () => stop(ErrorCode.CORRUPT, 'the client sent a message before the gateway had accepted it'),
      drain: () => {},
      lost: () => stop(ErrorCode.PEER_GONE, 'the client ended the connection'),
    }
    try {
      const instanceId = await this.#instanceOf(address, start, signal)
      const socket = await connectToServer(address, this.#native, signal)
      if (!signal.aborted) return { socket, instanceId }
      socket.destroy()
      throw signal.reason
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
  }

  #attach(connection: TunnelConnection, stream: TunnelStream, start: Start, instanceId: string): void {
    const announced = stream.session.progress
    connection.send(encodeMessage({ kind: 'accepted', ...announced, instanceId }))
    stream.session.attach(connection, announced, start)
  }

  /** The instance of the server, for a client of this machine, which can connect to the server itself. Empty: it is not known. */
  async #instanceOf({ path }: LocalAddress, { bootId }: Start, signal: AbortSignal): Promise<string> {
    if (bootId === '' || bootId !== ownBootId()) return ''
    const { logger } = this.#options
    const options = { settings: resolveOptions({ logger }), native: this.#native, signal }
    try {
      const observation = await observeServer(path, { ...options, timeoutMs: DESCRIBE_TIMEOUT_MS })
      observation.end()
      return observation.description.id
    } catch (error) {
      // The tunnel still works.
      log(logger, 'tunnel.serverUnknown', () => ({ path, error }))
      return ''
    }
  }

  /** Ends a connection with an error for the client. */
  refuse(connection: TunnelConnection, error: ShmwireError): void {
    log(this.#options.logger, 'tunnel.refused', () => ({ error }))
    connection.send(encodeMessage({ kind: 'close', error }))
    connection.end()
  }
}

function closed(): ShmwireError {
  return new ShmwireError(ErrorCode.CLOSED, 'the gateway is closing')
}
