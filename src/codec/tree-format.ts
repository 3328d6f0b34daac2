import type { ObjectBuilder } from './object-builder.js'

/**
 * The tree form: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), in which an object whose shape was told
 * is a record: RECORD, the shape's id, and its values in the order of its keys. docs/protocol.md, section 9, has it
 * byte by byte. Written by tree-writer.ts, read by tree-reader.ts.
 */

/** Never used by MessagePack. In front of a message, followed by a list, it is the graph form instead. */
export const RECORD = 0xc1
/** MessagePack's own extension −1. */
export const TIMESTAMP = 0xff
/** msgpackr's extension for typed arrays: a code of LEAF_CODES, and the memory. */
export const TYPED_ARRAY = 0x74

/** Keys in the order of `Object.keys`, and the number that stands for them. */
export interface Shape {
  readonly id: number
  readonly keys: readonly string[]
}

/** Shapes that one side of a channel may tell. Their ids are 0 to 63, in the order of telling. */
export const SHAPES_MAX = 64
/** Bounds of one shape, and of the note that tells it: objects beyond them travel as maps. */
export const SHAPE_KEYS_MAX = 128
export const NOTE_BYTES_MAX = 4096

/** The shapes that the sender has announced. */
export interface ShapesToRead {
  builder(id: number): ObjectBuilder | undefined
}
