import { type AdditionSource, readAddition, type Work } from './addition-reader.js'
import { Cost, type DecodeBudget, elementsAfter, isIndexKey, LENGTH_AT_ONCE_MAX } from './decode-budget.js'
import { keepKey, keptKey, slotOfKey } from './kept-keys.js'
import { HASHED_LENGTH_MAX, KeyWork } from './key-work.js'
import type { ObjectBuilder } from './object-builder.js'
import { PatternWork } from './pattern-work.js'
import { defineMember, keyOf, typedArrayFor } from './plain.js'
import { byteAt } from './short-ascii.js'
import { dateOf } from './timestamp.js'
import { TEXT_BYTES_SHORT, TokenReader, truncated } from './token-reader.js'
import { ESCAPE, SHAPES_MAX, type ShapesToRead, TIMESTAMP, TYPED_ARRAY } from './tree-format.js'

/** V8 ends the process when a block of elements, which grows by half each time, exceeds 2^27. */
const ARRAY_LENGTH_MAX = 100_000_000

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
  hasReferences = false,
): unknown {
  // Code that a program puts into a built-in prototype can decode another message meanwhile.
  const reader = idleReader ?? new TreeReader()
  idleReader = undefined
  try {
    return reader.message(bytes, shapes, budget, start, hasReferences)
  } finally {
    reader.forget()
    idleReader = reader
  }
}

let idleReader: TreeReader | undefined

class TreeReader extends TokenReader implements AdditionSource {
  #elementsLeft = 0
  /** All objects in the order in which they begin, in a message with references. */
  #objects: object[] | undefined
  #work: Work | undefined
  #shapes: ShapesToRead | undefined

  message(
    bytes: Buffer,
    shapes: ShapesToRead | undefined,
    budget: DecodeBudget,
    start: number,
    hasReferences: boolean,
  ): unknown {
    this.begin(bytes, budget, start)
    this.#elementsLeft = bytes.length
    this.#shapes = shapes
    if (hasReferences) this.#objects = []
    const value = this.read()
    this.end()
    return value
  }

  /** Drops all references to the message. */
  forget(): void {
    this.clear()
    this.#shapes = undefined
    this.#objects = undefined
    this.#work = undefined
  }

  get work(): Work {
    this.#work ??= { keys: new KeyWork(), patterns: new PatternWork() }
    return this.#work
  }

  register(object: object): void {
    if (this.#objects === undefined) return
    this.spend(Cost.PLACE)
    this.#objects.push(object)
  }

  objectAt(index: unknown): object {
    const object = typeof index === 'number' ? this.#objects?.[index] : undefined
    if (object === undefined)
      throw new TypeError('malformed value: it refers to an object that does not exist')
    return object
  }

  /** The next value. Object builders also call it. */
  // oxlint-disable-next-line eslint/max-lines-per-function -- one switch over the tokens of the format
  read(): unknown {
    const token = this.bytes[this.position++]
    if (token === undefined) throw truncated()
    if (token < 0x80) return token
    if (token < 0x90) return this.#map(token & 0x0f)
    if (token < 0xa0) return this.#array(token & 0x0f)
    if (token < 0xc0) return this.text(token & 0x1f)
    if (token >= 0xe0) return token - 0x100
    switch (token) {
      case 0xc0:
        return null
      case ESCAPE:
        return this.#addition(this.byte())
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.#buffer(this.byte())
      case 0xc5:
        return this.#buffer(this.uint16())
      case 0xc6:
        return this.#buffer(this.uint32())
      case 0xc7:
        return this.#extension(this.byte())
      case 0xc8:
        return this.#extension(this.uint16())
      case 0xc9:
        return this.#extension(this.uint32())
      case 0xca:
        return this.float32()
      case 0xcb:
        return this.float64()
      case 0xcc:
        return this.byte()
      case 0xcd:
        return this.uint16()
      case 0xce:
        return this.largeInteger()
      case 0xcf:
        this.spend(Cost.BIGINT)
        return this.eight().getBigUint64(0)
      case 0xd0:
        return (this.byte() << 24) >> 24
      case 0xd1:
        return (this.uint16() << 16) >> 16
      case 0xd2:
        return this.uint32() | 0
      case 0xd3:
        this.spend(Cost.BIGINT)
        return this.eight().getBigInt64(0)
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
        return this.text(this.byte())
      case 0xda:
        return this.text(this.uint16())
      case 0xdb:
        return this.text(this.uint32())
      case 0xdc:
        return this.#array(this.uint16())
      case 0xdd:
        return this.#array(this.uint32())
      case 0xde:
        return this.#map(this.uint16())
      default:
        return this.#map(this.uint32())
    }
  }

  #buffer(length: number): Buffer {
    const buffer = this.take(length)
    this.register(buffer)
    return buffer
  }

