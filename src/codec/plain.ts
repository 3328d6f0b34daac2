export const INT64_MIN = -(2n ** 63n)
export const INT64_MAX = 2n ** 63n - 1n
export const UINT64_MAX = 2n ** 64n - 1n

/** The views that keep their class, by the name in their `Symbol.toStringTag`. */
export const VIEW_CLASSES = {
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
  DataView,
} as const

const { DataView: _, ...TYPED_ARRAY_CLASSES } = VIEW_CLASSES
const TYPED_ARRAYS: readonly (new (buffer: ArrayBuffer) => object)[] = Object.values(TYPED_ARRAY_CLASSES)

/** The code of a class in the extension for typed arrays: an index of TYPED_ARRAYS, or one of these. */
export const LeafCode = { ARRAY_BUFFER: 0x10, DATA_VIEW: 0x11, BUFFER: -1, DATE: -2 } as const

/** Classes with an encoding of their own, by prototype. Negative codes are not sent. */
export const LEAF_CODES: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  ...TYPED_ARRAYS.map((TypedArray, code): [unknown, number] => [TypedArray.prototype, code]),
  [ArrayBuffer.prototype, LeafCode.ARRAY_BUFFER],
  [DataView.prototype, LeafCode.DATA_VIEW],
  [Buffer.prototype, LeafCode.BUFFER],
  [Date.prototype, LeafCode.DATE],
])

/** An instance, over `buffer`, of the class with this code. Undefined for an unknown code. Throws RangeError for a wrong length. */
export function typedArrayFor(code: number | undefined, buffer: ArrayBuffer): unknown {
  if (code === LeafCode.ARRAY_BUFFER) return buffer
  if (code === LeafCode.DATA_VIEW) return new DataView(buffer)
  const TypedArray = TYPED_ARRAYS[code as number]
  return TypedArray === undefined ? undefined : new TypedArray(buffer)
}

const BYTE_ORDER_MARK = 0xfeff

/** UTF-8 replaces lone surrogates by U+FFFD, and the TextDecoder of msgpackr drops a leading byte order mark. */
export function isPlainString(text: string): boolean {
  return text.isWellFormed() && text.charCodeAt(0) !== BYTE_ORDER_MARK
}

/** Classes whose instances have state beyond their properties, and no `Symbol.toStringTag`. */
const BUILT_IN_PROTOTYPES: ReadonlySet<unknown> = new Set(
  [Array, Boolean, Date, Error, Function, Number, RegExp, String].map((builtIn) => builtIn.prototype),
)
const ordinaryPrototypes = new WeakMap<object, boolean>()

/** Whether the properties are the whole state of the instances of a class. Computed once for each class. */
export function isOfOrdinaryClass(prototype: object): boolean {
  const known = ordinaryPrototypes.get(prototype)
  if (known !== undefined) return known
  let isOrdinary = true
  for (let link = prototype; link !== null && link !== Object.prototype; link = Object.getPrototypeOf(link)) {
    if (BUILT_IN_PROTOTYPES.has(link) || Object.hasOwn(link, Symbol.toStringTag)) isOrdinary = false
  }
  ordinaryPrototypes.set(prototype, isOrdinary)
  return isOrdinary
}

/** The key of an object. Other implementations of MessagePack can send numbers and others. Throws TypeError for an object. */
export function keyOf(key: unknown): string {
  if (typeof key === 'string') return key
  if (typeof key === 'object' && key !== null) throw new TypeError('the key of a map is an object')
  return String(key)
}
