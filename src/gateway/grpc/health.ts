import { create, type DescMessage, type DescService, fromBinary, toBinary } from '@bufbuild/protobuf'
import { onceAborted } from '../../abort-waits.js'
import { ServiceError } from '../../service-error.js'
import { SUCCESS } from './call-status.js'
import type { Route } from './gateway-calls.js'
import { HEALTH, healthTypes } from './own-descriptors.js'
import type { ServerCall } from './server-call.js'

/** The numbers of `ServingStatus`. */
const SERVING = 1
const NOT_SERVING = 2
const SERVICE_UNKNOWN = 3
/** The name that stands for the whole server. */
const WHOLE = ''

/** The service `grpc.health.v1.Health`: whether each service, and all of them together, can be called. */
export class Health {
  readonly descriptor: DescService
  readonly #request: DescMessage
  readonly #response: DescMessage
  readonly #serving = new Map<string, boolean>()
  readonly #watchers = new Set<() => void>()
  #ended = false

  constructor() {
    const types = healthTypes()
    this.descriptor = types.getService(HEALTH) as DescService
    this.#request = types.getMessage('grpc.health.v1.HealthCheckRequest') as DescMessage
    this.#response = types.getMessage('grpc.health.v1.HealthCheckResponse') as DescMessage
  }

  /** Reports that a service can be called, or cannot. */
  set(service: string, serving: boolean): void {
    if (this.#serving.get(service) === serving) return
    this.#serving.set(service, serving)
    this.#announce()
  }

  /** No service can be called any longer. */
  end(): void {
    this.#ended = true
    this.#announce()
  }

  routes(): [path: string, route: Route][] {
    const timeoutMs = Number.POSITIVE_INFINITY
    return [
      [
        `/${HEALTH}/Check`,
        { timeoutMs, standing: false, guarded: undefined, run: (call) => this.#check(call) },
      ],
      [
        `/${HEALTH}/Watch`,
        { timeoutMs, standing: true, guarded: undefined, run: (call) => this.#watch(call) },
      ],
    ]
  }

  async #check(call: ServerCall): Promise<void> {
    const service = await this.#serviceOf(call)
    const status = this.#statusOf(service)
    if (status === undefined)
      throw new ServiceError('NOT_FOUND', `this server has no service ${JSON.stringify(service)}`)
    await call.send(this.#encode(status))
    call.end(SUCCESS)
  }

  async #watch(call: ServerCall): Promise<void> {
    const service = await this.#serviceOf(call)
    let last: number | undefined
    while (!call.ended) {
      const status = this.#statusOf(service) ?? SERVICE_UNKNOWN
      if (status === last) await this.#change(call.signal)
      else await call.send(this.#encode(status))
      last = status
    }
  }

  #statusOf(service: string): number | undefined {
    const serving =
      service === WHOLE ? [...this.#serving.values()].every(Boolean) : this.#serving.get(service)
    if (serving === undefined) return undefined
    return serving && !this.#ended ? SERVING : NOT_SERVING
  }

  /** Resolves at the next change, or when the signal fires. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        stop()
        this.#watchers.delete(wake)
        resolve()
      }
      const stop = onceAborted(signal, wake)
      this.#watchers.add(wake)
      if (signal.aborted) wake()
    })
  }

  #announce(): void {
    for (const wake of this.#watchers) wake()
  }

  async #serviceOf(call: ServerCall): Promise<string> {
    const message: unknown = decoded(this.#request, await call.requests.only())
    return (message as { readonly service: string }).service
  }

  #encode(status: number): Uint8Array {
    const fields: Record<string, unknown> = { status }
    return toBinary(this.#response, create(this.#response, fields))
  }
}

/** A message of the gateway's own services. Throws `INVALID_ARGUMENT`. */
export function decoded(type: DescMessage, bytes: Uint8Array): unknown {
  try {
    return fromBinary(type, bytes)
  } catch (cause) {
    throw new ServiceError('INVALID_ARGUMENT', `the bytes are not a message ${type.typeName}`, { cause })
  }
}
