import { Cost, DecodeBudget, elementsAfter, isIndexKey, LENGTH_AT_ONCE_MAX } from './decode-budget.js'
import { countLongKey, HASHED_LENGTH_MAX } from './key-work.js'
import { keyOf, typedArrayFor } from './plain.js'
import { dateOf } from './timestamp.js'
import { SHAPED_OBJECT, type ShapesToRead, TIMESTAMP, TYPED_ARRAY } from './tree-format.js'

/** From this length on, a DataView is worth its creation: it reads a float three times as fast as byte by byte. */
const VIEW_BYTES_MIN = 512

/** Up to this length, an ASCII text is created here, character by character. */
const TEXT_BYTES_SHORT = 15

/** A cache of short keys: the engine searches its table of all names for each new string. */
const KEYS_KEPT = 4096
const keysKept = Array.from<string | undefined>({ length: KEYS_KEPT })

const EMPTY = Buffer.alloc(0)
const NO_BUDGET = new DecodeBudget(0)

/** V8 ends the process when a block of elements, which grows by half each time, exceeds 2^27. */
const ARRAY_LENGTH_MAX = 100_000_000

/** Eight bytes of a message, to read one number. */
const scratchBytes = new Uint8Array(8)
const scratch = new DataView(scratchBytes.buffer)

/**
 * Reads the output of encodeTree, or any MessagePack with the same extensions. The bytes are input from the peer. Throws if they are
 * malformed, if they name a shape that was not announced, and if the value needs more memory than `budget` has. A Buffer in the value
 * is a view of `bytes`; all other values are copies.
 */
export function decodeTree(
  bytes: Buffer,
  shapes: ShapesToRead | undefined,
  budget: DecodeBudget,
  start = 0,
): unknown {
  // A setter on Object.prototype can decode another message meanwhile.
  const reader = idleReader ?? new TreeReader()
  idleReader = undefined
  try {
    return reader.message(bytes, shapes, budget, start)
  } finally {
    reader.forget()
    idleReader = reader
  }
}

let idleReader: TreeReader | undefined

class TreeReader {
  #bytes: Buffer = EMPTY
  #position = 0
  #view: DataView | undefined
  #elementsLeft = 0
  #longKeys = 0
  #shapes: ShapesToRead | undefined
  #budget: DecodeBudget = NO_BUDGET
  /** The rest of the budget. A local count is faster, because the budget is read only once for each message. */
  #leftBytes = 0

