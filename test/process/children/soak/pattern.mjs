// The messages of a soak: bytes that both sides compute from seed and number.
import { createCipheriv } from 'node:crypto'

const BLOCK_BYTES = 1024 * 1024
/** A prime, so that neighbouring messages begin at unrelated places. */
const STRIDE = 7919
export const LONGEST_BYTES = 3 * 1024 * 1024

/** The same in every process. The seed selects where a message begins in it. A cipher creates it fastest. */
const BLOCK = createCipheriv('aes-128-ctr', 'a public key :-)', Buffer.alloc(16)).update(
  Buffer.alloc(BLOCK_BYTES + LONGEST_BYTES),
)

const END_MAGIC = Buffer.from('the end of it :)')
const END_BYTES = END_MAGIC.length + 8

const STREAM_BYTES = 64

/** Lengths by the name of a profile; `spread` is 20 random bits, `dice` is in [0, 1000). */
const LENGTHS = {
  empty: () => 0,
  mixed: (dice, spread, ringBytes) => {
    if (dice < 800) return spread % 200
    if (dice < 980) return spread % 2_000
    // Around the longest record, where fragments begin.
    if (dice < 998) return ringBytes / 8 - 116 + (spread % 200)
    return spread % (4 * ringBytes)
  },
  large: (dice, spread) => (dice < 500 ? spread % 200 : (spread * 3) % LONGEST_BYTES),
  // Every message has its own number and checksum, and is cheap to create and to check.
  stream: () => STREAM_BYTES,
}

/** The messages of one side of one channel. */
export function patternOf(profile, seed, ringBytes) {
  return profile === 'stream' ? new Stream(seed) : new Slices(LENGTHS[profile], seed, ringBytes)
}

/** Slices of one random block, at a place that depends on the number: one memcmp to check. */
class Slices {
  #lengthOf
  #seed
  #ringBytes

  constructor(lengthOf, seed, ringBytes) {
    this.#lengthOf = lengthOf
    this.#seed = seed >>> 0
    this.#ringBytes = ringBytes
  }

  /** A view: not to be written to. */
  message(number) {
    const hash = mixed(Math.imul(number + 1, 0x9e3779b1) ^ this.#seed)
    const length = this.#lengthOf((hash >>> 8) % 1000, mixed(hash) >>> 12, this.#ringBytes)
    const start = (number * STRIDE + this.#seed) % BLOCK_BYTES
    return BLOCK.subarray(start, start + length)
  }

  faultOf(bytes, number) {
    const expected = this.message(number)
    if (expected.equals(bytes)) return undefined
    return `message ${number} of ${expected.length} bytes arrived as ${bytes.length} others`
  }
}

/** 64 bytes: the number, and a checksum of it as the last word. */
class Stream {
  #bytes = Buffer.alloc(STREAM_BYTES)
  #words = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, STREAM_BYTES / 4)
  #seed

  constructor(seed) {
    this.#seed = seed
  }

  /** The same memory each time. */
  message(number) {
    this.#words[0] = number
    this.#words[15] = Math.imul(number, 0x9e3779b1) ^ this.#seed
    return this.#bytes
  }

  faultOf(bytes, number) {
    const sum = (Math.imul(number, 0x9e3779b1) ^ this.#seed) >>> 0
    if (
      bytes.length === STREAM_BYTES &&
      bytes.readUInt32LE(0) === number >>> 0 &&
      bytes.readUInt32LE(60) === sum
    )
      return undefined
    return `message ${number} arrived as ${bytes.length} bytes with number ${bytes.length < 4 ? '?' : bytes.readUInt32LE(0)}`
  }
}

/** The last message of a side: the number of messages before it. */
export function endMessage(count) {
  const bytes = Buffer.alloc(END_BYTES)
  END_MAGIC.copy(bytes)
  bytes.writeBigUInt64LE(BigInt(count), END_MAGIC.length)
  return bytes
}

/** The count in a last message; undefined for any other. */
export function endOf(bytes) {
  if (bytes.length !== END_BYTES || !END_MAGIC.equals(bytes.subarray(0, END_MAGIC.length))) return undefined
  return Number(bytes.readBigUInt64LE(END_MAGIC.length))
}

/** Random bits, 32 at a time (xorshift32, George Marsaglia, "Xorshift RNGs", 2003). */
export function randomBits(seed) {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

function mixed(bits) {
  const once = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  return (once ^ (once >>> 13)) >>> 0
}
