import { Packr, RESERVE_START_SPACE, RESET_BUFFER_MODE } from 'msgpackr'
import type { ChannelCodec, Codec, CodecBounds } from './codec.js'
import { DECODED_BYTES_DEFAULT, DecodeBudget } from './decode-budget.js'
import { flatten } from './flatten.js'
import type { GraphNode } from './graph.js'
import { rebuild } from './rebuild.js'
import { ReceivedShapes } from './received-shapes.js'
import { SentShapes } from './sent-shapes.js'
import { RECORD } from './tree-format.js'
import { decodeTree } from './tree-reader.js'
import { encodeTree } from './tree-writer.js'

/**
 * MessagePack, in which the keys of objects that come again and again travel once for each channel.
 *
 * Arrives as it was sent: undefined, null, booleans, every number (NaN, the infinities, −0) and bigint, every string
 * (lone surrogates too), plain objects (any key, `__proto__` too), arrays, Map, Set, Date (the invalid one too),
 * RegExp, ArrayBuffer, DataView, Buffer, the typed arrays; nested to any depth, with shared and cyclic references.
 *
 * Arrives changed: an error has the nearest built-in class, its name, message, stack, cause and own enumerable
 * properties; an instance of another class, and an object without a prototype, is a plain object of its own enumerable
 * properties with string keys, and no `toJSON` is called; an instance of a class derived from a built-in one is of the
 * built-in; an array has its elements only; a regular expression begins at 0; views of one ArrayBuffer are apart.
 *
 * Throws TypeError: functions, symbols, arrays with holes, SharedArrayBuffer, Float16Array, and built-in objects with
 * an inside of their own, such as promises, weak maps, proxies of functions and boxed primitives.
 *
 * A Buffer in a received value is a view of the message's memory; all else is copied.
 *
 * Plain trees take the tree form: MessagePack (timestamps as extension −1, typed arrays as extension 0x74, undefined as
 * extension 0), with records in place of objects whose keys the peer has been told (sent-shapes.ts). All else takes the graph
 * form of graph.ts, whose nodes msgpackr writes (https://github.com/kriszyp/msgpackr; the build puts its code into this file).
 * docs/protocol.md, section 9, has both byte by byte.
 */
export const msgpackCodec: Codec = {
  name: 'msgpack',
  reusesMemory: true,
  encode: (value) => encode(value, undefined),
  decode: (bytes) => decode(bytes, undefined, new DecodeBudget(DECODED_BYTES_DEFAULT)),
  perChannel: (tell, bounds) => new MsgpackChannelCodec(tell, bounds),
}

/** With what the two ends of one channel have told each other. An idle channel holds nothing but this object. */
class MsgpackChannelCodec implements ChannelCodec {
  readonly name = 'msgpack'
  readonly reusesMemory = true
  readonly #tell: (note: Uint8Array) => boolean
  readonly #bytesMax: number
  readonly #budget: DecodeBudget
  #sent: SentShapes | undefined
  #received: ReceivedShapes | undefined

  constructor(tell: (note: Uint8Array) => boolean, { messageBytesMax, decodedBytesMax }: CodecBounds) {
    this.#tell = tell
    this.#bytesMax = messageBytesMax
    this.#budget = new DecodeBudget(decodedBytesMax)
  }

  encode(value: unknown): Uint8Array {
    if (typeof value === 'object') this.#sent ??= new SentShapes(this.#tell)
    return encode(value, this.#sent, this.#bytesMax)
  }

  decode(bytes: Buffer): unknown {
    return decode(bytes, this.#received, this.#budget)
  }

  decodedBytes(): number {
    return this.#budget.spentBytes
  }

  learn(note: Buffer): void {
    this.#received ??= new ReceivedShapes()
    this.#received.learn(note)
  }
}

/** Nodes of the graph form as MessagePack: a list of leaves and lists. */
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  // Typed arrays are written with their class.
  moreTypes: true,
  useToJSON: false,
})

const BUFFER_BYTES_INITIAL = 8192
/** A larger buffer is given back after the message, instead of staying for good. */
const BUFFER_BYTES_KEPT = 1024 * 1024

/** A tree that is too long may be a graph that is not: of that, each text is written once. */
function encode(
  value: unknown,
  shapes: SentShapes | undefined,
  bytesMax = Number.POSITIVE_INFINITY,
): Uint8Array {
  const tree = encodeTree(value, shapes, bytesMax)
  return tree !== undefined && tree.length <= bytesMax ? tree : encodeGraph(flatten(value, bytesMax))
}

/** No accessor runs any more: the nodes are lists and leaves. */
function encodeGraph(nodes: GraphNode[]): Uint8Array {
  let bytes: Buffer | undefined
  try {
    bytes = packr.pack(nodes, RESET_BUFFER_MODE | RESERVE_START_SPACE | 1)
    bytes[0] = RECORD
    return bytes
  } finally {
    // After an exception the encoder's state is whatever it was; a new buffer sets it right.
    if (bytes === undefined || bytes.buffer.byteLength > BUFFER_BYTES_KEPT)
      packr.useBuffer(Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL))
  }
}

function decode(bytes: Buffer, shapes: ReceivedShapes | undefined, budget: DecodeBudget): unknown {
  // The graph is a list; the numbers of shapes are smaller than the first byte of any.
  const isGraph = bytes[0] === RECORD && (bytes[1] ?? 0) >= 0x80
  return isGraph
    ? rebuild(decodeTree(bytes, undefined, budget, 1), budget)
    : decodeTree(bytes, shapes, budget)
}
