import { ScalarType } from '@bufbuild/protobuf'

type Schema = Readonly<Record<string, unknown>>

const INT32_MIN = -(2 ** 31)
const INT32_MAX = 2 ** 31 - 1
const UINT32_MAX = 2 ** 32 - 1
const NOT_FINITE = ['NaN', 'Infinity', '-Infinity']

/** The JSON Schema of a scalar value in ProtoJSON (https://protobuf.dev/programming-guides/json/). */
export function scalarSchema(type: ScalarType): Schema {
  switch (type) {
    case ScalarType.DOUBLE:
      return { anyOf: [{ type: 'number', format: 'double' }, { enum: NOT_FINITE }] }
    case ScalarType.FLOAT:
      return { anyOf: [{ type: 'number', format: 'float' }, { enum: NOT_FINITE }] }
    case ScalarType.BOOL:
      return { type: 'boolean' }
    case ScalarType.STRING:
      return { type: 'string' }
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' }
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', format: 'uint32', minimum: 0, maximum: UINT32_MAX }
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer', format: 'int32', minimum: INT32_MIN, maximum: INT32_MAX }
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: 'string', format: 'uint64', pattern: '^[0-9]{1,20}$' }
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { type: 'string', format: 'int64', pattern: '^-?[0-9]{1,19}$' }
  }
}

/** The JSON Schema for the names of the properties of a map. Undefined: any name. */
export function mapKeySchema(type: ScalarType): Schema | undefined {
  if (type === ScalarType.STRING) return undefined
  if (type === ScalarType.BOOL) return { enum: ['true', 'false'] }
  const { format, pattern = format === 'uint32' ? '^[0-9]{1,10}$' : '^-?[0-9]{1,10}$' } = scalarSchema(type)
  return { format, pattern }
}
