import { type DescEnum, ScalarType } from '@bufbuild/protobuf'
import type { Convert } from './message-walk.js'

const INT32_MIN = -(2 ** 31)
const INT32_MAX = 2 ** 31 - 1
const UINT32_MAX = 2 ** 32 - 1
const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n
const INTEGERS_64: readonly ScalarType[] = [
  ScalarType.INT64,
  ScalarType.SINT64,
  ScalarType.SFIXED64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
]
/** Longer texts are not integers of 64 bits. */
const DECIMAL = /^-?\d{1,20}$/

/** Checks a scalar value. An integer of 64 bits can also be a safe number or a decimal string, because JSON has no bigint. */
export function scalarConvert(type: ScalarType, longAsString: boolean): Convert {
  switch (type) {
    case ScalarType.DOUBLE:
      return (value, walk) => (typeof value === 'number' ? value : walk.fail('must be a number'))
    case ScalarType.FLOAT:
      return (value, walk) => (isFloat(value) ? value : walk.fail('must be a number of 32 bits'))
    case ScalarType.BOOL:
      return (value, walk) => (typeof value === 'boolean' ? value : walk.fail('must be true or false'))
    case ScalarType.STRING:
      return (value, walk) =>
        typeof value === 'string' && value.isWellFormed()
          ? value
          : walk.fail('must be a string without lone surrogates')
    case ScalarType.BYTES:
      return (value, walk) => (value instanceof Uint8Array ? value : walk.fail('must be a Uint8Array'))
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return integerConvert(0, UINT32_MAX)
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return integerConvert(INT32_MIN, INT32_MAX)
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return longConvert(0n, UINT64_MAX, longAsString)
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return longConvert(INT64_MIN, INT64_MAX, longAsString)
  }
}

/** A closed enum has no other values than the declared ones. */
export function enumConvert({ open, value: values, typeName }: DescEnum): Convert {
  if (open) return integerConvert(INT32_MIN, INT32_MAX)
  const numbers = new Set(Object.keys(values).map(Number))
  return (value, walk) =>
    numbers.has(value as number) ? value : walk.fail(`must be a number of the enum ${typeName}`)
}

/** Checks the name of a property that is a key of a map. All keys of objects are strings. */
export function mapKeyConvert(type: ScalarType): Convert {
  if (type === ScalarType.STRING) return scalarConvert(type, false)
  if (type === ScalarType.BOOL) {
    return (key, walk) => (key === 'true' || key === 'false' ? key : walk.fail('must be "true" or "false"'))
  }
  const convert = scalarConvert(type, true)
  return (key, walk) =>
    DECIMAL.test(key as string)
      ? convert(isLong(type) ? key : Number(key), walk)
      : walk.fail('must be a decimal number')
}

function isLong(type: ScalarType): boolean {
  return INTEGERS_64.includes(type)
}

function integerConvert(min: number, max: number): Convert {
  const description = `must be an integer from ${min} to ${max}`
  return (value, walk) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? value
      : walk.fail(description)
}

function longConvert(min: bigint, max: bigint, asString: boolean): Convert {
  const description = `must be a bigint from ${min} to ${max}`
  return (value, walk) => {
    const long = bigintOf(value)
    if (long === undefined || long < min || long > max) return walk.fail(description)
    return asString ? String(long) : long
  }
}

function bigintOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (Number.isSafeInteger(value)) return BigInt(value as number)
  return typeof value === 'string' && DECIMAL.test(value) ? BigInt(value) : undefined
}

/** NaN and the infinities are valid. A number that becomes infinite in 32 bits is not. */
function isFloat(value: unknown): boolean {
  return typeof value === 'number' && (Number.isFinite(Math.fround(value)) || !Number.isFinite(value))
}
