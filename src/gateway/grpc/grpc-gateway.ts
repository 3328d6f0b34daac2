import { formatHostAndPort } from '../../address/network-address.js'
import { observeGateway } from '../../observe/gateway-recorder.js'
import { checkWaitOptions, type WaitOptions } from '../../options.js'
import { type ClientFunctions, undecodedClient } from '../../service/client.js'
import { ServiceError } from '../../service-error.js'
import { closeClients, openClients } from '../services.js'
import { within } from '../within.js'
import { GatewayCalls, type Route } from './gateway-calls.js'
import { type GatewaySettings, type GrpcGatewayOptions, resolveGatewayOptions } from './gateway-options.js'
import { Health } from './health.js'
import { Http2Listener } from './http2-listener.js'
import { reflectionRoutes } from './reflection.js'
import { serviceRoutes } from './service-routes.js'

/** Open calls have this time to end when a gateway closes, unless `close` has another one. */
const CLOSE_TIMEOUT_MS = 10_000
/** Clients have this time to take the end of their calls. */
const LAST_ANSWERS_MS = 500

/**
 * Starts a server of gRPC that passes its calls to local services, with their messages undecoded. Resolves when clients can connect. A
 * service can be absent: its calls then fail with UNAVAILABLE, until it is there. It accepts tunnels with the option `tunnels`.
 *
 * The gateway also answers health checks (`grpc.health.v1.Health`).
 *
 * @throws `INVALID_ARGUMENT`, `NAME_IN_USE` if another program listens there, `DENIED`, `OUT_OF_MEMORY`, `ABORTED`, and the errors of
 * `client` that waiting would not change
 */
export async function grpcGateway(options: GrpcGatewayOptions): Promise<GrpcGateway> {
  const settings = resolveGatewayOptions(options)
  const health = new Health()
  const clients = await openClients(settings, undecodedClient, (service, connected) =>
    health.set(service, connected),
  )
  try {
    const calls = new GatewayCalls(routesOf(settings, clients, health), settings)
    const listener = new Http2Listener(settings, (stream, headers, connection) =>
      calls.handle(stream, headers, connection),
    )
    const port = await listener.listen(options.listen, settings.signal)
    const address = formatHostAndPort(settings.host, port)
    return new GrpcGateway({ address, port, listener, calls, health, clients, settings })
  } catch (error) {
    await closeClients(clients, settings.logger)
    throw error
  }
}

interface GatewayParts {
  readonly address: string
  readonly port: number
  readonly listener: Http2Listener
  readonly calls: GatewayCalls
  readonly health: Health
  readonly clients: readonly ClientFunctions[]
  readonly settings: GatewaySettings
}

/** A running gateway. It comes from `grpcGateway`, and keeps the process alive until it is closed, or `unref()` is called. */
export class GrpcGateway implements AsyncDisposable {
  /** The host and the port, for example `127.0.0.1:50051`. */
  readonly address: string
  readonly port: number
  readonly #parts: GatewayParts
  readonly #unregister: () => void
  #closing: Promise<void> | undefined

  /** Only `grpcGateway` creates gateways. */
  constructor(parts: GatewayParts) {
    this.address = parts.address
    this.port = parts.port
    this.#parts = parts
    parts.calls.recorder.address = parts.address
    this.#unregister = observeGateway(parts.calls.recorder, 'grpc')
  }

  /**
   * Accepts no further connection, reports NOT_SERVING to health checks, sends GOAWAY to the clients, ends tunnels, and waits for the open
   * calls. After `timeoutMs`, 10 seconds unless given, or when `signal` fires, it cancels them: their clients get UNAVAILABLE. Resolves at most a second
   * later, in any case. A second call waits for the first one.
   */
  async close(options: WaitOptions = {}): Promise<void> {
    const { signal, timeoutMs = CLOSE_TIMEOUT_MS } = checkWaitOptions(options)
    this.#closing ??= this.#close(timeoutMs, signal)
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The gateway keeps the process alive, which is the default. */
  ref(): this {
    this.#parts.listener.ref()
    for (const { members } of this.#parts.clients) members.$ref()
    return this
  }

  /** The process may end while the gateway is open. */
  unref(): this {
    this.#parts.listener.unref()
    for (const { members } of this.#parts.clients) members.$unref()
    return this
  }

  async #close(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { listener, calls, health, clients, settings } = this.#parts
    health.end()
    listener.drain()
    settings.tunnels?.close()
    await within(calls.idle(), timeoutMs, signal)
    calls.close(new ServiceError('UNAVAILABLE', 'the gateway has closed'))
    await within(listener.empty(), LAST_ANSWERS_MS, undefined)
    listener.destroy()
    this.#unregister()
    await closeClients(clients, settings.logger)
  }
}

function routesOf(
  { services, reflection }: GatewaySettings,
  clients: readonly ClientFunctions[],
  health: Health,
): Map<string, Route> {
  const descriptors = [...services.map(({ contract }) => contract.descriptor), health.descriptor]
  const routes = services.flatMap(({ contract, client }, index) =>
    serviceRoutes(contract, clients[index] as ClientFunctions, client?.timeoutMs ?? Number.POSITIVE_INFINITY),
  )
  return new Map([...routes, ...health.routes(), ...(reflection ? reflectionRoutes(descriptors) : [])])
}
