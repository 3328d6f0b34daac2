import { type DescEnum, type DescField, type DescMessage, getOption, hasOption } from '@bufbuild/protobuf'
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt'
import { findExtension } from './find-extension.js'
import { commentOf } from './proto-comments.js'
import { mapKeySchema, scalarSchema } from './scalar-schemas.js'

type Schema = Readonly<Record<string, unknown>>

const FIELD_BEHAVIOR = 'google.api.field_behavior'
/** Values of google.api.FieldBehavior (googleapis/googleapis: google/api/field_behavior.proto). */
const REQUIRED = 2
const OUTPUT_ONLY = 3
const INPUT_ONLY = 4
/** The exclusions of a longer oneof would be many: their number grows with the square of that of the members. */
const EXCLUSIVE_MEMBERS_MAX = 10

/** The types whose JSON is not an object with their fields (https://protobuf.dev/programming-guides/json/). */
const WELL_KNOWN: ReadonlyMap<string, Schema> = new Map<string, Schema>([
  [
    'google.protobuf.Any',
    {
      type: 'object',
      description: 'A message of any type.',
      properties: {
        '@type': { type: 'string', description: 'For example `type.googleapis.com/user.User`.' },
      },
      required: ['@type'],
    },
  ],
  ['google.protobuf.Timestamp', { type: 'string', format: 'date-time' }],
  [
    'google.protobuf.Duration',
    { type: 'string', pattern: String.raw`^-?[0-9]{1,12}(?:\.[0-9]{1,9})?s$`, examples: ['1.5s'] },
  ],
  [
    'google.protobuf.FieldMask',
    { type: 'string', pattern: '^(?:[A-Za-z0-9.]+(?:,[A-Za-z0-9.]+)*)?$', examples: ['user.name,id'] },
  ],
  ['google.protobuf.Struct', { type: 'object', additionalProperties: true }],
  ['google.protobuf.ListValue', { type: 'array', items: {} }],
  ['google.protobuf.Value', { description: 'Any JSON value.' }],
])
const WRAPPER = /^google\.protobuf\.(?:Double|Float|U?Int(?:32|64)|Bool|String|Bytes)Value$/

/**
 * The JSON Schema, draft 2020-12, of a type in ProtoJSON. The definitions have the full names of the types. Input can also have the other
 * forms that ProtoJSON accepts, such as numbers for integers of 64 bits.
 */
export function protoJsonSchema(desc: DescMessage): Schema {
  const definitions = new Map<DescEnum | DescMessage, Schema>()
  const root = new SchemaWriter(definitions).message(desc)
  const byName = [...definitions].map(([{ typeName }, schema]) => [typeName, schema] as const)
  return definitions.size === 0
    ? root
    : { ...root, $defs: Object.fromEntries(byName.toSorted(([left], [right]) => (left < right ? -1 : 1))) }
}

class SchemaWriter {
  readonly #definitions: Map<DescEnum | DescMessage, Schema>

  constructor(definitions: Map<DescEnum | DescMessage, Schema>) {
    this.#definitions = definitions
  }

  message(desc: DescMessage): Schema {
    const known = WELL_KNOWN.get(desc.typeName)
    if (known !== undefined) return known
    if (WRAPPER.test(desc.typeName)) {
      const { scalar } = desc.fields[0] as DescField
      return scalarSchema(scalar as NonNullable<typeof scalar>)
    }
    if (!this.#definitions.has(desc)) {
      // A type can contain itself.
      this.#definitions.set(desc, {})
      this.#definitions.set(desc, this.#object(desc))
    }
    return referenceTo(desc)
  }

  #object(desc: DescMessage): Schema {
    const exclusions = Object.assign({}, ...desc.oneofs.map(({ fields }) => exclusionsOf(fields)))
    const required = desc.fields.filter(isRequired).map(({ jsonName }) => jsonName)
    return {
      type: 'object',
      ...described(messageText(desc)),
      ...(desc.deprecated && { deprecated: true }),
      properties: Object.fromEntries(desc.fields.map((field) => [field.jsonName, this.#field(field)])),
      ...(required.length > 0 && { required }),
      ...(Object.keys(exclusions).length > 0 && { dependentSchemas: exclusions }),
    }
  }

  #field(field: DescField): Schema {
    const behaviors = behaviorsOf(field)
    return {
      ...this.#valueOf(field),
      ...described(commentOf(field)),
      ...(field.deprecated && { deprecated: true }),
      ...(behaviors.includes(OUTPUT_ONLY) && { readOnly: true }),
      ...(behaviors.includes(INPUT_ONLY) && { writeOnly: true }),
    }
  }

  #valueOf(field: DescField): Schema {
    if (field.fieldKind === 'list') return { type: 'array', items: this.#element(field) }
    if (field.fieldKind !== 'map') {
      const isWrapper = field.message !== undefined && WRAPPER.test(field.message.typeName)
      return isWrapper ? nullable(this.#element(field)) : this.#element(field)
    }
    const propertyNames = mapKeySchema(field.mapKey)
    return {
      type: 'object',
      additionalProperties: this.#element(field),
      ...(propertyNames !== undefined && { propertyNames }),
    }
  }

  #element({ scalar, message, enum: enumeration }: DescField): Schema {
    if (scalar !== undefined) return scalarSchema(scalar)
    return message === undefined ? this.#enum(enumeration) : this.message(message)
  }

  #enum(desc: DescEnum): Schema {
    if (desc.typeName === 'google.protobuf.NullValue') return { type: 'null' }
    this.#definitions.set(desc, {
      type: 'string',
      ...described(commentOf(desc)),
      ...(desc.deprecated && { deprecated: true }),
      enum: desc.values.map(({ name }) => name),
    })
    return referenceTo(desc)
  }
}

function referenceTo({ typeName }: DescEnum | DescMessage): Schema {
  return { $ref: `#/$defs/${typeName}` }
}

function nullable(schema: Schema): Schema {
  const { type } = schema
  return typeof type === 'string'
    ? { ...schema, type: [type, 'null'] }
    : { anyOf: [...(schema.anyOf as Schema[]), { type: 'null' }] }
}

function described(description: string): Schema {
  return description === '' ? {} : { description }
}

/** The comment, and the members of each oneof. */
function messageText(desc: DescMessage): string {
  const oneofs = desc.oneofs.map(({ name, fields }) => {
    const members = fields.map(({ jsonName }) => `\`${jsonName}\``).join(', ')
    return `At most one of ${members} is set (oneof \`${name}\`).`
  })
  return [commentOf(desc), ...oneofs].filter((text) => text !== '').join('\n\n')
}

/** Members of a oneof exclude the others. */
function exclusionsOf(fields: readonly DescField[]): Readonly<Record<string, Schema>> {
  if (fields.length > EXCLUSIVE_MEMBERS_MAX) return {}
  const names = fields.map(({ jsonName }) => jsonName)
  return Object.fromEntries(
    names.slice(0, -1).map((name, index) => {
      const others = names.slice(index + 1).map((other) => [other, false])
      return [name, { properties: Object.fromEntries(others) }]
    }),
  )
}

function isRequired(field: DescField): boolean {
  return field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED || behaviorsOf(field).includes(REQUIRED)
}

function behaviorsOf(field: DescField): readonly number[] {
  const extension = findExtension(field.parent.file, FIELD_BEHAVIOR)
  return extension !== undefined && hasOption(field, extension)
    ? (getOption(field, extension) as number[])
    : []
}
