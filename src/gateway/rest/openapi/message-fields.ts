import type { Method } from '../../../service/contract/contract.js'
import type { ProtoMethod } from '../../../service/proto/proto-contract.js'
import { type LocalSchema, localSchema, resolveReference } from './local-schema.js'
import { isSchemaObject, type Schema, type SchemaObject } from './subschemas.js'

/** A field of a message. */
interface Field {
  readonly schema: Schema
  readonly isRequired: boolean
}

/** A field of a request that a query can hold. */
export interface QueryField extends Field {
  /** For example `user.id`. */
  readonly name: string
}

type Definitions = ReadonlyMap<string, Schema>

/** `filter.owner.name` is the deepest name that a document lists. */
const QUERY_DEPTH_MAX = 3
/** A longer list does not help a reader. The gateway accepts the other fields too. */
const QUERY_FIELDS_MAX = 200
/** A dot separates names. `@type` is a member of google.protobuf.Any, which a query cannot hold. */
const QUERY_NAME = /^[^.@]+$/
const SCALARS: readonly unknown[] = ['string', 'number', 'integer', 'boolean', 'null']

export function isProtoMethod(method: Method): method is ProtoMethod {
  return 'descriptor' in method
}

/** The messages of a method in one direction. Without a JSON Schema, any value. */
export function messageSchema(method: Method, direction: 'input' | 'output', name: string): LocalSchema {
  const schema = method[direction].jsonSchema?.() ?? {}
  return localSchema(schema, `${name}.${direction}`, `the JSON Schema of the ${direction} of ${name}`)
}

/** The names in JSON of a field that a template or an option names: those of a `.proto` file are other ones. */
export function jsonPathOf(path: string, method: Method, direction: 'input' | 'output'): string[] {
  const steps = path.split('.')
  if (!isProtoMethod(method)) return steps
  let message: (typeof method.descriptor)['input'] | undefined = method.descriptor[direction]
  return steps.map((step) => {
    const field = message?.fields.find(({ name }) => name === step)
    message = field?.message
    return field?.jsonName ?? step
  })
}

/** The schema of a field; any value if the message does not describe it. */
export function fieldAt({ root, definitions }: LocalSchema, path: readonly string[]): Field {
  let field: Field = { schema: root, isRequired: true }
  for (const step of path) {
    const next = fieldsOf(field.schema, definitions).get(step)
    if (next === undefined) return { schema: {}, isRequired: false }
    field = { schema: next.schema, isRequired: field.isRequired && next.isRequired }
  }
  return field
}

/** Whether a request must have a body: without one, the gateway takes an object without fields. */
export function needsBody({ root, definitions }: LocalSchema): boolean {
  const fields = fieldsOf(root, definitions)
  if ([...fields.values()].some(({ isRequired }) => isRequired)) return true
  const type = dereferenced(root, definitions)?.type
  return type !== undefined && ![type].flat().includes('object')
}

/** The message without some of its fields. */
export function withoutFields(
  { root, definitions }: LocalSchema,
  paths: readonly (readonly string[])[],
): LocalSchema {
  return { root: without(root, paths, definitions), definitions }
}

function without(schema: Schema, paths: readonly (readonly string[])[], definitions: Definitions): Schema {
  if (!isSchemaObject(schema) || paths.length === 0) return schema
  const { $ref, ...rest } = schema
  if (typeof $ref === 'string') {
    const target = without(resolveReference($ref, definitions), paths, definitions)
    return isSchemaObject(target) ? { ...target, ...rest } : rest
  }
  const removed = [
    ...paths.filter(({ length }) => length === 1).map(([name]) => name as string),
    ...excludedBy(new Set(paths.map(([name]) => name as string)), schema),
  ]
  const copy: Record<string, unknown> = { ...schema }
  if (isSchemaObject(schema.properties)) {
    const properties = Object.entries(schema.properties as Record<string, Schema>)
    copy.properties = Object.fromEntries(
      properties
        .filter(([name]) => !removed.includes(name))
        .map(([name, value]) => [name, without(value, inner(paths, name), definitions)]),
    )
  }
  if (Array.isArray(schema.required)) {
    const required = (schema.required as string[]).filter((name) => !removed.includes(name))
    if (required.length > 0) copy.required = required
    else delete copy.required
  }
  for (const keyword of ['allOf', 'anyOf', 'oneOf'])
    if (Array.isArray(schema[keyword]))
      copy[keyword] = (schema[keyword] as Schema[]).map((part) => without(part, paths, definitions))
  return copy
}

