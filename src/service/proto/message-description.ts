import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt'

/** A type with all types that its messages can contain, as a JSON value for the hash of a contract. It has no comments and no options. */
export function describeMessage(desc: DescMessage): unknown {
  const { messages, enums } = typesIn(desc)
  return {
    type: desc.typeName,
    messages: Object.fromEntries(
      [...messages].map(({ typeName, fields }) => [typeName, fields.map(describeField).toSorted(byNumber)]),
    ),
    enums: Object.fromEntries([...enums].map((type) => [type.typeName, describeEnum(type)])),
  }
}

/** Whether a message of this type, or one in it, has a required field. */
export function hasRequiredField(desc: DescMessage): boolean {
  return [...typesIn(desc).messages].some(({ fields }) =>
    fields.some(({ presence }) => presence === FeatureSet_FieldPresence.LEGACY_REQUIRED),
  )
}

function typesIn(desc: DescMessage): { messages: Set<DescMessage>; enums: Set<DescEnum> } {
  const messages = new Set([desc])
  const enums = new Set<DescEnum>()
  // The loop also visits what it adds.
  for (const { fields } of messages) {
    for (const field of fields) {
      if (field.message !== undefined) messages.add(field.message)
      if (field.enum !== undefined) enums.add(field.enum)
    }
  }
  return { messages, enums }
}

type FieldDescription = readonly [number: number, ...rest: unknown[]]

function describeField(field: DescField): FieldDescription {
  const type = field.message?.typeName ?? field.enum?.typeName ?? ScalarType[field.scalar as ScalarType]
  const key = field.fieldKind === 'map' ? ScalarType[field.mapKey] : ''
  const isDelimited = field.message !== undefined && field.delimitedEncoding
  const { number, name, jsonName, fieldKind, presence, oneof } = field
  return [
    number,
    name,
    jsonName,
    fieldKind,
    type,
    key,
    presence,
    oneof?.name ?? '',
    isDelimited,
    field.proto.defaultValue ?? null,
  ]
}

function describeEnum({ open, values }: DescEnum): unknown {
  return {
    open,
    values: values.map(({ number, name }): FieldDescription => [number, name]).toSorted(byNumber),
  }
}

function byNumber([left]: FieldDescription, [right]: FieldDescription): number {
  return left - right
}
