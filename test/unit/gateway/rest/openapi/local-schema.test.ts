import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { localSchema } from '../../../../../src/gateway/rest/openapi/local-schema.js'
import { SchemaComponents } from '../../../../../src/gateway/rest/openapi/schema-components.js'

type Schema = Record<string, unknown>

const DRAFT_07 = 'http://json-schema.org/draft-07/schema#'

/** The schema as a document with components has it. */
function inDocument(schema: Schema): Schema {
  const components = new SchemaComponents()
  const root = components.addNamed(localSchema(schema, 'Root', 'the schema'), 'Root') as Schema
  return { ...root, components: { schemas: components.toJSON() } }
}

const SCHEMAS: Readonly<Record<string, Schema>> = {
  'a reference to the root': {
    type: 'object',
    properties: { next: { $ref: '#' }, n: { type: 'number' } },
    required: ['n'],
  },
  'definitions that refer to each other': {
    $ref: '#/$defs/a',
    $defs: {
      a: { type: 'object', properties: { b: { $ref: '#/$defs/b' } } },
      b: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/a' }] },
      unused: { type: 'string' },
    },
  },
  'a name with other characters': {
    type: 'array',
    items: { $ref: '#/$defs/a~1b%20c~0' },
    $defs: { 'a/b c~': { type: 'string' } },
  },
  'a reference into a property': {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { $ref: '#/properties/a' } },
  },
  'definitions in a definition': {
    $ref: '#/$defs/outer/$defs/inner',
    $defs: { outer: { $defs: { inner: { type: 'boolean' } } } },
  },
  anchors: {
    type: 'object',
    properties: { a: { $ref: '#text' } },
    $defs: { x: { $anchor: 'text', type: 'string' } },
  },
  'a dynamic reference': {
    $dynamicAnchor: 'node',
    type: 'object',
    properties: { n: { type: 'number' }, next: { $dynamicRef: '#node' } },
  },
  identifiers: {
    $id: 'https://example.org/root',
    type: 'object',
    properties: {
      a: { $ref: 'other' },
      b: { $ref: 'https://example.org/root' },
      c: { $ref: 'other#/$defs/deep' },
    },
    $defs: { x: { $id: 'other', type: 'string', $defs: { deep: { type: 'null' } } } },
  },
  'data that looks like a reference': {
    type: 'object',
    properties: {
      $ref: { type: 'string' },
      a: { const: { $ref: '#/nowhere' } },
      b: { enum: [{ $ref: '#' }] },
    },
    default: { $ref: '#/nowhere' },
  },
  'a reference with neighbours': {
    type: 'array',
    items: { $ref: '#/$defs/n', maximum: 3, description: 'A number.' },
    $defs: { n: { type: 'number', minimum: 0 } },
  },
}
const OLD_SCHEMAS: Readonly<Record<string, Schema>> = {
  'definitions, tuples and dependencies of draft-07': {
    $schema: DRAFT_07,
    type: 'object',
    properties: {
      pair: {
        type: 'array',
        items: [{ $ref: '#/definitions/a' }, { type: 'number' }],
        additionalItems: false,
      },
      open: { type: 'array', items: [{ type: 'number' }] },
    },
    dependencies: { pair: ['open'], open: { properties: { n: { type: 'number' } } } },
    definitions: { a: { type: 'string' } },
  },
}

const values = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(
    fc.constantFrom('next', 'n', 'a', 'b', 'c', 'pair', 'open', '$ref'),
    fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constant({ $ref: '#/nowhere' }),
      fc.constant({ n: 1 }),
      fc.constant({ n: 'x' }),
      fc.constant(['a', 1]),
      fc.constant(['a', 1, 2]),
    ),
    { noNullPrototype: true },
  ),
)

describe('localSchema', () => {
  const all = [
    ...Object.entries(SCHEMAS).map(([name, schema]) => [name, schema, Ajv2020] as const),
    ...Object.entries(OLD_SCHEMAS).map(([name, schema]) => [name, schema, Ajv] as const),
  ]

  it.each(all)('keeps the meaning of %s', (_name, schema, Validator) => {
    const before = new Validator({ strict: false, validateFormats: false }).compile(schema)
    const document = inDocument(schema)
    const after = new Ajv2020({ strict: false, validateFormats: false }).compile(document)
    expect(JSON.stringify(document)).not.toMatch(/"\$(?:id|schema|anchor|dynamicRef)":|"definitions":/)
    fc.assert(
      fc.property(values, (value) => {
        expect(after(value)).toBe(before(value))
      }),
      { numRuns: 500 },
    )
  })

  it('refuses a reference to nothing', () => {
    const schema = { type: 'object', properties: { a: { $ref: 'https://example.org/other' } } }
    expect(() => localSchema(schema, 'Root', 'the JSON Schema of the input of s.m')).toThrow(
      'the JSON Schema of the input of s.m refers to "https://example.org/other", which it does not contain; use $defs',
    )
  })
})

describe('SchemaComponents', () => {
  const user = (type: string): Schema => ({
    type: 'object',
    properties: { user: { $ref: '#/$defs/User' } },
    $defs: { User: { type: 'object', properties: { id: { $ref: '#/$defs/Id' } } }, Id: { type } },
  })
  const added = (...types: readonly string[]) => {
    const components = new SchemaComponents()
    const roots = types.map((type, index) =>
      components.addNamed(localSchema(user(type), `M${index}`, ''), `s.m${index}`),
    )
    return { roots, schemas: components.toJSON() }
  }

  it('has equal definitions once', () => {
    const { roots, schemas } = added('string', 'string')
    expect(Object.keys(schemas)).toEqual(['Id', 'User', 's.m0', 's.m1'])
    expect(roots).toEqual([{ $ref: '#/components/schemas/s.m0' }, { $ref: '#/components/schemas/s.m1' }])
  })

  it('gives another name to a different definition, and to those that refer to it', () => {
    const { schemas } = added('string', 'number')
    expect(Object.keys(schemas)).toEqual(['Id', 'User', 's.m0', 's.m1', 's.m1.Id', 's.m1.User'])
    expect(schemas['s.m1.User']).toEqual({
      type: 'object',
      properties: { id: { $ref: '#/components/schemas/s.m1.Id' } },
    })
  })

  it('replaces characters that names of components cannot have', () => {
    const components = new SchemaComponents()
    const schema = {
      properties: { a: { $ref: '#/$defs/a%20b' }, b: { $ref: '#/$defs/a_b' } },
      $defs: { 'a b': { type: 'string' }, a_b: { type: 'number' } },
    }
    const root = components.add(localSchema(schema, 'M', ''), 's.m') as Schema
    expect(components.toJSON()).toEqual({ a_b: { type: 'string' }, 's.m.a_b': { type: 'number' } })
    expect(root.properties).toEqual({
      a: { $ref: '#/components/schemas/a_b' },
      b: { $ref: '#/components/schemas/s.m.a_b' },
    })
  })
})
