import { types } from 'node:util'
import { HASHED_LENGTH_MAX, LONG_KEYS_MAX } from './key-work.js'
import { INT64_MAX, INT64_MIN, isOfOrdinaryClass, LEAF_CODES, LeafCode, UINT64_MAX } from './plain.js'
import { SHAPED_OBJECT, type Shape, TIMESTAMP, TYPED_ARRAY } from './tree-format.js'

/** Up to this depth, a value is written by recursion. A deeper value has the graph form, which needs none. */
const DEPTH_MAX = 100

const BUFFER_BYTES_INITIAL = 8192
/** A larger buffer is released after the message. */
const BUFFER_BYTES_KEPT = 1024 * 1024
/** Free bytes before each value: enough for a number, a date or a header. */
const ROOM_BYTES = 16

/** Below this length, a loop over the characters is faster than a call of the runtime. */
const TEXT_LENGTH_SHORT = 40
/** Above this length, a count of the bytes costs less than memory for three bytes a character. */
const TEXT_LENGTH_LONG = 4096

/** Up to so many objects, a list is faster than a Set. */
const MET_MAX = 16

/** In a for-in loop the engine optimizes this call, but neither Object.hasOwn nor an imported function. */
// oxlint-disable-next-line typescript/unbound-method -- the callers pass an object
const hasOwn = Object.prototype.hasOwnProperty

/** The shapes that the receiver knows. */
export interface ShapesToWrite {
  /** The shape of `value`, if it was announced. */
  find(value: object): Shape | undefined
  /** Counts an object with these keys. Returns its shape if this call announced it. */
  meet(keys: readonly string[]): Shape | undefined
}

/**
 * Writes a tree as MessagePack: plain objects, dense arrays, primitives, dates and binary data, each object once. Returns undefined if
 * `value` is not such a tree, or if it needs more memory beyond `bytesMax` bytes. The result can be longer than `bytesMax`. The next
 * call overwrites it.
 */
export function encodeTree(
  value: unknown,
  shapes: ShapesToWrite | undefined,
  bytesMax = Number.POSITIVE_INFINITY,
): Buffer | undefined {
  // Accessors can encode other messages meanwhile, which then have another writer.
  const writer = idleWriter ?? new TreeWriter()
  idleWriter = undefined
  try {
    return writer.message(value, shapes, bytesMax)
  } finally {
    writer.forget()
    idleWriter = writer
  }
}

let idleWriter: TreeWriter | undefined

/** Checks and writes a value in one pass, so that accessors run once. */
class TreeWriter {
  #target!: Buffer
  #view!: DataView
  /** A value can begin up to here: ROOM_BYTES follow. */
  #limit = 0
  #position = 0
  #bytesMax = 0
  #longKeys = 0
  #shapes: ShapesToWrite | undefined
  /** The objects of this message. A second occurrence needs the graph form: it would be a copy, or an endless recursion. */
  readonly #met = Array.from<object | undefined>({ length: MET_MAX })
  #metCount = 0
  #metMany: Set<object> | undefined

  constructor() {
    this.#use(Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL))
  }

  message(value: unknown, shapes: ShapesToWrite | undefined, bytesMax: number): Buffer | undefined {
    this.#position = 0
    this.#bytesMax = bytesMax
    this.#longKeys = 0
    this.#shapes = shapes
    return this.#write(value, 0) ? this.#target.subarray(0, this.#position) : undefined
  }

  /** Drops all references to the message. */
  forget(): void {
    this.#met.fill(undefined, 0, this.#metCount)
    this.#metCount = 0
    this.#metMany = undefined
    this.#shapes = undefined
    if (this.#target.length > BUFFER_BYTES_KEPT) this.#use(Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL))
  }

  #use(target: Buffer): void {
    this.#target = target
    this.#view = new DataView(target.buffer, target.byteOffset, target.length)
    this.#limit = target.length - ROOM_BYTES
  }

