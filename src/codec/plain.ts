import { typedArrayNameOf } from './brand.js'

const INT64_MIN = -(2n ** 63n)
export const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n

const TYPED_ARRAYS: readonly (new (buffer: ArrayBuffer) => object)[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]
const TYPED_ARRAY_CODES: ReadonlyMap<string | undefined, number> = new Map(
  TYPED_ARRAYS.map(({ name }, code) => [name, code]),
)

/** The code of a class in the extension for typed arrays: an index of TYPED_ARRAYS, or one of these. BUFFER is not sent. */
export const LeafCode = { ARRAY_BUFFER: 0x10, DATA_VIEW: 0x11, BUFFER: -1 } as const

/** The code of the class of a view; undefined for a class that cannot be sent. */
export function leafCodeOf(view: ArrayBufferView): number | undefined {
  if (Buffer.isBuffer(view)) return LeafCode.BUFFER
  const name = typedArrayNameOf(view)
  return name === undefined ? LeafCode.DATA_VIEW : TYPED_ARRAY_CODES.get(name)
}

/** An instance, over `buffer`, of the class with this code. Undefined for an unknown code. Throws RangeError for a wrong length. */
export function typedArrayFor(code: number | undefined, buffer: ArrayBuffer): object | undefined {
  if (code === LeafCode.ARRAY_BUFFER) return buffer
  if (code === LeafCode.DATA_VIEW) return new DataView(buffer)
  const TypedArray = TYPED_ARRAYS[code as number]
  return TypedArray === undefined ? undefined : new TypedArray(buffer)
}

/** Whether the decimal form of a bigint would be long. Its work grows faster than its length. */
export function isLongBigint(value: unknown): boolean {
  return typeof value === 'bigint' && (value < INT64_MIN || value > UINT64_MAX)
}

/** The key of an object. Other implementations of MessagePack can send numbers and others. Throws TypeError for an object or a long bigint. */
export function keyOf(key: unknown): string {
  if (typeof key === 'string') return key
  if (typeof key === 'object' && key !== null) throw new TypeError('the key of a map is an object')
  if (isLongBigint(key)) throw new TypeError('the key of a map is a bigint of more than 64 bits')
  return String(key)
}

/** Assigns a property of a decoded object, which would set a property of its prototype for a few keys. */
export function defineMember(target: object, key: string, value: unknown, enumerable = true): void {
  Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true })
}
