import { invalid, misuse, show } from '../../options.js'
import { isReserved } from '../call/method-name.js'
import type { Contract, Method } from './contract.js'
import { hashOf } from './contract-hash.js'
import { routeOf } from './http-binding.js'

/** With the slash between them, the names of a service and a method have at most 255 bytes in a CALL record. */
const NAME_CHARACTERS_MAX = 127
const METHODS_MAX = 1024
const SERVICE_NAME = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/
const METHOD_NAME = /^[A-Za-z_]\w*$/

/** The object behind every `Contract`. */
export class ServiceContract<Methods extends Readonly<Record<string, Method>>> implements Contract<Methods> {
  readonly name: string
  readonly methods: Methods
  #hash: string | undefined

  constructor(name: string, methods: Methods) {
    checkRoutes(name, methods)
    this.name = name
    this.methods = Object.freeze(Object.assign(Object.create(null), methods)) as Methods
  }

  /** Computed when it is read, because some schema libraries need milliseconds for a JSON Schema. */
  get hash(): string {
    this.#hash ??= hashOf({
      name: this.name,
      methods: Object.entries(this.methods).toSorted(byName).map(describe),
    })
    return this.#hash
  }
}

function byName([left]: [string, Method], [right]: [string, Method]): number {
  return left < right ? -1 : 1
}

/** The part of the hash for a method. It does not cover validations that a JSON Schema cannot state. */
function describe([name, { kind, input, output, safe, idempotent, http }]: [string, Method]): unknown {
  const types = [input, output].map(
    (type) => type.description?.() ?? type.jsonSchema?.() ?? { empty: type.empty },
  )
  const routes = http.map(({ method, path, body, responseBody }) => [method, path, body, responseBody])
  return { name, kind, safe, idempotent, types, routes }
}

/** Another copy of this package has another class. */
export function isContract(value: unknown): value is Contract {
  const { name, methods } = (value ?? {}) as Partial<Contract>
  return typeof name === 'string' && typeof methods === 'object' && methods !== null
}

/** Loads the validators of all messages. Rejects with `UNAVAILABLE` if a package is missing, or `INVALID_ARGUMENT` for a wrong schema. */
export async function prepareContract(contract: Contract): Promise<void> {
  const types = Object.values(contract.methods).flatMap(({ input, output }) => [input, output])
  await Promise.all(types.map(async (type) => type.prepare?.()))
}

/** Throws `INVALID_ARGUMENT` unless it is a name for a service. */
export function checkServiceName(name: unknown): asserts name is string {
  const isValid = typeof name === 'string' && name.length <= NAME_CHARACTERS_MAX && SERVICE_NAME.test(name)
  if (isValid) return
  const form = `1 to ${NAME_CHARACTERS_MAX} letters, digits and _, in parts that dots separate`
  throw invalid('the name of the contract', name, `${form}, for example "user.UserService"`)
}

/** Throws `INVALID_ARGUMENT` unless all are names for methods of the service. */
export function checkMethodNames(service: string, names: readonly string[]): void {
  if (names.length === 0) throw misuse(`contract ${service} has no methods; declare at least one`)
  if (names.length > METHODS_MAX)
    throw misuse(`contract ${service} has ${names.length} methods; the maximum is ${METHODS_MAX}`)
  for (const name of names) {
    if (name.length > NAME_CHARACTERS_MAX || !METHOD_NAME.test(name)) {
      const form = `a letter or _, then letters, digits and _; at most ${NAME_CHARACTERS_MAX}`
      throw invalid(`a method of contract ${service}`, name, form)
    }
    if (isReserved(name))
      throw misuse(`${show(name)} cannot be a method of contract ${service}; choose another name`)
  }
}

function checkRoutes(service: string, methods: Readonly<Record<string, Method>>): void {
  const owners = new Map<string, string>()
  for (const [name, method] of Object.entries(methods)) {
    for (const binding of method.http) {
      const route = routeOf(binding)
      const owner = owners.get(route)
      if (owner !== undefined) {
        const place = owner === name ? `${name} twice` : `the methods ${owner} and ${name}`
        throw misuse(
          `contract ${service} has the HTTP route ${show(`${binding.method} ${binding.path}`)} for ${place}; use different routes`,
        )
      }
      owners.set(route, name)
    }
  }
}
