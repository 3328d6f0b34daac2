import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  connectivityState,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { nowMs, timeOfDayMs } from '../../host.js'
import { HEALTH } from './own-descriptors.js'

/** A connection that grpc-js opens again whenever it has ended. */
export class PooledConnection {
  readonly client: Client
  /** Calls that have not ended. */
  calls = 0
  /** When the server has answered a call. */
  heardMs = nowMs()
  /** A check that the server answers has begun. */
  checking = false

  constructor(client: Client) {
    this.client = client
  }
}

/** The bounds and reports of a pool. */
export interface PoolSettings {
  /** 1 or more. */
  readonly count: number
  /** A server is gone if it does not answer a check for so long. */
  readonly silenceMs: number
}

/** The lower, the sooner a call can be sent. */
const RANK: Readonly<Record<connectivityState, number>> = {
  [connectivityState.READY]: 0,
  [connectivityState.CONNECTING]: 1,
  [connectivityState.IDLE]: 1,
  [connectivityState.TRANSIENT_FAILURE]: 2,
  [connectivityState.SHUTDOWN]: 3,
}

const HEALTH_CHECK = `/${HEALTH}/Check`
const REASON_MS = 1_000
const NO_BYTES = Buffer.alloc(0)

/** The connections of a client to one server. */
export class ConnectionPool {
  readonly #create: () => PooledConnection
  readonly #connections: PooledConnection[]
  readonly #silenceMs: number
  #closed = false

  constructor(
    target: string,
    credentials: ChannelCredentials,
    options: ClientOptions,
    { count, silenceMs }: PoolSettings,
  ) {
    // Without its own pool, each client would use the same connection.
    const own = { ...options, 'grpc.use_local_subchannel_pool': 1 }
    this.#create = () => new PooledConnection(new Client(target, credentials, own))
    this.#connections = Array.from({ length: count }, this.#create)
    this.#silenceMs = silenceMs
  }

  /** The connection with the fewest calls among those that are ready. The others begin to connect. */
  pick(): PooledConnection {
    let best: PooledConnection | undefined
    let bestRank = Number.POSITIVE_INFINITY
    for (const connection of this.#connections) {
      const rank = RANK[connection.client.getChannel().getConnectivityState(true)]
      const isBetter = rank < bestRank || (rank === bestRank && connection.calls < (best?.calls ?? 0))
      if (!isBetter) continue
      best = connection
      bestRank = rank
    }
    return best as PooledConnection
  }

  /**
   * Begins to connect. Calls `ready` once, when a connection is ready, and `failed` before that whenever an attempt of each has failed. The
   * returned function ends that.
   */
  watch(ready: () => void, failed: () => void): () => void {
    let stopped = false
    const failures = new Set<PooledConnection>()
    const check = (connection: PooledConnection): void => {
      if (stopped) return
      const channel = connection.client.getChannel()
      const state = channel.getConnectivityState(true)
      if (state === connectivityState.SHUTDOWN) return
      if (state === connectivityState.READY) {
        stopped = true
        ready()
        return
      }
      if (state === connectivityState.TRANSIENT_FAILURE) failures.add(connection)
      if (failures.size === this.#connections.length) {
        failures.clear()
        failed()
      }
      if (!stopped) channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => check(connection))
    }
    for (const connection of this.#connections) check(connection)
    return () => {
      stopped = true
    }
  }

  /** Resolves to the reason why there is no connection. grpc-js states it to calls only, and this one fails at once. */
  async failure(): Promise<string> {
    const error = await callHealth(this.#connections[0] as PooledConnection, REASON_MS)
    return error?.details ?? 'the connection was not ready'
  }

  /**
   * A call that began at `beganMs` got no answer within its time. If the server has answered no other one since then, and does not answer a
   * check, the connection is replaced. Resolves to true then: its calls cannot end any more.
   */
  async isLost(connection: PooledConnection, beganMs: number): Promise<boolean> {
    const index = this.#connections.indexOf(connection)
    if (this.#closed || index === -1 || connection.checking || connection.heardMs >= beganMs) return false
    connection.checking = true
    const error = await callHealth(connection, this.#silenceMs)
    connection.checking = false
    // Another status comes from the server, or grpc-js has noticed the end itself.
    if (error?.code !== status.DEADLINE_EXCEEDED || connection.heardMs >= beganMs || this.#closed)
      return false
    this.#connections[index] = this.#create()
    connection.client.close()
    return true
  }

  /** Calls that have begun still end. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { client } of this.#connections) client.close()
  }
}

/** Calls a method that is safe and that any server answers, if only with UNIMPLEMENTED. */
function callHealth({ client }: PooledConnection, timeoutMs: number): Promise<ServiceError | null> {
  const options = { deadline: new Date(timeOfDayMs() + timeoutMs) }
  return new Promise((resolve) => {
    client.makeUnaryRequest(HEALTH_CHECK, identity, identity, NO_BYTES, new Metadata(), options, resolve)
  })
}

function identity(bytes: Buffer): Buffer {
  return bytes
}
