import { nearest } from '../../nearest.js'
import { misuse, show } from '../../options.js'

/** Options of methods: `'user.UserService/getUser'` is one method, `'user.UserService/*'` all methods of a service, and `'*'` all services. */
export class MethodPatterns<T> {
  readonly #option: string
  readonly #expected: string
  readonly #values: ReadonlyMap<string, T>

  /** For errors: the name of the option, and the methods that it is for. */
  constructor(option: string, expected: string, values: ReadonlyMap<string, T>) {
    this.#option = option
    this.#expected = expected
    this.#values = values
  }

  /** The value of the most specific pattern. */
  get(service: string, method: string): T | undefined {
    const values = this.#values
    return values.get(`${service}/${method}`) ?? values.get(`${service}/*`) ?? values.get('*')
  }

  /** Throws `INVALID_ARGUMENT` for a pattern that none of the methods has. The names have the form `service/method`. */
  checkMethods(names: readonly string[]): void {
    const services = new Set(names.map((name) => `${name.slice(0, name.lastIndexOf('/'))}/*`))
    for (const pattern of this.#values.keys()) {
      if (pattern === '*' || services.has(pattern) || names.includes(pattern)) continue
      const near = nearest(pattern, [...names, ...services])
      const hint = near === undefined ? '' : `; did you mean ${show(near)}?`
      throw misuse(`the option ${this.#option} has ${show(pattern)}, which is not ${this.#expected}${hint}`)
    }
  }
}