  message(bytes: Buffer, shapes: ShapesToRead | undefined, budget: DecodeBudget, start: number): unknown {
    this.#bytes = bytes
    this.#position = start
    this.#budget = budget
    this.#leftBytes = budget.limitBytes
    this.#elementsLeft = bytes.length
    this.#longKeys = 0
    this.#shapes = shapes
    if (bytes.length >= VIEW_BYTES_MIN)
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const value = this.read()
    if (this.#position > bytes.length) throw truncated()
    if (this.#position < bytes.length)
      throw new TypeError(`the value ends after ${this.#position} of ${bytes.length} bytes`)
    budget.leftBytes = this.#leftBytes
    return value
  }

  /** Drops all references to the message. */
  forget(): void {
    this.#bytes = EMPTY
    this.#view = undefined
    this.#shapes = undefined
  }

  /** Called before memory is allocated. */
  #spend(bytes: number): void {
    this.#leftBytes -= bytes
    if (this.#leftBytes < 0) this.#budget.exceed(this.#leftBytes)
  }

  /** The next value. Object builders also call it. */
  // oxlint-disable-next-line eslint/max-lines-per-function -- one switch over the tokens of the format
  read(): unknown {
    const token = this.#bytes[this.#position++]
    if (token === undefined) throw truncated()
    if (token < 0x80) return token
    if (token < 0x90) return this.#map(token & 0x0f)
    if (token < 0xa0) return this.#array(token & 0x0f)
    if (token < 0xc0) return this.#text(token & 0x1f)
    if (token >= 0xe0) return token - 0x100
    switch (token) {
      case 0xc0:
        return null
      case SHAPED_OBJECT:
        return this.#shapedObject()
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.#take(this.#byte())
      case 0xc5:
        return this.#take(this.#uint16())
      case 0xc6:
        return this.#take(this.#uint32())
      case 0xc7:
        return this.#extension(this.#byte())
      case 0xc8:
        return this.#extension(this.#uint16())
      case 0xc9:
        return this.#extension(this.#uint32())
      case 0xca:
        return this.#float32()
      case 0xcb:
        return this.#float64()
      case 0xcc:
        return this.#byte()
      case 0xcd:
        return this.#uint16()
      case 0xce:
        return this.#largeInteger()
      case 0xcf:
        this.#spend(Cost.BIGINT)
        return this.#eight().getBigUint64(0)
      case 0xd0:
        return (this.#byte() << 24) >> 24
      case 0xd1:
        return (this.#uint16() << 16) >> 16
      case 0xd2:
        return this.#uint32() | 0
      case 0xd3:
        this.#spend(Cost.BIGINT)
        return this.#eight().getBigInt64(0)
      case 0xd4:
        return this.#extension(1)
      case 0xd5:
        return this.#extension(2)
      case 0xd6:
        return this.#extension(4)
      case 0xd7:
        return this.#extension(8)
      case 0xd8:
        return this.#extension(16)
      case 0xd9:
        return this.#text(this.#byte())
      case 0xda:
        return this.#text(this.#uint16())
      case 0xdb:
        return this.#text(this.#uint32())
      case 0xdc:
        return this.#array(this.#uint16())
      case 0xdd:
        return this.#array(this.#uint32())
      case 0xde:
        return this.#map(this.#uint16())
      default:
        return this.#map(this.#uint32())
    }
  }

  // These do not check the end. The next value, or the end of the message, finds a position beyond it.

  #byte(): number {
    return this.#bytes[this.#position++] as number
  }

  #uint16(): number {
    const position = this.#position
    this.#position = position + 2
    return (byteAt(this.#bytes, position) << 8) | byteAt(this.#bytes, position + 1)
  }

  #uint32(): number {
    return ((this.#uint16() << 16) | this.#uint16()) >>> 0
  }

  #eight(): DataView {
    const bytes = this.#bytes
    const position = this.#position
    this.#position = position + 8
    // Without a loop, because each float of a short message is read here.
    scratchBytes[0] = byteAt(bytes, position)
    scratchBytes[1] = byteAt(bytes, position + 1)
    scratchBytes[2] = byteAt(bytes, position + 2)
    scratchBytes[3] = byteAt(bytes, position + 3)
    scratchBytes[4] = byteAt(bytes, position + 4)
    scratchBytes[5] = byteAt(bytes, position + 5)
    scratchBytes[6] = byteAt(bytes, position + 6)
    scratchBytes[7] = byteAt(bytes, position + 7)
    return scratch
  }

  #largeInteger(): number {
    const value = this.#uint32()
    if (value > 0x7fff_ffff) this.#spend(Cost.NUMBER)
    return value
  }

  #float32(): number {
    this.#spend(Cost.NUMBER)
    scratch.setUint32(0, this.#uint32())
    return scratch.getFloat32(0)
  }

  #float64(): number {
    this.#spend(Cost.NUMBER)
    if (this.#view === undefined) return this.#eight().getFloat64(0)
    const position = this.#position
    this.#position = position + 8
    return this.#view.getFloat64(position)
  }

  /** The next `length` bytes, a view of the message. */
  #take(length: number): Buffer {
    const start = this.#position
    const end = start + length
    if (!(end <= this.#bytes.length)) throw truncated()
    this.#position = end
    this.#spend(Cost.VIEW)
    return this.#bytes.subarray(start, end)
  }

  #text(length: number): string {
    const start = this.#position
    const end = start + length
    if (!(end <= this.#bytes.length)) throw truncated()
    this.#position = end
    if (length <= TEXT_BYTES_SHORT) {
      let bits = 0
      for (let at = start; at < end; at++) bits |= byteAt(this.#bytes, at)
      if (bits < 0x80) {
        // The engine has a constant string for each single character.
        if (length > 1) this.#spend(Cost.TEXT + length)
        return shortAscii(this.#bytes, start, length)
      }
    }
    this.#spend(Cost.TEXT + 2 * length)
    // Without a name, the encoding is UTF-8, without a search.
    return this.#bytes.toString(undefined, start, end)
  }

  #array(length: number): unknown[] {
    // Every element has at least one byte in the message, which bounds the memory for elements.
    this.#elementsLeft -= length
    if (!(this.#elementsLeft >= 0)) throw truncated()
    this.#spend(Cost.ARRAY + Cost.PLACE * length)
    if (length > LENGTH_AT_ONCE_MAX) return this.#longArray(length)
    // oxlint-disable-next-line unicorn/no-new-array -- a block of exactly this length; `[]` with a length set has 17 elements
    const array = new Array<unknown>(length)
    for (let index = 0; index < length; index++) array[index] = this.read()
    return array
  }

  #longArray(length: number): unknown[] {
    if (length > ARRAY_LENGTH_MAX)
      throw new RangeError(`an array has ${length} elements, more than ${ARRAY_LENGTH_MAX}`)
    // oxlint-disable-next-line unicorn/no-new-array -- a block of exactly this length
    const array = new Array<unknown>(LENGTH_AT_ONCE_MAX)
    for (let index = 0; index < LENGTH_AT_ONCE_MAX; index++) array[index] = this.read()
    while (array.length < length) array.push(this.read())
    return array
  }

  #map(length: number): object {
    if (!(length <= this.#bytes.length - this.#position)) throw truncated()
    this.#spend(Cost.OBJECT + Cost.KEY * length)
    const object: Record<string, unknown> = {}
    let elements = 0
    for (let index = 0; index < length; index++) {
      const key = this.#key()
      if (isIndexKey(key)) {
        const elementsBefore = elements
        elements = elementsAfter(elements, key)
        this.#spend(Cost.PLACE * (elements - elementsBefore))
      }
      const value = this.read()
      // An assignment to `__proto__` would set the prototype. Assignment is faster for the other keys.
      if (key === '__proto__')
        Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true })
      else object[key] = value
    }
    return object
  }

  #key(): string {
    const bytes = this.#bytes
    const start = this.#position + 1
    const length = byteAt(bytes, start - 1) - 0xa0
    if (!(length >= 0 && length <= TEXT_BYTES_SHORT && start + length <= bytes.length)) return this.#longKey()
    let hash = length
    for (let at = start; at < start + length; at++) hash = (hash * 31 + byteAt(bytes, at)) | 0
    const slot = hash & (KEYS_KEPT - 1)
    const kept = keysKept[slot]
    if (kept !== undefined && isAt(kept, bytes, start, length)) {
      this.#position = start + length
      return kept
    }
    const key = this.read() as string
    keysKept[slot] = key
    return key
  }

  #longKey(): string {
    const key = keyOf(this.read())
    if (key.length > HASHED_LENGTH_MAX) this.#longKeys = countLongKey(this.#longKeys, key.length)
    return key
  }

  #shapedObject(): object {
    const id = this.#byte()
    const builder = this.#shapes?.builder(id)
    if (builder === undefined) throw new TypeError(`shape ${id} was not announced`)
    this.#spend(builder.objectBytes)
    return builder.build(this)
  }

  #extension(length: number): unknown {
    const type = this.#byte()
    if (type === 0) {
      this.#position += length
      return undefined
    }
    const data = this.#take(length)
    if (type === TIMESTAMP) return dateOf(data)
    this.#spend(Cost.COPY + length)
    // A copy, because the elements need the alignment of their class.
    const view =
      type === TYPED_ARRAY ? typedArrayFor(data[0], new Uint8Array(data.subarray(1)).buffer) : undefined
    if (view === undefined)
      throw new TypeError(`MessagePack extension ${type} is not part of shmwire's format`)
    return view
  }
}

function isAt(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false
  }
  return true
}

function byteAt(bytes: Buffer, position: number): number {
  return bytes[position] as number
}

const { fromCharCode } = String

/** The fastest way to create a short string. A call of the runtime takes longer. */
function shortAscii(bytes: Buffer, start: number, length: number): string {
  if (length === 0) return ''
  const a = byteAt(bytes, start)
  if (length === 1) return fromCharCode(a)
  const b = byteAt(bytes, start + 1)
  if (length === 2) return fromCharCode(a, b)
  const c = byteAt(bytes, start + 2)
  if (length === 3) return fromCharCode(a, b, c)
  const d = byteAt(bytes, start + 3)
  if (length === 4) return fromCharCode(a, b, c, d)
  const e = byteAt(bytes, start + 4)
  if (length === 5) return fromCharCode(a, b, c, d, e)
  const f = byteAt(bytes, start + 5)
  if (length === 6) return fromCharCode(a, b, c, d, e, f)
  const g = byteAt(bytes, start + 6)
  if (length === 7) return fromCharCode(a, b, c, d, e, f, g)
  const h = byteAt(bytes, start + 7)
  if (length === 8) return fromCharCode(a, b, c, d, e, f, g, h)
  const i = byteAt(bytes, start + 8)
  if (length === 9) return fromCharCode(a, b, c, d, e, f, g, h, i)
  const j = byteAt(bytes, start + 9)
  if (length === 10) return fromCharCode(a, b, c, d, e, f, g, h, i, j)
  const k = byteAt(bytes, start + 10)
  if (length === 11) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k)
  const l = byteAt(bytes, start + 11)
  if (length === 12) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l)
  const m = byteAt(bytes, start + 12)
  if (length === 13) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m)
  const n = byteAt(bytes, start + 13)
  if (length === 14) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n)
  const o = byteAt(bytes, start + 14)
  return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
}

function truncated(): TypeError {
  return new TypeError('the message ends too early')
}
