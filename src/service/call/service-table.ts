import { misuse, show } from '../../options.js'
import type { ServedMethod } from './served-method.js'

/** A service that is served under a name. */
export interface ServedService {
  readonly name: string
  /** Of the contract; empty without one. */
  readonly hash: string
  readonly methods: readonly ServedMethod[]
}

/** The services of a server, or of one channel in addition to those of its server. */
export class ServiceTable {
  /** The table of the server of a channel. */
  parent: ServiceTable | undefined
  readonly #services = new Map<string, ServedService>()
  /** How to end each service that ends with the channel of this table. */
  readonly #ends = new Map<ServedService, () => void>()
  readonly #methods = new Map<string, ServedMethod>()
  readonly #onChange: (services: readonly ServedService[]) => void

  /** `onChange` gets the services of this table when they change. If it throws, a new service is not added. */
  constructor(onChange: (services: readonly ServedService[]) => void = () => {}) {
    this.#onChange = onChange
  }

  /** The method with the name `service/method`. */
  find(name: string): ServedMethod | undefined {
    return this.#methods.get(name) ?? this.parent?.find(name)
  }

  hasService(name: string): boolean {
    return this.#services.has(name) || this.parent?.hasService(name) === true
  }

  /** Throws `INVALID_ARGUMENT` if the name is in use. */
  add(service: ServedService): void {
    if (this.hasService(service.name))
      throw misuse(
        `the service ${show(service.name)} is already served here; give one of the two another name`,
      )
    this.#onChange([...this.#services.values(), service])
    this.#services.set(service.name, service)
    for (const method of service.methods) this.#methods.set(`${service.name}/${method.name}`, method)
  }

  /** Calls `end` when the channel of this table ends, unless the service is removed before. */
  whenEnded(service: ServedService, end: () => void): void {
    this.#ends.set(service, end)
  }

  /** The channel of this table has ended. */
  ended(): void {
    for (const end of this.#ends.values()) end()
    this.#ends.clear()
  }

  remove(service: ServedService): void {
    this.#ends.delete(service)
    if (this.#services.get(service.name) !== service) return
    this.#services.delete(service.name)
    for (const method of service.methods) this.#methods.delete(`${service.name}/${method.name}`)
    this.#onChange([...this.#services.values()])
  }
}