/** The fields that cannot be set together with these: other members of their oneofs. */
function excludedBy(names: ReadonlySet<string>, { dependentSchemas = {} }: SchemaObject): string[] {
  return Object.entries(dependentSchemas as Record<string, SchemaObject>).flatMap(
    ([name, { properties }]) => {
      const others = Object.entries((properties ?? {}) as Record<string, Schema>)
        .filter(([, schema]) => schema === false)
        .map(([other]) => other)
      if (names.has(name)) return others
      return others.some((other) => names.has(other)) ? [name] : []
    },
  )
}

function inner(paths: readonly (readonly string[])[], name: string): string[][] {
  return paths
    .filter(([first, second]) => first === name && second !== undefined)
    .map((path) => path.slice(1))
}

/** The fields of a message that can be parts of a query: values, lists of values, and the fields of messages in it. */
export function queryFields({ root, definitions }: LocalSchema): readonly QueryField[] {
  const found: QueryField[] = []
  const visit = (schema: Schema, prefix: string, isRequired: boolean, depth: number): void => {
    for (const [name, field] of fieldsOf(schema, definitions)) {
      if (!QUERY_NAME.test(name)) continue
      const path = `${prefix}${name}`
      const required = isRequired && field.isRequired
      if (found.length < QUERY_FIELDS_MAX && isForQuery(field.schema, definitions))
        found.push({ name: path, schema: field.schema, isRequired: required })
      else if (depth < QUERY_DEPTH_MAX) visit(field.schema, `${path}.`, required, depth + 1)
    }
  }
  visit(root, '', true, 1)
  return found
}

function isForQuery(schema: Schema, definitions: Definitions): boolean {
  if (isScalar(schema, definitions)) return true
  const target = dereferenced(schema, definitions)
  return target?.type === 'array' && isSchemaObject(target.items) && isScalar(target.items, definitions)
}

function isScalar(schema: unknown, definitions: Definitions): boolean {
  const target = dereferenced(schema, definitions)
  if (target === undefined) return false
  const { type, anyOf, oneOf } = target
  if (type !== undefined) return [type].flat().every((name) => SCALARS.includes(name))
  const alternatives = anyOf ?? oneOf
  if (Array.isArray(alternatives)) return alternatives.every((part) => isScalar(part, definitions))
  const values = 'const' in target ? [target.const] : target.enum
  return Array.isArray(values) && values.every((value) => typeof value !== 'object')
}

/** The fields of an object, by name. Those of alternatives are not required. */
function fieldsOf(schema: Schema, definitions: Definitions): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>()
  const add = (part: unknown, canRequire: boolean, depth: number): void => {
    const target = dereferenced(part, definitions)
    if (target === undefined || depth > QUERY_DEPTH_MAX) return
    const required = canRequire && Array.isArray(target.required) ? target.required : []
    for (const [name, property] of Object.entries((target.properties ?? {}) as Record<string, Schema>)) {
      const isRequired = required.includes(name) || fields.get(name)?.isRequired === true
      fields.set(name, { schema: property, isRequired })
    }
    for (const inside of listOf(target.allOf)) add(inside, canRequire, depth + 1)
    for (const inside of [...listOf(target.anyOf), ...listOf(target.oneOf)]) add(inside, false, depth + 1)
  }
  add(schema, true, 0)
  return fields
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Undefined for a boolean, and for references that only lead to themselves. */
function dereferenced(schema: unknown, definitions: Definitions): SchemaObject | undefined {
  let current = schema
  for (let steps = 0; isSchemaObject(current) && steps <= definitions.size; steps += 1) {
    const { $ref, ...rest } = current
    if (typeof $ref !== 'string') return current
    const target = resolveReference($ref, definitions)
    current = isSchemaObject(target) ? { ...target, ...rest } : target
  }
  return undefined
}