  #array(length: number): unknown[] {
    // Every element has at least one byte in the message, which bounds the memory for elements.
    this.#elementsLeft -= length
    if (!(this.#elementsLeft >= 0)) throw truncated()
    this.spend(Cost.ARRAY + Cost.PLACE * length)
    if (length > LENGTH_AT_ONCE_MAX) return this.#longArray(length)
    // oxlint-disable-next-line unicorn/no-new-array -- a block of exactly this length; `[]` with a length set has 17 elements
    const array = new Array<unknown>(length)
    if (this.#objects !== undefined) this.register(array)
    for (let index = 0; index < length; index++) array[index] = this.read()
    return array
  }

  #longArray(length: number): unknown[] {
    if (length > ARRAY_LENGTH_MAX)
      throw new RangeError(`an array has ${length} elements, more than ${ARRAY_LENGTH_MAX}`)
    // oxlint-disable-next-line unicorn/no-new-array -- a block of exactly this length
    const array = new Array<unknown>(LENGTH_AT_ONCE_MAX)
    this.register(array)
    for (let index = 0; index < LENGTH_AT_ONCE_MAX; index++) array[index] = this.read()
    while (array.length < length) array.push(this.read())
    return array
  }

  #map(length: number): object {
    if (!(length <= this.bytes.length - this.position)) throw truncated()
    this.spend(Cost.OBJECT + Cost.KEY * length)
    const object: Record<string, unknown> = {}
    if (this.#objects !== undefined) this.register(object)
    let elements = 0
    for (let index = 0; index < length; index++) {
      const key = this.#key()
      if (isIndexKey(key)) {
        const elementsBefore = elements
        elements = elementsAfter(elements, key)
        this.spend(Cost.PLACE * (elements - elementsBefore))
      }
      const value = this.read()
      // An assignment would call a setter, and throws if a property of that name is read-only. It is faster for the other keys.
      if (key in Object.prototype) defineMember(object, key, value)
      else object[key] = value
    }
    return object
  }

  #key(): string {
    const bytes = this.bytes
    const start = this.position + 1
    const length = byteAt(bytes, start - 1) - 0xa0
    if (!(length >= 0 && length <= TEXT_BYTES_SHORT && start + length <= bytes.length)) return this.#longKey()
    const slot = slotOfKey(bytes, start, length)
    const kept = keptKey(slot, bytes, start, length)
    if (kept !== undefined) {
      this.position = start + length
      return kept
    }
    return keepKey(slot, this.read() as string, length)
  }

  #longKey(): string {
    const key = keyOf(this.read())
    if (key.length > HASHED_LENGTH_MAX) this.work.keys.add(key)
    return key
  }

  #addition(id: number): unknown {
    const builder = this.#shapes?.builder(id)
    if (builder === undefined || this.#objects !== undefined) return this.#otherAddition(id, builder)
    this.spend(builder.objectBytes)
    return builder.build(this)
  }

  #otherAddition(id: number, builder: ObjectBuilder | undefined): unknown {
    if (id >= SHAPES_MAX) return readAddition(this, id)
    if (builder === undefined) throw new TypeError(`shape ${id} was not announced`)
    // In a message with references, the object must exist before its members, which can refer to it.
    this.spend(builder.filledBytes)
    const object: Record<string, unknown> = {}
    this.register(object)
    builder.addMembers(object, this)
    return object
  }

  /** Every value has at least one byte in the message, which bounds the memory for a list of them. */
  readLength(valuesEach: number): number {
    const token = this.byte()
    const length =
      token >= 0x90 && token < 0xa0
        ? token & 0x0f
        : token === 0xdc
          ? this.uint16()
          : token === 0xdd
            ? this.uint32()
            : undefined
    if (length === undefined) throw new TypeError('malformed value: it has no length')
    if (!(valuesEach * length <= this.bytes.length - this.position)) throw truncated()
    return length
  }

  #extension(length: number): unknown {
    const type = this.byte()
    if (type === 0) {
      this.position += length
      return undefined
    }
    const data = this.take(length)
    const value = type === TIMESTAMP ? dateOf(data) : this.#typedArray(type, data)
    this.register(value)
    return value
  }

  #typedArray(type: number, data: Buffer): object {
    this.spend(Cost.COPY + data.length)
    // A copy, because the elements need the alignment of their class.
    const view =
      type === TYPED_ARRAY ? typedArrayFor(data[0], new Uint8Array(data.subarray(1)).buffer) : undefined
    if (view === undefined)
      throw new TypeError(`MessagePack extension ${type} is not part of shmwire's format`)
    return view
  }
}
