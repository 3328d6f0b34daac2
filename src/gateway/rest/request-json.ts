import { misuse, show } from '../../options.js'
import { VIOLATIONS_MAX, violationAt } from '../../schema/field-violations.js'
import type { HttpBinding } from '../../service/contract/http-binding.js'
import { type FieldViolation, invalidMessage } from '../../service-error.js'
import type { MessageForm, Parameter } from './message-form.js'
import { decodePercent } from './path-text.js'

/** Makes the JSON of a request from its path, query and body. */
export interface RequestJson {
  /** @param body undefined: the request has none. Throws the error 400. */
  of(variables: readonly string[], query: string, body: unknown): unknown
}

export interface RequestSettings {
  /** The full name of the method, for errors. */
  readonly method: string
  /** Parameters and keys that the message does not have are left out. */
  readonly ignoreUnknown: boolean
}

/** Pairs of a query. */
const PARAMETERS_MAX = 256

/** The parts of a request for one route. */
export class RouteRequest implements RequestJson {
  readonly #form: MessageForm
  readonly #settings: RequestSettings
  readonly #variables: readonly Parameter[]
  /** Paths of fields that the path of the request sets. */
  readonly #inPath: ReadonlySet<string>
  readonly #body: string
  readonly #bodyName: string

  /** Throws `INVALID_ARGUMENT` for variables of a method without an input. */
  constructor(form: MessageForm, { method, path, template, body }: HttpBinding, settings: RequestSettings) {
    this.#form = form
    this.#settings = settings
    const [first] = template.variables
    if (form.emptyInput && first !== undefined)
      throw misuse(
        `the route ${method} ${path} of ${settings.method} has the variable ${show(first.field)}, and the method has no input; declare its input, or remove the variable`,
      )
    this.#variables = template.variables.map(
      ({ field }) =>
        form.parameter(field) ?? { path: field.split('.'), repeated: false, convert: (text) => text },
    )
    this.#inPath = new Set(this.#variables.map((variable) => variable.path.join('.')))
    this.#body = body
    this.#bodyName = body === '' || body === '*' ? '' : form.inputName(body)
  }

  of(variables: readonly string[], query: string, body: unknown): unknown {
    const violations: FieldViolation[] = []
    const json = this.#withBody(body, violations)
    if (query !== '') this.#addQuery(json, query, violations)
    for (let index = 0; index < variables.length; index += 1) {
      const parameter = this.#variables[index] as Parameter
      this.#set(json, parameter, converted(parameter, variables[index] as string, violations), violations)
    }
    if (violations.length > 0) throw this.#wrong(violations)
    return this.#form.emptyInput ? undefined : json
  }

  /** The part of the request that comes from its body. */
  #withBody(body: unknown, violations: FieldViolation[]): unknown {
    const { emptyInput, takesObject } = this.#form
    if (this.#body === '') return {}
    if (this.#body !== '*') {
      const json = {}
      if (body !== undefined) setAt(json, [this.#bodyName], body)
      return json
    }
    if (body === undefined) return takesObject || emptyInput ? {} : undefined
    if (this.#variables.length > 0 && !isObject(body))
      violations.push(violationAt([], 'the body must be an object'))
    if (emptyInput && !this.#settings.ignoreUnknown)
      for (const key of isObject(body) ? Object.keys(body) : []) violations.push(unknown(key))
    return body
  }

  #addQuery(json: unknown, query: string, violations: FieldViolation[]): void {
    const values = new Map<string, { readonly parameter: Parameter; readonly values: unknown[] }>()
    for (const [name, text] of this.#pairs(query)) {
      const parameter = this.#parameter(name)
      if (parameter === undefined) {
        if (!this.#settings.ignoreUnknown) violations.push(unknown(name))
        continue
      }
      const key = parameter.path.join('.')
      const present = values.get(key)
      const value = converted(parameter, text, violations)
      if (present === undefined) values.set(key, { parameter, values: [value] })
      else if (parameter.repeated) present.values.push(value)
      else violations.push(violationAt([name], 'has several values; it takes one'))
    }
    for (const { parameter, values: list } of values.values())
      this.#set(json, parameter, parameter.repeated ? list : list[0], violations)
  }

  /** A body that is not an object is reported already. */
  #set(json: unknown, { path }: Parameter, value: unknown, violations: FieldViolation[]): void {
    if (isObject(json) && !setAt(json, path, value))
      violations.push(violationAt(path.slice(0, -1), `must be an object with ${path.at(-1)}`))
  }

  #parameter(name: string): Parameter | undefined {
    const { emptyInput } = this.#form
    // The body has all fields that are not in the path.
    if (emptyInput || this.#body === '*') return undefined
    const parameter = this.#form.parameter(name)
    if (parameter === undefined || this.#inPath.has(parameter.path.join('.'))) return undefined
    return this.#bodyName !== '' && parameter.path[0] === this.#bodyName ? undefined : parameter
  }

  #pairs(query: string): [name: string, value: string][] {
    const texts = query.split('&').filter((text) => text !== '')
    if (texts.length > PARAMETERS_MAX)
      throw this.#wrong([violationAt([], `the query has more than ${PARAMETERS_MAX} parameters`)])
    return texts.map((text) => {
      const equals = text.indexOf('=')
      const name = equals === -1 ? text : text.slice(0, equals)
      return [decodeForm(name), equals === -1 ? '' : decodeForm(text.slice(equals + 1))]
    })
  }

  #wrong(violations: readonly FieldViolation[]): Error {
    return invalidMessage(`the input of ${this.#settings.method}`, violations.slice(0, VIOLATIONS_MAX))
  }
}

function unknown(name: string): FieldViolation {
  return violationAt(name.split('.'), 'is not a parameter of this route')
}

function converted(parameter: Parameter, text: string, violations: FieldViolation[]): unknown {
  const value = parameter.convert(text)
  if (value === undefined) violations.push(violationAt(parameter.path, 'must be a number of its type'))
  return value
}

/** As forms encode it: https://url.spec.whatwg.org/#application/x-www-form-urlencoded. */
function decodeForm(text: string): string {
  return decodePercent(text.includes('+') ? text.replaceAll('+', ' ') : text, 'the query')
}

/** Sets a nested property. False: a property on the way has another value. */
function setAt(root: Record<string, unknown>, path: readonly string[], value: unknown): boolean {
  let parent = root
  for (let index = 0; index < path.length - 1; index += 1) {
    const step = path[index] as string
    if (!Object.hasOwn(parent, step) || parent[step] === null) define(parent, step, {})
    const next = parent[step]
    if (!isObject(next)) return false
    parent = next
  }
  define(parent, path.at(-1) as string, value)
  return true
}

/** `__proto__` is a name like any other. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  else object[name] = value
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
