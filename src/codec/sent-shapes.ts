import { NOTE_BYTES_MAX, SHAPE_KEYS_MAX, SHAPES_MAX, type Shape } from './tree-format.js'
import { encodeTree, type ShapesToWrite } from './tree-writer.js'

/** One key of one or several shapes that begin alike. */
class ShapeNode {
  readonly key: string
  /** The shape that ends here. */
  shape: Shape | undefined
  /** The child that came first: most keys are followed by one other only. */
  first: ShapeNode | undefined
  /** All children, once there are several. */
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

/** Shapes that were met once, by a hash of their keys. */
const CANDIDATES_MAX = 64
/** A candidate gives way to every fourth other of the same hash: so a few that take turns all get theirs. */
const CANDIDATE_PATIENCE = 4

/** In a for-in loop the engine knows the answer, but not with Object.hasOwn, nor through an import. */
// oxlint-disable-next-line typescript/unbound-method -- it is called with an object
const hasOwn = Object.prototype.hasOwnProperty

/**
 * What one side of a channel has told: the shapes of the objects that it sends. A shape is told when it is met
 * for the second time, once and for good, until there are SHAPES_MAX. So objects with ever new keys use
 * up no shapes, and the memory is bounded whatever is sent.
 */
export class SentShapes implements ShapesToWrite {
  readonly #tell: (note: Uint8Array) => boolean
  readonly #root = new ShapeNode('')
  #count = 0
  #misses = 0
  /** Undefined when no more shapes can be told. */
  #candidates: (readonly string[] | undefined)[] | undefined = []

  constructor(tell: (note: Uint8Array) => boolean) {
    this.#tell = tell
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
    if (candidate === undefined || this.#misses++ % CANDIDATE_PATIENCE === 0) this.#candidates[slot] = keys
    return undefined
  }

  #add(keys: readonly string[]): Shape | undefined {
    // The receiver would have to define it, not assign it.
    if (keys.includes('__proto__')) return undefined
    const note = encodeTree(keys, undefined)
    if (note === undefined || note.length > NOTE_BYTES_MAX || !this.#tell(note)) return undefined
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
