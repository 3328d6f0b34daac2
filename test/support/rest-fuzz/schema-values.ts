import fc from 'fast-check'

// biome-ignore lint/suspicious/noExplicitAny: parts of documents
export type Json = any

/** References that values follow in each other; deeper ones end as soon as the schema allows it. */
const DEPTH_MAX = 3
/** How seldom fields of inner objects are there: a type that contains itself in many fields would become too large. */
const OPTIONAL_WEIGHT = 8
const DATE = fc.date({ min: new Date('0001-01-02'), max: new Date('9999-12-30'), noInvalidDate: true })
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n }
const UINT64 = { min: 0n, max: 2n ** 64n - 1n }

/** Of the types in the files of the test services. */
const ANY = fc.oneof(
  fc.record({ '@type': fc.constant('type.googleapis.com/user.GetUserRequest'), account: fc.string() }),
  fc.record({
    '@type': fc.constant('type.googleapis.com/google.protobuf.Duration'),
    value: fc.constant('1.500s'),
  }),
)

/** The part of a document that a reference names. */
export function resolve(root: Json, schema: Json): Json {
  if (typeof schema?.$ref !== 'string') return schema
  let found = root
  for (const step of schema.$ref.split('/').slice(1))
    found = found?.[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')]
  const { $ref: _, ...rest } = schema
  return typeof found === 'object' ? { ...resolve(root, found), ...rest } : found
}

/** Makes values of JSON Schemas, as far as the documents of gateways use them. */
export class SchemaValues {
  readonly #root: Json

  /** @param root the document to which references are relative */
  constructor(root: Json) {
    this.#root = root
  }

  /** Values that are valid. Callers filter them: a schema can have a constraint that this does not know. */
  valid(schema: Json, depth = 0): fc.Arbitrary<Json> {
    const target = resolve(this.#root, schema)
    if (target === true || target === undefined) return fc.jsonValue({ maxDepth: 1 })
    if (target === false) throw new Error('no value is valid')
    if ('const' in target) return fc.constant(target.const)
    if (target.enum !== undefined) return fc.constantFrom(...target.enum)
    const options = target.anyOf ?? target.oneOf
    if (options !== undefined)
      return fc.oneof(
        ...options.map((option: Json) => this.valid({ ...withoutAlternatives(target), ...option }, depth)),
      )
    if (target.allOf !== undefined) return this.valid(merged(this.#root, target), depth)
    const types: string[] = [target.type ?? typesFrom(target)].flat()
    if (types.length === 0) return fc.jsonValue({ maxDepth: 1 })
    return fc.oneof(...types.map((type) => this.#ofType(type, target, depth)))
  }

  #ofType(type: string, schema: Json, depth: number): fc.Arbitrary<Json> {
    switch (type) {
      case 'null':
        return fc.constant(null)
      case 'boolean':
        return fc.boolean()
      case 'integer':
        return fc.integer({
          min: Math.max(schema.minimum ?? -1_000, Number.MIN_SAFE_INTEGER),
          max: Math.min(schema.maximum ?? 1_000, Number.MAX_SAFE_INTEGER),
        })
      case 'number':
        return schema.format === 'float'
          ? fc.float({ noNaN: true, noDefaultInfinity: true })
          : fc.double({
              noNaN: true,
              noDefaultInfinity: true,
              min: schema.minimum ?? -1e300,
              max: schema.maximum ?? 1e300,
            })
      case 'string':
        return textOf(schema)
      case 'array':
        return this.#array(schema, depth)
      default:
        return this.#object(schema, depth)
    }
  }

  #array({ items = true, prefixItems = [], minItems = 0, maxItems = 3 }: Json, depth: number) {
    const first = prefixItems.map((item: Json) => this.valid(item, depth + 1)) as fc.Arbitrary<Json>[]
    const maxLength = depth >= DEPTH_MAX ? minItems : Math.min(maxItems, 3)
    const rest =
      maxLength === 0 || items === false
        ? fc.constant([])
        : fc.array(this.valid(items, depth + 1), { minLength: minItems, maxLength })
    return fc.tuple(fc.tuple(...first), rest).map(([head, tail]) => [...head, ...tail])
  }

  #object(schema: Json, depth: number): fc.Arbitrary<Json> {
    const { properties = {}, required = [], additionalProperties, propertyNames } = schema
    if ('@type' in properties) return ANY
    const names = Object.keys(properties).filter(
      (name) => properties[name] !== false && (depth < DEPTH_MAX || required.includes(name)),
    )
    const entries = names.map((name) => {
      // A type can contain itself.
      const value = fc.constant(name).chain(() => this.valid(properties[name], depth + 1))
      const absent = { arbitrary: fc.constant(undefined), weight: 1 + depth * OPTIONAL_WEIGHT }
      return [
        name,
        required.includes(name) ? value : fc.oneof(absent, { arbitrary: value, weight: 1 }),
      ] as const
    })
    const record = fc
      .record(Object.fromEntries(entries), { noNullPrototype: true })
      .map((object) => withoutExcluded(object, schema))
    const isOpen = typeof additionalProperties === 'object' || additionalProperties === true
    if (!isOpen || depth >= DEPTH_MAX) return record
    const others = fc.dictionary(
      propertyNames === undefined
        ? fc.string({ maxLength: 5 })
        : this.valid({ type: 'string', ...propertyNames }),
      this.valid(additionalProperties, depth + 1),
      { maxKeys: 2, noNullPrototype: true },
    )
    return fc.tuple(others, record).map(([more, own]) => ({ ...more, ...own }))
  }
}

function textOf({
  format,
  pattern,
  contentEncoding,
  minLength = 0,
  maxLength = 12,
}: Json): fc.Arbitrary<string> {
  if (format === 'int64') return fc.bigInt(INT64).map(String)
  if (format === 'int32') return fc.integer().map(String)
  if (format === 'uint32') return fc.nat().map(String)
  if (format === 'uint64') return fc.bigInt(UINT64).map(String)
  if (format === 'date-time') return DATE.map((date) => date.toISOString())
  if (format === 'date') return DATE.map((date) => date.toISOString().slice(0, 10))
  if (contentEncoding === 'base64')
    return fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('base64'))
  // protobuf.dev: at most 10,000 years.
  if (pattern?.endsWith('s$') === true)
    return fc
      .tuple(fc.integer({ min: 0, max: 315_576_000_000 - 1 }), fc.integer({ min: 0, max: 999 }))
      .map(([seconds, ms]) => `${seconds}.${String(ms).padStart(3, '0')}s`)
  if (pattern?.includes('(?:,') === true)
    return fc
      .array(fc.constantFrom('id', 'name', 'user.name'), { maxLength: 2 })
      .map((paths) => paths.join(','))
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, 'u'), { size: 'small' })
  return fc.string({ unit: 'grapheme', minLength, maxLength: Math.max(minLength, Math.min(maxLength, 12)) })
}

function typesFrom(schema: Json): string[] {
  if (schema.properties !== undefined || schema.additionalProperties !== undefined) return ['object']
  return []
}

/** Without fields that are not there, and without those that others exclude. */
function withoutExcluded(object: Json, { dependentSchemas = {} }: Json): Json {
  const excluded = new Set(
    Object.entries(dependentSchemas as Record<string, Json>).flatMap(([name, { properties }]) =>
      object[name] === undefined ? [] : Object.keys(properties),
    ),
  )
  return Object.fromEntries(
    Object.entries(object).filter(([name, value]) => value !== undefined && !excluded.has(name)),
  )
}

function withoutAlternatives(schema: Json): Json {
  return Object.fromEntries(
    Object.entries(schema).filter(([keyword]) => !['anyOf', 'oneOf'].includes(keyword)),
  )
}

/** The schemas of `allOf` in one. */
function merged(root: Json, { allOf, ...own }: Json): Json {
  let all = own
  for (const part of allOf) {
    const target = resolve(root, part)
    all = {
      ...target,
      ...all,
      properties: { ...target.properties, ...all.properties },
      required: [...(target.required ?? []), ...(all.required ?? [])],
    }
  }
  return all
}
