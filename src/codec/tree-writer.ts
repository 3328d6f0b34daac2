import { types } from 'node:util'
import type { Work } from './addition-reader.js'
import { type AdditionSink, writeAddition } from './addition-writer.js'
import { isOfOrdinaryClass } from './brand.js'
import { HASHED_LENGTH_MAX, KeyWork } from './key-work.js'
import { PatternWork } from './pattern-work.js'
import { LeafCode, leafCodeOf } from './plain.js'
import { TokenWriter } from './token-writer.js'
import { Addition, ESCAPE, type Shape } from './tree-format.js'

/** Up to this depth, a value is written by recursion. A deeper value has the graph form, which needs none. */
const DEPTH_MAX = 100

/** Up to so many objects, a list is faster than a Set. */
const MET_MAX = 16

/** In a for-in loop the engine optimizes this call, but neither Object.hasOwn nor an imported function. */
// oxlint-disable-next-line typescript/unbound-method -- the callers pass an object
const hasOwn = Object.prototype.hasOwnProperty
// Captured, because a derived class can have another one.
// oxlint-disable-next-line typescript/unbound-method -- the callers pass a date
const timeOf = Date.prototype.getTime

/** The shapes that the receiver knows. */
export interface ShapesToWrite {
  /** The shape of `value`, if it was announced. */
  find(value: object): Shape | undefined
  /** Counts an object with these keys. Returns its shape if this call announced it. */
  meet(keys: readonly string[]): Shape | undefined
}

/**
 * Writes a value that is nested up to DEPTH_MAX. Returns undefined if it is deeper, cannot be sent, or if it needs more memory beyond
 * `bytesMax` bytes. The result can be longer than `bytesMax`. The next call overwrites it. Adds the indices of the ids of shapes to `places`.
 * Throws RangeError if the receiver would refuse the work.
 */
export function encodeTree(
  value: unknown,
  shapes: ShapesToWrite | undefined,
  bytesMax = Number.POSITIVE_INFINITY,
  places?: number[],
): Buffer | undefined {
  // Accessors can encode other messages meanwhile, which then have another writer.
  const writer = idleWriter ?? new TreeWriter()
  idleWriter = undefined
  try {
    return writer.message(value, shapes, bytesMax, places)
  } finally {
    writer.forget()
    idleWriter = writer
  }
}

/** Writes the nodes of a graph (graph.ts): leaves, and lists of strings and numbers. The next call overwrites the result. */
export function encodeNodes(nodes: readonly unknown[]): Buffer {
  const writer = idleWriter ?? new TreeWriter()
  idleWriter = undefined
  try {
    return writer.graph(nodes)
  } finally {
    writer.forget()
    idleWriter = writer
  }
}

let idleWriter: TreeWriter | undefined

/** Checks and writes a value in one pass, so that accessors run once. */
class TreeWriter extends TokenWriter implements AdditionSink {
  #work: Work | undefined
  #shapes: ShapesToWrite | undefined
  #places: number[] | undefined
  /** The objects of this message, in the order in which they begin. A second occurrence is a reference to the first. */
  readonly #met = Array.from<object | undefined>({ length: MET_MAX })
  #metCount = 0
  #metMany: Set<object> | undefined
  #indices: ObjectIndices | undefined
  #hasReferences = false

