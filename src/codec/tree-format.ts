import type { ObjectBuilder } from './object-builder.js'

/**
 * The tree form: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) with additions. Each begins with the byte ESCAPE,
 * which MessagePack never uses:
 *
 *   ESCAPE, the id of a shape, values   a shaped object: an object whose keys the sender has announced
 *   ESCAPE, a code of Addition, values  a value that MessagePack lacks
 *
 * docs/protocol.md, section 9, describes the bytes. tree-writer.ts writes this form, tree-reader.ts reads it.
 */

/** At the start of a message, before a list, it marks the graph form instead. */
export const ESCAPE = 0xc1
/** Values that MessagePack lacks. addition-writer.ts writes them, addition-reader.ts reads them. */
export const Addition = {
  /** The number of entries, and the key and the value of each. */
  MAP: 0x40,
  /** The number of elements, and the elements. */
  SET: 0x41,
  /** The source and the flags, two strings. */
  REGEXP: 0x42,
  /** A name of ERROR_CLASSES, the number of properties, and the key and the value of each. */
  ERROR: 0x43,
  /** A string: hexadecimal, with a sign. For more than 64 bits. */
  BIGINT: 0x44,
  /** Binary data: UTF-16LE. For a string with lone surrogates. */
  UTF16: 0x45,
  /** The number of an earlier object of the message, in the order in which they begin. Only in a message with REFERENCES. */
  REFERENCE: 0x46,
  /** At the start of a message only: it has references. */
  REFERENCES: 0x47,
} as const

/** Extension −1 of MessagePack. */
export const TIMESTAMP = 0xff
/** The extension for typed arrays: a code (plain.ts), and the bytes. */
export const TYPED_ARRAY = 0x74

/** Keys in the order of `Object.keys`, and their number on the wire. */
export interface Shape {
  readonly id: number
  readonly keys: readonly string[]
}

/**
 * Bytes of UTF-8 of a text. V8 decodes no longer one into a string: the most characters that a string can have, on Node 20 to 26
 * (`buffer.constants.MAX_STRING_LENGTH`). Both sides refuse a longer text.
 */
export const TEXT_BYTES_MAX = 2 ** 29 - 24

/** Shapes that one side of a channel can announce. Their ids are 0 to 63, in the order of the announcements. */
export const SHAPES_MAX = 64
/** Limits of a shape, and of the note that announces it. Objects beyond them are sent as maps. */
export const SHAPE_KEYS_MAX = 128
export const NOTE_BYTES_MAX = 4096

/** The shapes that the sender has announced. */
export interface ShapesToRead {
  builder(id: number): ObjectBuilder | undefined
}
