import { ErrorCode, ShmwireError } from '../../errors.js'
import { misuse } from '../../options.js'
import type { CallSettings } from '../../service/call/begin-call.js'
import type { CalledMethod } from '../../service/call/called-method.js'
import type { CallCarrier } from '../../service/call-carrier.js'
import type { ConnectionPool, PooledConnection } from './connection-pool.js'
import type { GrpcCall, GrpcCallOwner, GrpcCallSettings, GrpcMethod } from './grpc-client-call.js'
import { SingleGrpcCall, StreamGrpcCall } from './grpc-client-calls.js'

/** Makes calls over the connections to a server of gRPC. */
export class GrpcCarrier implements CallCarrier, GrpcCallOwner {
  readonly settings: GrpcCallSettings
  readonly #pool: ConnectionPool
  readonly #methods: ReadonlyMap<string, GrpcMethod>
  readonly #open = new Map<GrpcCall, PooledConnection>()
  readonly #onIdle: (() => void)[] = []

  /** `methods` has their full names, `service/method`, as keys. */
  constructor(pool: ConnectionPool, methods: ReadonlyMap<string, GrpcMethod>, settings: GrpcCallSettings) {
    this.#pool = pool
    this.#methods = methods
    this.settings = settings
  }

  single(
    called: CalledMethod,
    request: unknown,
    settings: CallSettings,
    resolve: (message: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    new SingleGrpcCall(this, called, this.#methodOf(called), settings, resolve, reject).begin(request)
  }

  stream(called: CalledMethod, request: unknown, settings: CallSettings): StreamGrpcCall {
    const call = new StreamGrpcCall(this, called, this.#methodOf(called), settings)
    call.begin(request)
    return call
  }

  any({ name }: CalledMethod): never {
    throw misuse(`gRPC cannot carry ${name}, which has no contract`)
  }

  began(call: GrpcCall): PooledConnection {
    const connection = this.#pool.pick()
    connection.calls += 1
    this.#open.set(call, connection)
    return connection
  }

  ended(call: GrpcCall, connection: PooledConnection): void {
    connection.calls -= 1
    this.#open.delete(call)
    if (this.#open.size === 0) for (const onIdle of this.#onIdle.splice(0)) onIdle()
  }

  unanswered(connection: PooledConnection, beganMs: number): void {
    void this.#pool.isLost(connection, beganMs).then((isLost) => {
      if (!isLost) return
      const text = `the connection to ${this.settings.target} is lost: the server answers nothing`
      this.#giveUp(new ShmwireError(ErrorCode.PEER_GONE, text), connection)
    })
  }

  /** Calls `onIdle` when no call is open. */
  whenIdle(onIdle: () => void): void {
    if (this.#open.size === 0) onIdle()
    else this.#onIdle.push(onIdle)
  }

  /** Ends the open calls with an error. */
  giveUp(error: Error): void {
    this.#giveUp(error, undefined)
  }

  /** Ends the open calls of a connection, or of all. */
  #giveUp(error: Error, connection: PooledConnection | undefined): void {
    for (const [call, used] of this.#open)
      if (connection === undefined || used === connection) call.giveUp(error)
  }

  #methodOf({ name }: CalledMethod): GrpcMethod {
    return this.#methods.get(name) as GrpcMethod
  }
}
