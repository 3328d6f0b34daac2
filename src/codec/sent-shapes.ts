import { NOTE_BYTES_MAX, SHAPE_KEYS_MAX, SHAPES_MAX, type Shape } from './tree-format.js'
import { encodeTree, type ShapesToWrite } from './tree-writer.js'

/** One key of all shapes that begin with the same keys. */
class ShapeNode {
  readonly key: string
  /** The shape that ends here. */
  shape: Shape | undefined
  /** The oldest child. Most keys have only one. */
  first: ShapeNode | undefined
  /** All children, if there are several. */
  all: Map<string, ShapeNode> | undefined

  constructor(key: string) {
    this.key = key
  }

  child(key: string): ShapeNode | undefined {
    return this.first === undefined || this.first.key === key ? this.first : this.all?.get(key)
  }

  add(key: string): ShapeNode {
    const child = new ShapeNode(key)
    if (this.first === undefined) {
      this.first = child
    } else {
      this.all ??= new Map([[this.first.key, this.first]])
      this.all.set(key, child)
    }
    return child
  }
}

/** Shapes that were sent once, by a hash of their keys. */
const CANDIDATES_MAX = 64
/** Every fourth other shape of the same hash replaces a candidate, so that alternating shapes are all announced. */
const MISSES_PER_REPLACEMENT = 4

/** In a for-in loop the engine optimizes this call, but neither Object.hasOwn nor an imported function. */
// oxlint-disable-next-line typescript/unbound-method -- the callers pass an object
const hasOwn = Object.prototype.hasOwnProperty

/**
 * The shapes that one side of a channel has announced. A shape is announced once, when its second object is sent, until there are
 * SHAPES_MAX. So objects with ever new keys use up no shapes, and the memory is bounded for any input.
 */
export class SentShapes implements ShapesToWrite {
  readonly #sendNote: (note: Uint8Array) => boolean
  readonly #root = new ShapeNode('')
  #count = 0
  #misses = 0
  /** Undefined after the last shape. */
  #candidates: (readonly string[] | undefined)[] | undefined = []

  constructor(sendNote: (note: Uint8Array) => boolean) {
    this.#sendNote = sendNote
  }

  find(value: object): Shape | undefined {
    let node = this.#root
    for (const key in value) {
      if (!hasOwn.call(value, key)) continue
      const child = node.child(key)
      if (child === undefined) return undefined
      node = child
    }
    return node.shape
  }

  meet(keys: readonly string[]): Shape | undefined {
    if (this.#candidates === undefined || keys.length === 0 || keys.length > SHAPE_KEYS_MAX) return undefined
    let hash = 0
    let characters = 0
    for (const key of keys) {
      hash = (hash * 31 + key.length + 7 * key.charCodeAt(0) + 13 * key.charCodeAt(key.length - 1)) | 0
      characters += key.length
    }
    if (characters > NOTE_BYTES_MAX) return undefined
    const slot = hash & (CANDIDATES_MAX - 1)
    const candidate = this.#candidates[slot]
    if (candidate !== undefined && isSame(candidate, keys)) {
      this.#candidates[slot] = undefined
      return this.#add(keys)
    }
    if (candidate === undefined || this.#misses++ % MISSES_PER_REPLACEMENT === 0)
      this.#candidates[slot] = keys
    return undefined
  }

  /** The shape of these keys, announced if necessary. Undefined: it cannot be announced. */
  announce(keys: readonly string[]): Shape | undefined {
    let node: ShapeNode | undefined = this.#root
    for (const key of keys) node = node?.child(key)
    return node?.shape ?? (this.#candidates === undefined ? undefined : this.#add(keys))
  }

  #add(keys: readonly string[]): Shape | undefined {
    // The receiver assigns keys, and an assignment to `__proto__` would set the prototype.
    if (keys.includes('__proto__')) return undefined
    const note = encodeTree(keys, undefined)
    if (note === undefined || note.length > NOTE_BYTES_MAX || !this.#sendNote(note)) return undefined
    let node = this.#root
    for (const key of keys) {
      node = node.child(key) ?? node.add(key)
    }
    node.shape = { id: this.#count, keys }
    this.#count += 1
    if (this.#count === SHAPES_MAX) this.#candidates = undefined
    return node.shape
  }
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((key, index) => key === right[index])
}
