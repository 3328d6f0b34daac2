import type { ObjectBuilder } from './object-builder.js'

/**
 * The tree form: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) with shaped objects. A shaped object is an object
 * whose shape the sender has announced: the token SHAPED_OBJECT, the id of the shape, and the values in the order of the keys.
 * docs/protocol.md, section 9, describes the bytes. tree-writer.ts writes this form, tree-reader.ts reads it.
 */

/** A byte that MessagePack never uses. At the start of a message, before a list, it marks the graph form instead. */
export const SHAPED_OBJECT = 0xc1
/** Extension −1 of MessagePack. */
export const TIMESTAMP = 0xff
/** The extension of msgpackr for typed arrays: a code of LEAF_CODES, and the bytes. */
export const TYPED_ARRAY = 0x74

/** Keys in the order of `Object.keys`, and their number on the wire. */
export interface Shape {
  readonly id: number
  readonly keys: readonly string[]
}

/** Shapes that one side of a channel can announce. Their ids are 0 to 63, in the order of the announcements. */
export const SHAPES_MAX = 64
/** Limits of a shape, and of the note that announces it. Objects beyond them are sent as maps. */
export const SHAPE_KEYS_MAX = 128
export const NOTE_BYTES_MAX = 4096

/** The shapes that the sender has announced. */
export interface ShapesToRead {
  builder(id: number): ObjectBuilder | undefined
}
