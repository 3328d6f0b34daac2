import type { Method } from '../../service/contract/contract.js'
import {
  booleanOf,
  FIELD_STEPS_MAX,
  jsonText,
  type MessageForm,
  numberOf,
  type Parameter,
} from './message-form.js'

type Schema = Readonly<Record<string, unknown>>

/** Types of JSON Schema whose values are not texts. */
type JsonType = 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'string' | 'null'

/** Combinations can contain themselves. */
const DEPTH_MAX = 32

/** The form of a method whose messages have schemas. The service checks them. */
export function schemaForm({ input, output }: Method): MessageForm {
  const root = input.jsonSchema?.()
  const parameters = new InputParameters(root)
  const types = root === undefined ? undefined : typesOf(root, root)
  return {
    emptyInput: input.empty,
    emptyOutput: output.empty,
    takesObject: types === undefined || types.size === 0 || types.has('object'),
    parameter: (path) => parameters.find(path),
    inputName: (field) => field,
    messageOf: (json) => json,
    textOf: (message, field) => textOf(field === '' ? message : (message as Schema | undefined)?.[field]),
  }
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value ?? null)
  } catch {
    return jsonText(value)
  }
}

/** The properties that a path or a query can set. Those that the program has declared are found once. */
class InputParameters {
  readonly #root: Schema | undefined
  readonly #declared = new Map<string, Parameter>()

  constructor(root: Schema | undefined) {
    this.#root = root
  }

  find(path: string): Parameter | undefined {
    let parameter = this.#declared.get(path)
    if (parameter !== undefined) return parameter
    const steps = path.split('.')
    if (steps.length > FIELD_STEPS_MAX || steps.includes('')) return undefined
    const root = this.#root
    // The schema states nothing.
    if (root === undefined) return parameterOf(steps, undefined, {})
    let schema: Schema = root
    for (const step of steps) {
      const found = propertyOf(schema, step, root)
      if (found === undefined) return undefined
      if (!found.declared) return parameterOf(steps, root, found.schema)
      schema = found.schema
    }
    parameter = parameterOf(steps, root, schema)
    // A schema that contains itself has any number of paths.
    if (steps.length <= 2) this.#declared.set(path, parameter)
    return parameter
  }
}

function parameterOf(path: readonly string[], root: Schema | undefined, schema: Schema): Parameter {
  if (root === undefined) return { path, repeated: false, convert: (text) => text }
  const types = typesOf(schema, root)
  if (!types.has('array')) return { path, repeated: false, convert: converterOf(types) }
  const items = itemsOf(schema, root)
  return {
    path,
    repeated: true,
    convert: converterOf(items === undefined ? new Set() : typesOf(items, root)),
  }
}

function converterOf(types: ReadonlySet<JsonType>): (text: string) => unknown {
  if (types.has('string')) return (text) => text
  const isNumber = types.has('number') || types.has('integer')
  const isBoolean = types.has('boolean')
  if (!isNumber && !isBoolean) return (text) => text
  return (text) => {
    const value = isBoolean ? booleanOf(text) : text
    return isNumber && typeof value === 'string' ? numberOf(value) : value
  }
}

/** The schema of a property. Undefined: there is none. `declared`: the schema names it. */
function propertyOf(
  schema: Schema,
  name: string,
  root: Schema,
): { readonly schema: Schema; readonly declared: boolean } | undefined {
  let others: Schema | undefined
  for (const part of partsOf(schema, root)) {
    const { properties, additionalProperties } = part
    if (isSchema(properties) && Object.hasOwn(properties, name)) {
      const found = properties[name]
      return { schema: isSchema(found) ? found : {}, declared: true }
    }
    if (additionalProperties === true) others ??= {}
    else if (isSchema(additionalProperties)) others ??= additionalProperties
  }
  return others === undefined ? undefined : { schema: others, declared: false }
}

function itemsOf(schema: Schema, root: Schema): Schema | undefined {
  for (const { items } of partsOf(schema, root)) if (isSchema(items)) return items
  return undefined
}

/** The types of the values; empty if the schema states none. */
function typesOf(schema: Schema, root: Schema): Set<JsonType> {
  const types = new Set<JsonType>()
  for (const { type, enum: values, const: value } of partsOf(schema, root)) {
    for (const name of Array.isArray(type) ? type : [type])
      if (typeof name === 'string') types.add(name as JsonType)
    if (type !== undefined) continue
    if (Array.isArray(values)) for (const one of values) types.add(typeOf(one))
    else if (value !== undefined) types.add(typeOf(value))
  }
  return types
}

function typeOf(value: unknown): JsonType {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : (typeof value as JsonType)
}

/** The schema itself, the one that it refers to, and those that it combines. */
function* partsOf(schema: Schema, root: Schema, depth = 0): Generator<Schema> {
  if (depth > DEPTH_MAX) return
  yield schema
  const { $ref, allOf, anyOf, oneOf } = schema
  const target = typeof $ref === 'string' ? referredBy($ref, root) : undefined
  if (target !== undefined) yield* partsOf(target, root, depth + 1)
  for (const list of [allOf, anyOf, oneOf])
    if (Array.isArray(list))
      for (const part of list) if (isSchema(part)) yield* partsOf(part, root, depth + 1)
}

/** Only references within the same schema are known. */
function referredBy(reference: string, root: Schema): Schema | undefined {
  if (reference === '#') return root
  if (!reference.startsWith('#/')) return undefined
  let found: unknown = root
  for (const step of reference.slice(2).split('/')) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    if (!isSchema(found) || !Object.hasOwn(found, name)) return undefined
    found = found[name]
  }
  return isSchema(found) ? found : undefined
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
