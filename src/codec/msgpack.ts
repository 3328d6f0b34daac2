import type { ChannelCodec, Codec, CodecBounds, OnceEncoded } from './codec.js'
import { DECODED_BYTES_DEFAULT, DecodeBudget } from './decode-budget.js'
import { decodeGraph } from './graph-decoder.js'
import { encodeGraph } from './graph-encoder.js'
import { ReceivedShapes } from './received-shapes.js'
import { SentShapes } from './sent-shapes.js'
import { sharedKeys, sharedShapes, sharedShapesToRead } from './shared-shapes.js'
import { Addition, ESCAPE, type ShapesToRead } from './tree-format.js'
import { decodeTree } from './tree-reader.js'
import { encodeNodes, encodeTree } from './tree-writer.js'

/**
 * MessagePack that sends the keys of repeated objects once for each channel.
 *
 * Unchanged: undefined, null, booleans, every number (NaN, the infinities, −0) and bigint, every string
 * (lone surrogates too), plain objects (any key, `__proto__` too), arrays, Map, Set, Date (the invalid one too),
 * RegExp, ArrayBuffer, DataView, Buffer, the typed arrays; nested to any depth, with shared and cyclic references.
 *
 * Values of another realm are the same as values of this one.
 *
 * Changed: an error, also a DOMException, has the nearest built-in class, its name, message and stack if they are strings, its code,
 * cause and own enumerable properties; an instance of another class, and an object without a prototype, is a plain object of its own enumerable
 * properties with string keys, and no `toJSON` is called; an instance of a class derived from a built-in one is of the
 * built-in; an array has its elements only; a regular expression begins at 0; views of one ArrayBuffer are apart; a Proxy of an array, a
 * plain object or an instance of another class is sent like its target.
 *
 * Throws TypeError, with the place of the value: functions, symbols, arrays with holes, SharedArrayBuffer, Float16Array, strings of more
 * than 536,870,888 bytes of UTF-8, built-in objects with internal state, such as promises, weak maps, iterators and boxed primitives,
 * instances of classes with a `Symbol.toStringTag`, and a Proxy of one of these.
 *
 * A Buffer in a received value is a view of the memory of the message; all other values are copies.
 *
 * Nearly all values have the tree form (tree-format.ts): MessagePack (timestamps as extension −1, typed arrays as extension 0x74, undefined
 * as extension 0), with shaped objects for announced keys (sent-shapes.ts), with additions for values that MessagePack lacks, and with
 * references to earlier objects. A value that is nested deeper has the graph form (graph.ts). docs/protocol.md, section 9, describes the
 * bytes.
 */
export const msgpackCodec: Codec = {
  name: 'msgpack',
  reusesMemory: true,
  encode: (value) => encode(value, undefined),
  decode: (bytes) => decode(bytes, undefined, new DecodeBudget(DECODED_BYTES_DEFAULT)),
  encodeOnce,
  adopt: ({ bytes, places = [] }) => (places.length === 0 ? bytes : encode(decodeShared(bytes), undefined)),
  perChannel: (sendNote, bounds) => new MsgpackChannelCodec(sendNote, bounds),
}

/** With the shapes that the two ends of one channel have announced. An idle channel holds only this object. */
class MsgpackChannelCodec implements ChannelCodec {
  readonly name = 'msgpack'
  readonly reusesMemory = true
  readonly #sendNote: (note: Uint8Array) => boolean
  readonly #bytesMax: number
  readonly #budget: DecodeBudget
  #sent: SentShapes | undefined
  #received: ReceivedShapes | undefined
  /** By the id of `sharedShapes`. */
  #adoptedIds: number[] | undefined

  constructor(sendNote: (note: Uint8Array) => boolean, { messageBytesMax, decodedBytesMax }: CodecBounds) {
    this.#sendNote = sendNote
    this.#bytesMax = messageBytesMax
    this.#budget = new DecodeBudget(decodedBytesMax)
  }

  encode(value: unknown): Uint8Array {
    if (typeof value === 'object') this.#sent ??= new SentShapes(this.#sendNote)
    return encode(value, this.#sent, this.#bytesMax)
  }

  adopt(message: OnceEncoded): Uint8Array {
    const { bytes, places = [] } = message
    let adopted = bytes
    for (const place of places) {
      const sharedId = bytes[place] as number
      const id = this.#idOf(sharedId)
      if (id === undefined) return this.encode(decodeShared(bytes))
      if (id === sharedId) continue
      if (adopted === bytes) adopted = Buffer.from(bytes)
      adopted[place] = id
    }
    return adopted
  }

  /** The id that this channel has for a shape of `sharedShapes`. Undefined: it cannot announce that shape. */
  #idOf(sharedId: number): number | undefined {
    const known = this.#adoptedIds?.[sharedId]
    if (known !== undefined) return known
    this.#sent ??= new SentShapes(this.#sendNote)
    const id = this.#sent.announce(sharedKeys(sharedId))?.id
    if (id !== undefined) {
      this.#adoptedIds ??= []
      this.#adoptedIds[sharedId] = id
    }
    return id
  }

  decode(bytes: Buffer): unknown {
    return decode(bytes, this.#received, this.#budget)
  }

  decodedBytes(): number {
    return this.#budget.spentBytes
  }

  applyNote(note: Buffer): void {
    this.#received ??= new ReceivedShapes()
    this.#received.add(note)
  }
}

/** A graph can be short enough where a tree is too long, because it has each text once. */
function encode(
  value: unknown,
  shapes: SentShapes | undefined,
  bytesMax = Number.POSITIVE_INFINITY,
): Uint8Array {
  const tree = encodeTree(value, shapes, bytesMax)
  return tree !== undefined && tree.length <= bytesMax ? tree : encodeNodes(encodeGraph(value, bytesMax))
}

function encodeOnce(value: unknown): OnceEncoded {
  const places: number[] = []
  const tree = encodeTree(value, sharedShapes, Number.POSITIVE_INFINITY, places)
  // The next message overwrites the result.
  return tree === undefined
    ? { bytes: Buffer.from(encodeNodes(encodeGraph(value))) }
    : { bytes: Buffer.from(tree), places }
}

function decodeShared(bytes: Uint8Array): unknown {
  const copy = Buffer.from(bytes)
  return decode(copy, sharedShapesToRead, new DecodeBudget(Number.POSITIVE_INFINITY))
}

function decode(bytes: Buffer, shapes: ShapesToRead | undefined, budget: DecodeBudget): unknown {
  if (bytes[0] === ESCAPE) {
    const second = bytes[1] ?? 0
    // A graph is a list, whose first byte is larger than any number of a shape or an addition.
    if (second >= 0x80) return decodeGraph(decodeTree(bytes, undefined, budget, 1), budget)
    if (second === Addition.REFERENCES) return decodeTree(bytes, shapes, budget, 2, true)
  }
  return decodeTree(bytes, shapes, budget)
}
