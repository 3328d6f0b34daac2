import { EventEmitter } from 'node:events'
import type { Channel } from '../channel/channel.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import {
  type Connector,
  type ConnectorEvents,
  type KeepConnectedOptions,
  keepConnected,
} from '../keep-connected.js'
import { checkWaitOptions, invalid, type WaitOptions, wrongTime } from '../options.js'

/**
 * Creates a pool of connections: all clients of an address share one channel, which opens with the first of them and closes with the last one.
 *
 * @param options those of `keepConnected`, for all addresses
 * @throws `INVALID_ARGUMENT` with the first client of an address
 */
export function channelPool(options?: KeepConnectedOptions): ChannelPool {
  return new ChannelPool(options)
}

/** Channels by address, each for any number of clients. It comes from `channelPool`. */
export class ChannelPool implements AsyncDisposable {
  readonly #options: KeepConnectedOptions | undefined
  readonly #connections = new Map<string, SharedConnection>()
  #closed = false

  /** Only `channelPool` creates pools. */
  constructor(options: KeepConnectedOptions | undefined) {
    this.#options = options
  }

  /** The addresses that have clients. */
  get size(): number {
    return this.#connections.size
  }

  /** The target of a client: `client(pool.at('users'))`. */
  at(address: string): PooledAddress {
    if (typeof address !== 'string') throw invalid('address', address, 'a string')
    const pooled = new PooledAddress(address)
    attaching.set(pooled, () => this.#attach(address))
    return pooled
  }

  /** Ends the clients of all addresses, and closes their channels; see `Channel.close`. Further clients are refused. */
  async close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    this.#closed = true
    await Promise.all([...this.#connections.values()].map((connection) => connection.close(bounds)))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #attach(address: string): SharedConnector {
    if (this.#closed) throw wrongTime('the pool is closed; create another one')
    let connection = this.#connections.get(address)
    if (connection === undefined) {
      const created = new SharedConnection(keepConnected(address, this.#options), () => {
        if (this.#connections.get(address) === created) this.#connections.delete(address)
      })
      connection = created
      this.#connections.set(address, created)
    }
    return connection.attach()
  }
}

/** An address of a pool, for `client` and for gateways. It comes from `pool.at`. */
export class PooledAddress {
  readonly address: string

  /** Only `pool.at` creates them. */
  constructor(address: string) {
    this.address = address
  }
}

const attaching = new WeakMap<PooledAddress, () => SharedConnector>()

/** The part of a client in the connection of a pool. Throws `INVALID_STATE` if the pool is closed, and the errors of `keepConnected`. */
export function attachPooled(target: PooledAddress): SharedConnector {
  const attach = attaching.get(target)
  if (attach === undefined) throw invalid('target', target, 'an address that pool.at has returned')
  return attach()
}

/** Closes the connection of clients. Does not reject if the server has ended: each open call has reported it. */
export async function closeConnector(
  connector: Pick<Connector, 'close'> | undefined,
  options: WaitOptions | undefined,
): Promise<void> {
  try {
    await connector?.close(options)
  } catch (error) {
    if (!(error instanceof ShmwireError) || error.code !== ErrorCode.PEER_GONE) throw error
  }
}

/** The connection to one address, and its clients. */
class SharedConnection {
  readonly connector: Connector
  readonly #onEnd: () => void
  readonly #clients = new Set<SharedConnector>()
  #ended = false

  /** `onEnd` runs when no further client may use the connection. */
  constructor(connector: Connector, onEnd: () => void) {
    this.connector = connector
    this.#onEnd = onEnd
    connector.on('channel', (channel) => this.#forAll((client) => client.emit('channel', channel)))
    connector.on('retry', (retry) => this.#forAll((client) => client.emit('retry', retry)))
    connector.on('close', (error) => this.#end(error))
  }

  attach(): SharedConnector {
    const client = new SharedConnector(this)
    this.#clients.add(client)
    this.referenced()
    return client
  }

  /** The last client closes the channel. */
  async detach(client: SharedConnector, options: WaitOptions | undefined): Promise<void> {
    if (!this.#clients.delete(client)) return
    if (this.#clients.size > 0) this.referenced()
    else await this.close(options)
  }

  async close(options: WaitOptions | undefined): Promise<void> {
    this.#end(undefined)
    await closeConnector(this.connector, options)
  }

  /** The connection keeps the process alive while one of its clients does. */
  referenced(): void {
    if ([...this.#clients].some((client) => client.isReferenced)) this.connector.ref()
    else this.connector.unref()
  }

  /** No further channel follows. */
  #end(error: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#onEnd()
    this.#forAll((client) => client.emit('close', error))
  }

  #forAll(emit: (client: SharedConnector) => void): void {
    for (const client of this.#clients) emit(client)
  }
}

/** The connection of a pool, as one of its clients has it. */
class SharedConnector extends EventEmitter<ConnectorEvents> {
  readonly #connection: SharedConnection
  isReferenced = true

  constructor(connection: SharedConnection) {
    super()
    this.#connection = connection
  }

  /** The open channel, if there is one. */
  get channel(): Channel | undefined {
    return this.#connection.connector.channel
  }

  /** Ends this client's part of the connection. */
  close(options?: WaitOptions): Promise<void> {
    return this.#connection.detach(this, options)
  }

  ref(): this {
    this.isReferenced = true
    this.#connection.referenced()
    return this
  }

  unref(): this {
    this.isReferenced = false
    this.#connection.referenced()
    return this
  }
}
