/** A JSON Schema, draft 2020-12; booleans are schemas too. */
export type Schema = boolean | SchemaObject
export type SchemaObject = Readonly<Record<string, unknown>>

const ONE = [
  'additionalItems',
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]
const LISTS = ['allOf', 'anyOf', 'items', 'oneOf', 'prefixItems']
const MAPS = ['$defs', 'definitions', 'dependencies', 'dependentSchemas', 'patternProperties', 'properties']

/** @param step the keyword, and the key within its value */
type Visit = (schema: SchemaObject, steps: readonly string[]) => Schema

/** A copy in which the schemas directly within this one are replaced. */
export function mapSubschemas(schema: SchemaObject, replace: Visit): SchemaObject {
  const one = (value: unknown, steps: readonly string[]): unknown =>
    isSchemaObject(value) ? replace(value, steps) : value
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (LISTS.includes(keyword) && Array.isArray(value))
        return [keyword, value.map((item, index) => one(item, [keyword, String(index)]))]
      if (MAPS.includes(keyword) && isSchemaObject(value))
        return [
          keyword,
          Object.fromEntries(
            Object.entries(value).map(([key, member]) => [key, one(member, [keyword, key])]),
          ),
        ]
      return [keyword, ONE.includes(keyword) ? one(value, [keyword]) : value]
    }),
  )
}

export function isSchemaObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
