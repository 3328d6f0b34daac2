import { endWithin, waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearInterval, setInterval } from '../../host.js'
import { checkWaitOptions, TIMEOUT_MS_MAX, type WaitOptions } from '../../options.js'
import type { CallCarrier, CallerConnection } from '../../service/call-carrier.js'
import type { ConnectionPool } from './connection-pool.js'
import type { GrpcCarrier } from './grpc-client-carrier.js'

/** The connections of a client, until it is closed. */
export class GrpcClient implements CallerConnection {
  readonly #pool: ConnectionPool
  readonly #carrier: GrpcCarrier
  /** grpc-js keeps the process alive during calls only. */
  readonly #keepAlive = setInterval(() => {}, TIMEOUT_MS_MAX)
  #closed = false

  constructor(pool: ConnectionPool, carrier: GrpcCarrier) {
    this.#pool = pool
    this.#carrier = carrier
  }

  get address(): string {
    return this.#carrier.settings.target
  }

  /** It has none of this package. */
  get channel(): undefined {
    return undefined
  }

  /** grpc-js holds calls, or fails them, while there is no connection. */
  get calls(): CallCarrier | undefined {
    return this.#closed ? undefined : this.#carrier
  }

  ready(): Promise<CallCarrier> {
    return this.#closed ? Promise.reject(this.absence()) : Promise.resolve(this.#carrier)
  }

  absence(): Error {
    return new ShmwireError(ErrorCode.CLOSED, 'the client is closed', { executed: 'no' })
  }

  /** Resolves when there is a connection. Rejects with `UNAVAILABLE` when the first attempts have failed, unless it waits for a later one. */
  first(waitsForServer: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { target } = this.#carrier.settings
    return waitWithin({ signal }, `the connection to ${target}`, (resolve, reject) => {
      const fail = (reason: string): void => {
        stop()
        const text = `${target} cannot be reached: ${reason}; ${remedyFor(reason)}`
        reject(new ShmwireError(ErrorCode.UNAVAILABLE, text, { executed: 'no' }))
      }
      const stop = this.#pool.watch(
        () => resolve(),
        () => {
          if (!waitsForServer) void this.#pool.failure().then(fail)
        },
      )
      return stop
    })
  }

  /** Waits for the open calls. They fail when the bounds end the wait. */
  async close(options: WaitOptions | undefined): Promise<void> {
    const bounds = checkWaitOptions(options)
    this.#closed = true
    try {
      await endWithin(bounds, 'the close of the client', (resolve) => {
        this.#carrier.whenIdle(resolve)
        return () =>
          this.#carrier.giveUp(new ShmwireError(ErrorCode.CLOSED, 'the client closed before the call ended'))
      })
    } finally {
      clearInterval(this.#keepAlive)
      this.#pool.close()
    }
  }

  ref(): void {
    this.#keepAlive.ref()
  }

  unref(): void {
    this.#keepAlive.unref()
  }
}

/** A wait does not help against a certificate that is refused. */
function remedyFor(reason: string): string {
  return /certificate|SSL routines/.test(reason)
    ? 'check the option tls, and the certificate of the server'
    : 'start the server first, or pass waitForServer: true'
}
