import { getHeapStatistics } from 'node:v8'

const MIB = 1024 * 1024
const DEFAULT_MAX = 1024 * MIB
/** The lower bound, for small heaps. */
const DEFAULT_MIN = 64 * MIB
/** An array of small integers takes 8 bytes of memory for each byte of the message. */
const BYTES_PER_MESSAGE_BYTE = 8
/** The largest heap of Node 20 on small machines, for an engine that does not report its own. */
const HEAP_BYTES_USUAL = 2048 * MIB

/**
 * The default of `maxDecodedBytes`: 1 GiB, or 8 times `messageBytesMax` if that is more, but at most half of the heap, because V8 ends
 * the process when its heap is full.
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

/** A value needs more memory than one message may use. */
export class DecodeLimitError extends RangeError {
  override readonly name = 'DecodeLimitError'
}

/**
 * Bytes of memory of a decoded value, without its contents. Measured on Node 20, 24 and 26 (x64, 8-byte pointers) and rounded up.
 * docs/decisions/0020-decode-budget.md has the measurements, and a test compares both.
 */
export const Cost = {
  /** A place for a value in an array or a list of nodes. */
  PLACE: 8,
  /** A number other than a signed 32-bit integer, without its place. */
  NUMBER: 16,
  ARRAY: 48,
  /** Without its keys. */
  OBJECT: 64,
  /** A key of an object of a known shape: a place. */
  SHAPED_KEY: 8,
  /** An object from an object literal, which has no room for further keys. Without its keys. */
  LITERAL: 24,
  /** A key of any other object: the engine has a hidden class for each key, or a hash table. */
  KEY: 96,
  /** Without its characters: the header of a string, and the rest of its last word. */
  TEXT: 24,
  BIGINT: 32,
  /** A Buffer over the memory of the message, or a Date, which is read from one. */
  VIEW: 112,
  /** An ArrayBuffer or a view with its own memory, without the bytes of that memory. */
  COPY: 400,
  MAP: 192,
  SET: 160,
  /** An entry of a Map or a Set, in the largest table for its size: tables grow by doubling. */
  ENTRY: 64,
  /** Without the frames of its stack. */
  ERROR: 128,
  /** A frame of the stack of an error. */
  FRAME: 128,
  REGEXP: 256,
} as const

/** A longer array is not allocated at once, because V8 would use a hash table instead of a block. */
export const LENGTH_AT_ONCE_MAX = 32 * 1024 * 1024

/** The rest of the memory that one message may use. Each codec of a channel has one; the reader of a message resets it. */
export class DecodeBudget {
  readonly limitBytes: number
  /** A reader that counts by itself sets it at the end. */
  leftBytes: number

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
    this.leftBytes = limitBytes
  }

  /** Bytes for the message that was decoded last. */
  get spentBytes(): number {
    return this.limitBytes - this.leftBytes
  }

  /** Called before the memory is allocated. Throws DecodeLimitError. */
  spend(bytes: number): void {
    this.leftBytes -= bytes
    if (this.leftBytes < 0) this.exceed(this.leftBytes)
  }

  /** Called at the start of a message with a known amount of memory. Throws DecodeLimitError. */
  begin(bytes: number): void {
    this.leftBytes = this.limitBytes
    this.spend(bytes)
  }

  /** Throws DecodeLimitError for a negative `leftBytes`. */
  exceed(leftBytes: number): never {
    throw new DecodeLimitError(
      `the value needs at least ${this.limitBytes - leftBytes} bytes of memory, more than maxDecodedBytes: ${this.limitBytes}; ` +
        'raise maxDecodedBytes on this side, or have the peer send parts',
    )
  }
}

const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
/** V8 turns a block of elements into a hash table when an index leaves so many holes after the block. */
const ELEMENTS_GAP_MAX = 1024
/**
 * Places for each key of such a hash table, beyond Cost.KEY: 24 in all. The table has up to 4 entries of 3 places for each key, and V8
 * turns it into a block again if that takes at most twice as much. (V8: ShouldConvertToFastElements.)
 */
const ELEMENTS_PER_KEY = 12
/** Digits of the largest index, 2^32 − 2. */
const INDEX_DIGITS_MAX = 10

/** Whether the engine can keep the value of this key in the elements of the object. Also true for some other keys. */
export function isIndexKey(key: string): boolean {
  const first = key.charCodeAt(0)
  return first >= DIGIT_0 && first <= DIGIT_9 && key.length <= INDEX_DIGITS_MAX
}

/**
 * The most places for the elements of an object with this further key. A key of three digits can make V8 allocate a block of 1,500
 * places. After a gap, V8 turns the block into a hash table, and later into a block again. (V8: JSObject::NewElementsCapacity,
 * ShouldConvertToSlowElements.)
 */
export function elementsAfter(elements: number, key: string): number {
  const index = Number(key)
  if (!(index >= 0)) return elements
  const places = elements + ELEMENTS_PER_KEY
  if (index - elements >= ELEMENTS_GAP_MAX) return places
  return Math.max(places, index + 1 + ((index + 1) >> 1) + 16)
}

/** An object with more keys, added one by one, is a hash table. */
const KEYS_WITHOUT_TABLE_MAX = 16
/** An object literal with more keys is a hash table (V8: Factory::ObjectLiteralMapFromCache). */
const LITERAL_KEYS_MAX = 127

/** The memory of an object with these keys, without its values. `asLiteral`: it comes from an object literal. */
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
