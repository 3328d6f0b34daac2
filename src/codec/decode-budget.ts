import { getHeapStatistics } from 'node:v8'

const MIB = 1024 * 1024
const DEFAULT_MAX = 1024 * MIB
/** The default where the heap is so small that a half of it is less. */
const DEFAULT_MIN = 64 * MIB
/** An array of small integers takes 8 bytes of memory for each of its own. */
const BYTES_PER_MESSAGE_BYTE = 8
/** The largest heap of Node 20 on small machines, for an engine that does not tell its own. */
const HEAP_BYTES_USUAL = 2048 * MIB

/**
 * What decoding one message may take unless `maxDecodedBytes` is set: 1 GiB, or 8 times `messageBytesMax` where that is more, but
 * no more than half of the heap, as V8 ends the process when its heap is full.
 */
export function decodedBytesDefault(messageBytesMax: number, heapBytes = heapOfThread()): number {
  const wanted = Math.max(DEFAULT_MAX, BYTES_PER_MESSAGE_BYTE * messageBytesMax)
  return Math.max(DEFAULT_MIN, Math.min(wanted, Math.floor(heapBytes / 2)))
}

function heapOfThread(): number {
  const { heap_size_limit: bytes } = getHeapStatistics()
  return bytes > 0 ? bytes : HEAP_BYTES_USUAL
}

/** For a codec without a channel. */
export const DECODED_BYTES_DEFAULT = decodedBytesDefault(0)

/** A value needs more memory than one message may take. */
export class DecodeLimitError extends RangeError {
  override readonly name = 'DecodeLimitError'
}

/**
 * Bytes of memory that a decoded value takes, without what it holds. Measured on Node 20, 24 and 26 (x64, 8-byte pointers) and
 * rounded up. docs/decisions/0020-decode-budget.md has the measurements, and a test compares both.
 */
export const Cost = {
  /** A place for a value in an array or a list of nodes. */
  PLACE: 8,
  /** A number that is no integer of 32 bits with a sign, besides its place. */
  NUMBER: 16,
  ARRAY: 48,
  /** Without its keys. */
  OBJECT: 64,
  /** A key of an object of a known shape: a place. */
  SHAPED_KEY: 8,
  /** Without its keys: one that a function with an object literal makes, which takes no room for further keys. */
  LITERAL: 24,
  /** A key of any other object: the engine describes the object by a hidden class for each key, or a hash table. */
  KEY: 96,
  /** Without its characters: the header of a string, and the rest of its last word. */
  TEXT: 24,
  BIGINT: 32,
  /** A Buffer over the memory of the message, or a Date, which is read from one. */
  VIEW: 112,
  /** An ArrayBuffer or a view, with memory of its own of which the bytes are counted besides. */
  COPY: 400,
  MAP: 192,
  SET: 160,
  /** Of a Map or a Set, in the largest table for its size, which grows by doubling. */
  ENTRY: 64,
  /** Without the frames of its stack. */
  ERROR: 128,
  /** Of the stack of an error. */
  FRAME: 128,
  REGEXP: 256,
} as const

/** A longer array is not made at once: V8 gives a length of more than 32 Mi elements a hash table instead of a block. */
export const LENGTH_AT_ONCE_MAX = 32 * 1024 * 1024

/** What is left of the memory that one message may take. One for each codec of a channel; the reader of a message begins it anew. */
export class DecodeBudget {
  readonly limitBytes: number
  /** A reader that counts for itself sets it when it is done. */
  leftBytes: number

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
    this.leftBytes = limitBytes
  }

  /** Of the message that was decoded last. */
  get spentBytes(): number {
    return this.limitBytes - this.leftBytes
  }

  /** Called before the memory is taken. Throws DecodeLimitError. */
  spend(bytes: number): void {
    this.leftBytes -= bytes
    if (this.leftBytes < 0) this.exceed(this.leftBytes)
  }

  /** Called before a message whose memory is known. Throws DecodeLimitError. */
  begin(bytes: number): void {
    this.leftBytes = this.limitBytes
    this.spend(bytes)
  }

  /** `leftBytes` are less than none. */
  exceed(leftBytes: number): never {
    throw new DecodeLimitError(
      `the value needs at least ${this.limitBytes - leftBytes} bytes of memory, more than maxDecodedBytes: ${this.limitBytes}; ` +
        'raise maxDecodedBytes on this side, or have the peer send parts',
    )
  }
}

const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
/** V8 turns a block of elements into a hash table when an index leaves so many holes behind the block. */
const ELEMENTS_GAP_MAX = 1024
/**
 * Places for each key of such a hash table besides Cost.KEY, 24 in all: the table has up to 4 entries of 3 places for each key, and V8 makes it a
 * block again when that takes no more than twice the table. (V8: ShouldConvertToFastElements.)
 */
const ELEMENTS_PER_KEY = 12
/** Digits of the largest index, 2^32 − 2. */
const INDEX_DIGITS_MAX = 10

/** Whether the engine may keep the value of this key in the block of an object's elements. May say so of other keys. */
export function isIndexKey(key: string): boolean {
  const first = key.charCodeAt(0)
  return first >= DIGIT_0 && first <= DIGIT_9 && key.length <= INDEX_DIGITS_MAX
}

/**
 * Places for the elements of an object after this key was added, at most. A key of three digits makes V8 take a block of 1,500 places; behind
 * a gap V8 makes the block a hash table, and later a block again. (V8: JSObject::NewElementsCapacity, ShouldConvertToSlowElements.)
 */
export function elementsAfter(elements: number, key: string): number {
  const index = Number(key)
  if (!(index >= 0)) return elements
  const places = elements + ELEMENTS_PER_KEY
  if (index - elements >= ELEMENTS_GAP_MAX) return places
  return Math.max(places, index + 1 + ((index + 1) >> 1) + 16)
}

/** Keys up to which an object that is built key by key is no hash table. */
const KEYS_WITHOUT_TABLE_MAX = 16
/** Keys of an object literal from which on it is a hash table (V8: Factory::ObjectLiteralMapFromCache). */
const LITERAL_KEYS_MAX = 127

/** One object with these keys, all of the same shape. `asLiteral`: a function with an object literal makes it. */
export function shapedObjectBytes(keys: readonly string[], asLiteral: boolean): number {
  const isTable = keys.length > (asLiteral ? LITERAL_KEYS_MAX : KEYS_WITHOUT_TABLE_MAX)
  let elements = 0
  let bytes: number = asLiteral && !isTable ? Cost.LITERAL : Cost.OBJECT
  for (const key of keys) {
    const isIndex = isIndexKey(key)
    if (isIndex) elements = elementsAfter(elements, key)
    bytes += isTable || isIndex ? Cost.KEY : Cost.SHAPED_KEY
  }
  return bytes + Cost.PLACE * elements
}
