import { DecodeBudget } from './decode-budget.js'
import { ObjectBuilder } from './object-builder.js'
import { NOTE_BYTES_MAX, SHAPE_KEYS_MAX, SHAPES_MAX, type ShapesToRead } from './tree-format.js'
import { decodeTree } from './tree-reader.js'

/** Far more than the longest note needs. */
const NOTE_BUDGET_BYTES = 1024 * 1024

/** The shapes that the other side has announced, by id. */
export class ReceivedShapes implements ShapesToRead {
  readonly #builders: ObjectBuilder[] = []

  /** Throws TypeError for a malformed note: it is input from the peer. */
  add(note: Buffer): void {
    if (this.#builders.length === SHAPES_MAX) throw malformed(`there are ${SHAPES_MAX} already`)
    if (note.length > NOTE_BYTES_MAX)
      throw malformed(`its note has ${note.length} bytes, more than ${NOTE_BYTES_MAX}`)
    const keys = decodeTree(note, undefined, new DecodeBudget(NOTE_BUDGET_BYTES))
    if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string'))
      throw malformed('its note is not a list of keys')
    if (keys.length === 0 || keys.length > SHAPE_KEYS_MAX) throw malformed(`it has ${keys.length} keys`)
    if (new Set(keys).size < keys.length) throw malformed('it has a duplicate key')
    if (keys.includes('__proto__')) throw malformed('it has the key __proto__')
    this.#builders.push(new ObjectBuilder(keys))
  }

  builder(id: number): ObjectBuilder | undefined {
    return this.#builders[id]
  }
}

function malformed(what: string): TypeError {
  return new TypeError(`malformed shape: ${what}`)
}