  /** Makes room for `bytes` and ROOM_BYTES more. False: the message is already too long. */
  #reserve(bytes: number): boolean {
    if (this.#position + bytes <= this.#limit) return true
    if (this.#position > this.#bytesMax) return false
    const target = Buffer.allocUnsafeSlow(
      Math.max(2 * this.#target.length, this.#position + bytes + ROOM_BYTES),
    )
    this.#target.copy(target, 0, 0, this.#position)
    this.#use(target)
    return true
  }

  #byte(byte: number): void {
    this.#target[this.#position++] = byte
  }

  /** False: this form cannot hold the value. */
  #write(value: unknown, depth: number): boolean {
    if (this.#position > this.#limit && !this.#reserve(0)) return false
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        this.#number(value)
        return true
      case 'boolean':
        this.#byte(value ? 0xc3 : 0xc2)
        return true
      case 'object':
        if (value !== null) return this.#object(value, depth)
        this.#byte(0xc0)
        return true
      case 'undefined':
        // Extension 0, as in other implementations.
        this.#header16(0xd4, 0)
        return true
      case 'bigint':
        return this.#bigint(value)
      default:
        return false
    }
  }

  #number(value: number): void {
    if (value >>> 0 === value) {
      if (value >= 0x80) this.#unsigned(0xcc, value)
      else if (value === 0 && Object.is(value, -0)) this.#double(value)
      else this.#byte(value)
    } else if (value >> 0 === value) {
      this.#negative(value)
    } else {
      this.#double(value)
    }
  }

  /** Writes the tag of the shortest of three lengths, and the number. */
  #unsigned(tag: number, value: number): void {
    if (value < 0x100) {
      this.#byte(tag)
      this.#byte(value)
    } else if (value < 0x1_0000) {
      this.#header16(tag + 1, value)
    } else {
      this.#byte(tag + 2)
      this.#view.setUint32(this.#position, value)
      this.#position += 4
    }
  }

  #header16(tag: number, value: number): void {
    this.#byte(tag)
    this.#byte(value >> 8)
    this.#byte(value & 0xff)
  }

  #negative(value: number): void {
    if (value >= -0x20) {
      this.#byte(value & 0xff)
    } else if (value >= -0x80) {
      this.#byte(0xd0)
      this.#byte(value & 0xff)
    } else if (value >= -0x8000) {
      this.#header16(0xd1, value & 0xffff)
    } else {
      this.#byte(0xd2)
      this.#view.setInt32(this.#position, value)
      this.#position += 4
    }
  }

  #double(value: number): void {
    this.#byte(0xcb)
    this.#view.setFloat64(this.#position, value)
    this.#position += 8
  }

  #bigint(value: bigint): boolean {
    if (value < INT64_MIN || value > UINT64_MAX) return false
    this.#byte(value > INT64_MAX ? 0xcf : 0xd3)
    this.#view.setBigUint64(this.#position, BigInt.asUintN(64, value))
    this.#position += 8
    return true
  }

  #text(text: string): boolean {
    const { length } = text
    if (length >= TEXT_LENGTH_SHORT) return this.#longText(text)
    if (!this.#reserve(length)) return false
    const target = this.#target
    let at = this.#position
    if (length < 0x20) {
      target[at++] = 0xa0 | length
    } else {
      target[at++] = 0xd9
      target[at++] = length
    }
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index)
      if (unit >= 0x80) return this.#longText(text)
      target[at++] = unit
    }
    this.#position = at
    return true
  }

  #longText(text: string): boolean {
    // UTF-8 would replace lone surrogates by U+FFFD.
    if (!text.isWellFormed()) return false
    const bytesMax = text.length <= TEXT_LENGTH_LONG ? 3 * text.length : Buffer.byteLength(text)
    if (!this.#reserve(bytesMax)) return false
    const start = this.#position
    // The length is not known yet. A header for the longest possible text is also valid for a shorter one.
    const headerBytes = bytesMax < 0x100 ? 2 : bytesMax < 0x1_0000 ? 3 : 5
    const bytes = this.#target.write(text, start + headerBytes)
    if (headerBytes === 2) {
      this.#byte(0xd9)
      this.#byte(bytes)
    } else if (headerBytes === 3) {
      this.#header16(0xda, bytes)
    } else {
      this.#byte(0xdb)
      this.#view.setUint32(this.#position, bytes)
    }
    this.#position = start + headerBytes + bytes
    return true
  }

  #object(value: object, depth: number): boolean {
    if (depth > DEPTH_MAX || !this.#isNew(value)) return false
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#members(value, depth)
    if (Array.isArray(value)) return prototype === Array.prototype && this.#elements(value, depth)
    const leafCode = LEAF_CODES.get(prototype)
    if (leafCode !== undefined) return this.#leaf(value, leafCode)
    return isOfOrdinaryClass(prototype as object) && this.#members(value, depth)
  }

  #isNew(value: object): boolean {
    if (this.#metMany !== undefined) {
      const countBefore = this.#metMany.size
      return this.#metMany.add(value).size > countBefore
    }
    const met = this.#met
    const count = this.#metCount
    for (let index = 0; index < count; index++) if (met[index] === value) return false
    if (count === MET_MAX) {
      this.#metMany = new Set(met as object[]).add(value)
    } else {
      met[count] = value
      this.#metCount = count + 1
    }
    return true
  }

  #elements(value: readonly unknown[], depth: number): boolean {
    const { length } = value
    if (length < 0x10) this.#byte(0x90 | length)
    else this.#lengthOf(0xdc, length)
    for (let index = 0; index < length; index++) {
      const element = value[index]
      // A hole would become undefined, and a long array of holes would fill the memory.
      if (element === undefined && !(index in value)) return false
      if (!this.#write(element, depth + 1)) return false
    }
    return true
  }

  /** `tag` is that of the 16-bit form. The tag of the 32-bit form is the next number. */
  #lengthOf(tag: number, length: number): void {
    if (length < 0x1_0000) {
      this.#header16(tag, length)
    } else {
      this.#byte(tag + 1)
      this.#view.setUint32(this.#position, length)
      this.#position += 4
    }
  }

  #members(value: object, depth: number): boolean {
    const shapes = this.#shapes
    const known = shapes?.find(value)
    if (known !== undefined) return this.#shapedObject(value, known, depth)
    const keys = Object.keys(value)
    const announced = shapes?.meet(keys)
    return announced === undefined
      ? this.#map(value, keys, depth)
      : this.#shapedObject(value, announced, depth)
  }

  #shapedObject(value: object, { id, keys }: Shape, depth: number): boolean {
    this.#byte(SHAPED_OBJECT)
    this.#byte(id)
    let count = 0
    for (const key in value) {
      if (!hasOwn.call(value, key)) continue
      // An accessor can have changed the object after its shape was read.
      if (key !== keys[count]) return false
      count += 1
      if (!this.#write((value as Record<string, unknown>)[key], depth + 1)) return false
    }
    return count === keys.length
  }

  #map(value: object, keys: readonly string[], depth: number): boolean {
    const { length } = keys
    if (length < 0x10) this.#byte(0x80 | length)
    else this.#lengthOf(0xde, length)
    for (let index = 0; index < length; index++) {
      const key = keys[index] as string
      // The graph form reports the error.
      if (key.length > HASHED_LENGTH_MAX && ++this.#longKeys > LONG_KEYS_MAX) return false
      if (!this.#text(key) || !this.#write((value as Record<string, unknown>)[key], depth + 1)) return false
    }
    return true
  }

  #leaf(value: object, code: number): boolean {
    if (ArrayBuffer.isView(value))
      return this.#binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), code)
    if (types.isArrayBuffer(value)) return this.#binary(new Uint8Array(value), code)
    // An object can have the prototype of a Date without being one.
    if (!types.isDate(value)) return false
    this.#date(value.getTime())
    return true
  }

  #binary(bytes: Uint8Array, code: number): boolean {
    const { length } = bytes
    if (code === LeafCode.BUFFER) {
      this.#unsigned(0xc4, length)
    } else {
      this.#unsigned(0xc7, length + 1)
      this.#byte(TYPED_ARRAY)
      this.#byte(code)
    }
    if (!this.#reserve(length)) return false
    this.#target.set(bytes, this.#position)
    this.#position += length
    return true
  }

  /** Timestamps of MessagePack: the shortest and the longest of the three. */
  #date(timeMs: number): void {
    const seconds = Math.floor(timeMs / 1000)
    const nanoseconds = (timeMs - seconds * 1000) * 1_000_000
    if (Number.isNaN(timeMs)) {
      // A length that no valid timestamp has.
      this.#byte(0xd4)
      this.#byte(TIMESTAMP)
      this.#byte(TIMESTAMP)
    } else if (nanoseconds === 0 && seconds >>> 0 === seconds) {
      this.#byte(0xd6)
      this.#byte(TIMESTAMP)
      this.#view.setUint32(this.#position, seconds)
      this.#position += 4
    } else {
      this.#byte(0xc7)
      this.#byte(12)
      this.#byte(TIMESTAMP)
      this.#view.setUint32(this.#position, nanoseconds)
      this.#view.setBigInt64(this.#position + 4, BigInt(seconds))
      this.#position += 12
    }
  }
}
