import { Packr, RESERVE_START_SPACE, RESET_BUFFER_MODE } from 'msgpackr'
import type { ChannelCodec, Codec, CodecBounds } from './codec.js'
import { DECODED_BYTES_DEFAULT, DecodeBudget } from './decode-budget.js'
import type { GraphNode } from './graph.js'
import { decodeGraph } from './graph-decoder.js'
import { encodeGraph } from './graph-encoder.js'
import { ReceivedShapes } from './received-shapes.js'
import { SentShapes } from './sent-shapes.js'
import { SHAPED_OBJECT } from './tree-format.js'
import { decodeTree } from './tree-reader.js'
import { encodeTree } from './tree-writer.js'

/**
 * MessagePack that sends the keys of repeated objects once for each channel.
 *
 * Unchanged: undefined, null, booleans, every number (NaN, the infinities, −0) and bigint, every string
 * (lone surrogates too), plain objects (any key, `__proto__` too), arrays, Map, Set, Date (the invalid one too),
 * RegExp, ArrayBuffer, DataView, Buffer, the typed arrays; nested to any depth, with shared and cyclic references.
 *
 * Changed: an error has the nearest built-in class, its name, message, stack, cause and own enumerable
 * properties; an instance of another class, and an object without a prototype, is a plain object of its own enumerable
 * properties with string keys, and no `toJSON` is called; an instance of a class derived from a built-in one is of the
 * built-in; an array has its elements only; a regular expression begins at 0; views of one ArrayBuffer are apart.
 *
 * Throws TypeError: functions, symbols, arrays with holes, SharedArrayBuffer, Float16Array, and built-in objects with
 * internal state, such as promises, weak maps, proxies of functions and boxed primitives.
 *
 * A Buffer in a received value is a view of the memory of the message; all other values are copies.
 *
 * Plain trees have the tree form: MessagePack (timestamps as extension −1, typed arrays as extension 0x74, undefined as extension 0),
 * with shaped objects for announced keys (sent-shapes.ts). Other values have the graph form of graph.ts, whose nodes msgpackr writes
 * (https://github.com/kriszyp/msgpackr; the build puts its code into this file). docs/protocol.md, section 9, describes the bytes.
 */
export const msgpackCodec: Codec = {
  name: 'msgpack',
  reusesMemory: true,
  encode: (value) => encode(value, undefined),
  decode: (bytes) => decode(bytes, undefined, new DecodeBudget(DECODED_BYTES_DEFAULT)),
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

  constructor(sendNote: (note: Uint8Array) => boolean, { messageBytesMax, decodedBytesMax }: CodecBounds) {
    this.#sendNote = sendNote
    this.#bytesMax = messageBytesMax
    this.#budget = new DecodeBudget(decodedBytesMax)
  }

  encode(value: unknown): Uint8Array {
    if (typeof value === 'object') this.#sent ??= new SentShapes(this.#sendNote)
    return encode(value, this.#sent, this.#bytesMax)
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

/** Writes the nodes of the graph form: a list of leaves and lists. */
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  // Typed arrays keep their class.
  moreTypes: true,
  useToJSON: false,
})

const BUFFER_BYTES_INITIAL = 8192
/** A larger buffer is released after the message. */
const BUFFER_BYTES_KEPT = 1024 * 1024

/** A graph can be short enough where a tree is too long, because it has each text once. */
function encode(
  value: unknown,
  shapes: SentShapes | undefined,
  bytesMax = Number.POSITIVE_INFINITY,
): Uint8Array {
  const tree = encodeTree(value, shapes, bytesMax)
  return tree !== undefined && tree.length <= bytesMax ? tree : packGraph(encodeGraph(value, bytesMax))
}

/** The nodes are lists and leaves, so no accessor of the user runs here. */
function packGraph(nodes: GraphNode[]): Uint8Array {
  let bytes: Buffer | undefined
  try {
    bytes = packr.pack(nodes, RESET_BUFFER_MODE | RESERVE_START_SPACE | 1)
    bytes[0] = SHAPED_OBJECT
    return bytes
  } finally {
    // An exception can leave the encoder in any state; a new buffer resets it.
    if (bytes === undefined || bytes.buffer.byteLength > BUFFER_BYTES_KEPT)
      packr.useBuffer(Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL))
  }
}

function decode(bytes: Buffer, shapes: ReceivedShapes | undefined, budget: DecodeBudget): unknown {
  // A graph is a list, whose first byte is larger than any number of a shape.
  const isGraph = bytes[0] === SHAPED_OBJECT && (bytes[1] ?? 0) >= 0x80
  return isGraph
    ? decodeGraph(decodeTree(bytes, undefined, budget, 1), budget)
    : decodeTree(bytes, shapes, budget)
}
