import { addExtension, C1, Packr, RESERVE_START_SPACE, RESET_BUFFER_MODE } from 'msgpackr'
import type { Codec } from './codec.js'
import { flatten } from './flatten.js'
import { isPlain } from './plain.js'
import { rebuild } from './rebuild.js'

/**
 * MessagePack, by msgpackr (https://github.com/kriszyp/msgpackr), whose code the build puts into this file.
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
 * A Buffer in a received value is a view of the message's memory; all else is copied. Each message stands alone.
 * Plain trees are ordinary MessagePack (timestamps as extension −1, typed arrays as msgpackr's extension 0x74, undefined as
 * its extension 0); the rest is the byte 0xc1, which MessagePack never uses, and the graph form of graph.ts.
 */
export const msgpackCodec: Codec = { name: 'msgpack', reusesMemory: true, encode, decode }

const GRAPH = 0xc1

const packr = new Packr({
  // Objects as MessagePack maps. msgpackr's records would need `__keys__` as a key of its own, and keep every key ever seen.
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  // Typed arrays come back as what they were.
  moreTypes: true,
  useToJSON: false,
  writeFunction: (): never => {
    throw new TypeError('cannot send a function')
  },
})

refuseExtensions()

/** msgpackr's encoder works in one buffer for all; a reentrant call (from an accessor) must leave the outer one's alone. */
let encodesRunning = 0
const BUFFER_BYTES_INITIAL = 8192
/** A larger buffer is given back after the message, instead of staying for good. */
const BUFFER_BYTES_KEPT = 1024 * 1024

function encode(value: unknown): Uint8Array {
  let isWhole = false
  let bytes: Buffer | undefined
  encodesRunning++
  try {
    if (isPlain(value)) {
      bytes = packr.pack(value, RESET_BUFFER_MODE)
    } else {
      bytes = packr.pack(flatten(value), RESET_BUFFER_MODE | RESERVE_START_SPACE | 1)
      bytes[0] = GRAPH
    }
    isWhole = true
    return bytes
  } finally {
    encodesRunning--
    // After an exception the encoder's state is whatever it was; a new buffer sets it right.
    if (encodesRunning === 0 && (!isWhole || (bytes?.buffer.byteLength ?? 0) > BUFFER_BYTES_KEPT)) {
      packr.useBuffer(Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL))
    }
  }
}

function decode(bytes: Buffer): unknown {
  return bytes[0] === GRAPH ? rebuild(packr.unpack(bytes, { start: 1 })) : packr.unpack(bytes)
}

/** What the byte 0xc1 inside a message decodes to; one object for all messages. */
Object.freeze(C1)

/**
 * Extensions that this codec never writes are not read either. Some cost a hostile sender little and the reader much:
 * bundled strings (0x62) can be decoded over and over, a bigint (0x42) as a key is turned into decimal digits.
 * The registry is msgpackr's own, and this copy of msgpackr is ours alone.
 */
function refuseExtensions(): void {
  for (const type of [0x42, 0x62, 0x65, 0x69, 0x70, 0x73, 0x78]) {
    addExtension({
      type,
      unpack: () => {
        throw new TypeError(`MessagePack extension ${type} is not part of shmwire's format`)
      },
    })
  }
}
