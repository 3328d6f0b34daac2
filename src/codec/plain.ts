/** Nesting up to which a value is walked by recursion; deeper ones take the graph form, which has no recursion. */
const DEPTH_MAX = 100

export const INT64_MIN = -(2n ** 63n)
export const UINT64_MAX = 2n ** 64n - 1n

/** The views and buffers that msgpackr brings back as the class they were, by the name in their `Symbol.toStringTag`. */
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

const LEAF_PROTOTYPES: ReadonlySet<unknown> = new Set(
  [...Object.values(VIEW_CLASSES), ArrayBuffer, Buffer, Date].map((leaf) => leaf.prototype),
)

/**
 * Whether msgpackr carries `value` without loss as ordinary MessagePack: a tree of plain objects, dense
 * arrays, primitives, dates and binary data. Found by reading msgpackr 2.1 `pack.js` and `unpack.js`; what it would
 * change in silence is named at the checks. A value may be looked at again by the encoder, so accessors run twice.
 */
export function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? new Survey().admits(value, 0) : isPlainPrimitive(value)
}

/** Primitives that MessagePack holds. Functions and symbols are none. */
function isPlainPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return isPlainString(value)
    case 'number':
      // Written as the integer 0.
      return value !== 0 || !Object.is(value, -0)
    case 'bigint':
      return value >= INT64_MIN && value <= UINT64_MAX
    case 'boolean':
    case 'undefined':
      return true
    default:
      return value === null
  }
}

const BYTE_ORDER_MARK = 0xfeff

/** UTF-8 has no lone surrogates (they arrive as U+FFFD), and msgpackr's TextDecoder drops a byte order mark in front. */
export function isPlainString(text: string): boolean {
  return text.isWellFormed() && text.charCodeAt(0) !== BYTE_ORDER_MARK
}

/** Classes whose instances have an inside that their properties do not show, and that have no `Symbol.toStringTag`. */
const BUILT_IN_PROTOTYPES: ReadonlySet<unknown> = new Set(
  [Array, Boolean, Date, Error, Function, Number, RegExp, String].map((builtIn) => builtIn.prototype),
)
const ordinaryPrototypes = new WeakMap<object, boolean>()

/** Whether the instances of a class hold their properties and nothing else. Looked up once for each class. */
function isOfOrdinaryClass(prototype: object): boolean {
  const known = ordinaryPrototypes.get(prototype)
  if (known !== undefined) return known
  // msgpackr looks at `constructor` first.
  let isOrdinary = prototype.constructor?.prototype === prototype
  for (let link = prototype; link !== null && link !== Object.prototype; link = Object.getPrototypeOf(link)) {
    if (BUILT_IN_PROTOTYPES.has(link) || Object.hasOwn(link, Symbol.toStringTag)) isOrdinary = false
  }
  ordinaryPrototypes.set(prototype, isOrdinary)
  return isOrdinary
}

/** One walk. Remembers the objects it met: one that is met twice would arrive as two, or recur for ever. */
class Survey {
  #first: object | undefined
  #others: Set<object> | undefined

  admits(value: object, depth: number): boolean {
    if (depth > DEPTH_MAX || !this.#isNew(value)) return false
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#admitsMembers(value, depth)
    if (prototype === Array.prototype && Array.isArray(value)) return this.#admitsElements(value, depth)
    if (LEAF_PROTOTYPES.has(prototype)) return true
    return isOfOrdinaryClass(prototype as object) && this.#admitsMembers(value, depth)
  }

  #isNew(value: object): boolean {
    if (this.#first === undefined) {
      this.#first = value
      return true
    }
    if (this.#first === value) return false
    this.#others ??= new Set()
    const countBefore = this.#others.size
    return this.#others.add(value).size > countBefore
  }

  #admitsMembers(value: object, depth: number): boolean {
    // With inherited members, were there any: looking at too much is harmless, and the loop is the fastest there is.
    for (const key in value) {
      // Renamed to `__proto_` by the decoder.
      if (key === '__proto__' || !isPlainString(key)) return false
      if (!this.#admitsChild((value as Record<string, unknown>)[key], depth)) return false
    }
    return true
  }

  #admitsElements(value: unknown[], depth: number): boolean {
    for (let index = 0; index < value.length; index++) {
      const element = value[index]
      // Holes would arrive as undefined, and a long array of them would fill the memory first.
      if (element === undefined && !(index in value)) return false
      if (!this.#admitsChild(element, depth)) return false
    }
    return true
  }

  #admitsChild(value: unknown, depth: number): boolean {
    return typeof value === 'object' && value !== null
      ? this.admits(value, depth + 1)
      : isPlainPrimitive(value)
  }
}