  message(
    value: unknown,
    shapes: ShapesToWrite | undefined,
    bytesMax: number,
    places: number[] | undefined,
  ): Buffer | undefined {
    this.start(bytesMax)
    this.#shapes = shapes
    this.#places = places
    if (!this.write(value, 0)) return undefined
    if (!this.#hasReferences) return this.result()
    const start = this.position
    if (!this.prepend(Addition.REFERENCES)) return undefined
    const shift = this.position - start
    places?.forEach((place, index) => {
      places[index] = place + shift
    })
    return this.result()
  }

  graph(nodes: readonly unknown[]): Buffer {
    this.start(Number.POSITIVE_INFINITY)
    this.byte(ESCAPE)
    this.length(nodes.length)
    for (const node of nodes) {
      if (Array.isArray(node)) this.#elements(node, 0)
      else this.write(node, 0)
    }
    return this.result()
  }

  /** Drops all references to the message. */
  forget(): void {
    this.#met.fill(undefined, 0, this.#metCount)
    this.#metCount = 0
    this.#metMany = undefined
    this.#indices = undefined
    this.#hasReferences = false
    this.#work = undefined
    this.#shapes = undefined
    this.#places = undefined
    this.end()
  }

  get work(): Work {
    this.#work ??= { keys: new KeyWork(), patterns: new PatternWork() }
    return this.#work
  }

  /** False: this form cannot hold the value. */
  write(value: unknown, depth: number): boolean {
    if (this.position > this.limit && !this.reserve(0)) return false
    switch (typeof value) {
      case 'string':
        return this.text(value)
      case 'number':
        this.number(value)
        return true
      case 'boolean':
        this.byte(value ? 0xc3 : 0xc2)
        return true
      case 'object':
        if (value !== null) return this.#object(value, depth)
        this.byte(0xc0)
        return true
      case 'undefined':
        // Extension 0, as in other implementations.
        this.header16(0xd4, 0)
        return true
      case 'bigint':
        return this.bigint(value)
      default:
        return false
    }
  }

  #object(value: object, depth: number): boolean {
    const earlier = this.#meet(value)
    if (earlier >= 0) return this.#reference(earlier)
    if (depth > DEPTH_MAX) return false
    // Most objects have one of these prototypes. All others are known by their internal slots, because they can be of another realm.
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.members(value, depth)
    if (Array.isArray(value)) return this.#elements(value, depth)
    if (ArrayBuffer.isView(value)) return this.#viewOf(value)
    if (isOfOrdinaryClass(prototype as object)) return this.members(value, depth)
    if (types.isDate(value)) {
      this.date(timeOf.call(value))
      return true
    }
    if (types.isArrayBuffer(value)) return this.binary(new Uint8Array(value), LeafCode.ARRAY_BUFFER)
    return writeAddition(this, value, depth)
  }

  /** The number of an object that the message has already; −1 for a new one. */
  #meet(value: object): number {
    const many = this.#metMany
    if (many !== undefined) {
      const countBefore = many.size
      if (many.add(value).size > countBefore) return -1
      this.#indices ??= new ObjectIndices(many)
      return this.#indices.indexOf(value)
    }
    const met = this.#met
    const count = this.#metCount
    for (let index = 0; index < count; index++) if (met[index] === value) return index
    if (count === MET_MAX) {
      this.#metMany = new Set(met as object[]).add(value)
    } else {
      met[count] = value
      this.#metCount = count + 1
    }
    return -1
  }

  #reference(index: number): boolean {
    this.#hasReferences = true
    this.addition(Addition.REFERENCE)
    this.number(index)
    return true
  }

  #elements(value: readonly unknown[], depth: number): boolean {
    const { length } = value
    this.length(length)
    for (let index = 0; index < length; index++) {
      const element = value[index]
      // A hole would become undefined, and a long array of holes would fill the memory.
      if (element === undefined && !(index in value)) return false
      if (!this.write(element, depth + 1)) return false
    }
    return true
  }

  members(value: object, depth: number): boolean {
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
    this.byte(ESCAPE)
    this.#places?.push(this.position)
    this.byte(id)
    let count = 0
    for (const key in value) {
      if (!hasOwn.call(value, key)) continue
      // An accessor can have changed the object after its shape was read.
      if (key !== keys[count]) return false
      count += 1
      if (!this.write((value as Record<string, unknown>)[key], depth + 1)) return false
    }
    return count === keys.length
  }

  #map(value: object, keys: readonly string[], depth: number): boolean {
    const { length } = keys
    if (length < 0x10) this.byte(0x80 | length)
    else this.lengthOf(0xde, length)
    for (let index = 0; index < length; index++) {
      const key = keys[index] as string
      if (key.length > HASHED_LENGTH_MAX) this.work.keys.add(key)
      if (!this.text(key) || !this.write((value as Record<string, unknown>)[key], depth + 1)) return false
    }
    return true
  }

  #viewOf(value: ArrayBufferView): boolean {
    const code = leafCodeOf(value)
    if (code === undefined) return false
    if (code === LeafCode.BUFFER) return this.binary(value as Buffer, code)
    return this.binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), code)
  }
}

/** The positions of elements in a growing Set. Counts each element once, as far as it is necessary. */
class ObjectIndices {
  readonly #known = new Map<object, number>()
  readonly #rest: Iterator<object>

  constructor(objects: Set<object>) {
    this.#rest = objects.values()
  }

  /** `object` is in the Set, so the iterator does not end. */
  indexOf(object: object): number {
    while (!this.#known.has(object)) this.#known.set(this.#rest.next().value as object, this.#known.size)
    return this.#known.get(object) as number
  }
}
