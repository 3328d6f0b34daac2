import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import fc from 'fast-check'

const INT64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const UINT64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const INT32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const UINT32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })

/** Objects that `create` accepts for a type, with any of its fields. */
export function initOf(desc: DescMessage, levels = 1): fc.Arbitrary<Record<string, unknown>> {
  if (desc.typeName === 'google.protobuf.Any' || desc.typeName === 'google.protobuf.Value')
    return fc.constant({})
  const members = desc.members.map((member): [string, fc.Arbitrary<unknown>] => {
    if (member.kind === 'field') return [member.localName, fieldOf(member, levels)]
    const cases = member.fields.map((field) =>
      fieldOf(field, levels).map((value) => ({ case: field.localName, value })),
    )
    return [member.localName, fc.oneof(fc.constant({ case: undefined }), ...cases)]
  })
  return fc.record(Object.fromEntries(members), { requiredKeys: [] })
}

function fieldOf(field: DescField, levels: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === 'list') return fc.array(elementOf(field, levels), { maxLength: 3 })
  if (field.fieldKind === 'map')
    return fc.dictionary(keyOf(field.mapKey), elementOf(field, levels), { maxKeys: 3, noNullPrototype: true })
  const isWrapper =
    field.oneof === undefined && /^google\.protobuf\.\w+Value$/.test(field.message?.typeName ?? '')
  return isWrapper ? elementOf(field.message?.fields[0] as DescField, levels) : elementOf(field, levels)
}

function elementOf(field: DescField, levels: number): fc.Arbitrary<unknown> {
  if (field.scalar !== undefined) return scalarOf(field.scalar, 'longAsString' in field && field.longAsString)
  if (field.enum !== undefined)
    return field.enum.open ? INT32 : fc.constantFrom(...field.enum.values.map(({ number }) => number))
  if (field.message.typeName === 'google.protobuf.Struct')
    return fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { noNullPrototype: true })
  return levels === 0 ? fc.constant({}) : initOf(field.message, levels - 1)
}

function keyOf(type: ScalarType): fc.Arbitrary<string> {
  if (type === ScalarType.BOOL) return fc.boolean().map(String)
  return scalarOf(type, false).map(String)
}

function scalarOf(type: ScalarType, asString: boolean): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.DOUBLE:
      return fc.double()
    case ScalarType.FLOAT:
      return fc.float()
    case ScalarType.BOOL:
      return fc.boolean()
    case ScalarType.STRING:
      return fc.string({ unit: 'binary' })
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 20 })
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return UINT32
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return asString ? UINT64.map(String) : UINT64
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return asString ? INT64.map(String) : INT64
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return INT32
  }
}
