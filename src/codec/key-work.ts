/**
 * A peer can choose many keys with the same hash, because V8 hashes some keys without a secret. V8 then compares each key with all
 * earlier ones. This file bounds that work. Both sides count in the same way, so the receiver accepts everything that the sender accepts.
 *
 * Numbers and bigints in a Map or Set: their hash has no secret. KeyTable counts the comparisons in a model of V8's OrderedHashMap,
 * which has chains, at most two entries a bucket on average, and doubles when it is full.
 *
 * Strings as keys of an object, a Map or a Set: up to 16,383 characters, their hash has a secret. The hash of a longer string is only
 * its length (V8: String::kMaxHashCalcLength), so a message may have few of them.
 *
 * Objects as keys have a random hash.
 */

/** V8 hashes the characters of a string up to this length. */
export const HASHED_LENGTH_MAX = 16_383
/** Longer keys that one message may have. Each occurrence counts. */
export const LONG_KEYS_MAX = 64

/** The first keys of a collection are not counted: to compare each with all costs no more than to decode them. */
const UNCOUNTED_KEYS = 32
/** All tested patterns of keys need less than 2 comparisons for each key. */
const COMPARISONS_PER_KEY_MAX = 8
/** Comparisons beyond COMPARISONS_PER_KEY_MAX in all collections of one message: about 10 ms. */
const EXTRA_COMPARISONS_MAX = 1_000_000
/** V8 compares so many more digits of two bigints in the time that it needs to begin a comparison. */
const BIGINT_DIGITS_PER_COMPARISON = 128

const BUCKETS_INITIAL = 2 * UNCOUNTED_KEYS
const NONE = new Uint32Array(0)
const EIGHT_BYTES = new DataView(new ArrayBuffer(8))

/** Counts one more long key of a message with `count` of them. Throws RangeError if there are too many. */
export function countLongKey(count: number, length: number): number {
  if (count < LONG_KEYS_MAX) return count + 1
  throw new RangeError(
    `a key has ${length} characters, and the message has ${LONG_KEYS_MAX} keys of more than ${HASHED_LENGTH_MAX} characters ` +
      'already, the most that one message may have; use shorter keys, or send these texts as values',
  )
}

/** The work for the keys of one message. */
export class KeyWork {
  #longKeys = 0
  #comparisonsLeft = EXTRA_COMPARISONS_MAX

  /** Counts a key of an object, a Map or a Set. Throws RangeError if too many are long. */
  add(key: unknown): void {
    if (typeof key === 'string' && key.length > HASHED_LENGTH_MAX)
      this.#longKeys = countLongKey(this.#longKeys, key.length)
  }

  /** False: the message has no comparisons left. */
  spend(comparisons: number): boolean {
    this.#comparisonsLeft -= comparisons
    return this.#comparisonsLeft >= 0
  }
}

/** The keys of one Map or Set. */
export class KeyTable {
  readonly #work: KeyWork
  #uncounted = UNCOUNTED_KEYS
  #searches = 0
  #comparisons = 0
  #keys = 0
  #hashes = NONE
  /** Entries in each bucket. */
  #chains = NONE
  /** The hash of the key that was searched last; −1 if it is not counted. */
  #hash = -1

  constructor(work: KeyWork) {
    this.#work = work
  }

  /** Counts a new key. Throws RangeError if the keys are too much work. */
  add(key: unknown): void {
    this.#work.add(key)
    if (!this.search(key)) {
      throw new RangeError(
        `the number keys of a Map or Set collide: ${this.#searches} of them need ${this.#comparisons} comparisons, more than ` +
          `${COMPARISONS_PER_KEY_MAX} each and ${EXTRA_COMPARISONS_MAX} in a message; use strings as keys`,
      )
    }
    this.insert()
  }

  /** Counts the search for a key. False: the keys are too much work. */
  search(key: unknown): boolean {
    this.#hash = -1
    if (typeof key !== 'number' && typeof key !== 'bigint') return true
    this.#searches += 1
    if (this.#uncounted > 0) return true
    this.#hash = typeof key === 'number' ? hashOfNumber(key) : hashOfBigint(key)
    if (this.#keys === this.#hashes.length) this.#grow()
    const entries = this.#chains[this.#hash & (this.#chains.length - 1)] as number
    const comparisons = entries > 1 && typeof key === 'bigint' ? entries * weightOf(key) : entries
    this.#comparisons += comparisons
    return this.#comparisons <= COMPARISONS_PER_KEY_MAX * this.#searches || this.#work.spend(comparisons)
  }

  /** Inserts the key that was searched last. */
  insert(): void {
    if (this.#uncounted > 0) this.#uncounted -= 1
    if (this.#hash < 0) return
    const bucket = this.#hash & (this.#chains.length - 1)
    this.#chains[bucket] = (this.#chains[bucket] as number) + 1
    this.#hashes[this.#keys] = this.#hash
    this.#keys += 1
  }

  #grow(): void {
    const buckets = Math.max(BUCKETS_INITIAL, 2 * this.#chains.length)
    const hashes = new Uint32Array(2 * buckets)
    const chains = new Uint32Array(buckets)
    hashes.set(this.#hashes)
    for (let index = 0; index < this.#keys; index++) {
      const bucket = (hashes[index] as number) & (buckets - 1)
      chains[bucket] = (chains[bucket] as number) + 1
    }
    this.#hashes = hashes
    this.#chains = chains
  }
}

/** How many comparisons of short bigints take as long as one of this bigint with another that has the same low digits. */
function weightOf(key: bigint): number {
  return BigInt.asIntN(64, key) === key
    ? 1
    : 1 + Math.floor(key.toString(16).length / BIGINT_DIGITS_PER_COMPARISON)
}

/** V8: Object::GetSimpleHash. A 32-bit integer has one hash for all representations in the engine. */
function hashOfNumber(key: number): number {
  if (key >> 0 === key) return hashOf32(key)
  EIGHT_BYTES.setFloat64(0, key)
  return hashOf64(EIGHT_BYTES.getUint32(0), EIGHT_BYTES.getUint32(4))
}

/** V8: BigIntBase::Hash. It covers the lowest 64 bits of the magnitude, so longer bigints with the same bits collide. */
function hashOfBigint(key: bigint): number {
  EIGHT_BYTES.setBigUint64(0, key)
  const high = EIGHT_BYTES.getUint32(0)
  const low = EIGHT_BYTES.getUint32(4)
  if (key >= 0n) return hashOf64(high, low)
  return hashOf64((low === 0 ? -high : ~high) >>> 0, -low >>> 0)
}

/** V8: ComputeUnseededHash. */
function hashOf32(key: number): number {
  let hash = ~key + (key << 15)
  hash ^= hash >>> 12
  hash += hash << 2
  hash ^= hash >>> 4
  hash = Math.imul(hash, 2057)
  hash ^= hash >>> 16
  return hash & 0x3fff_ffff
}

/** V8: ComputeLongHash, in two halves. Each shift and sum is a product by a number of up to 18 bits, exact in a double. */
function hashOf64(keyHigh: number, keyLow: number): number {
  let product = keyLow * (2 ** 18 - 1) - 1
  let low = product >>> 0
  let high = (Math.imul(keyHigh, 2 ** 18 - 1) + Math.floor(product / 2 ** 32)) >>> 0
  low ^= (high << 1) | (low >>> 31)
  high ^= high >>> 31
  product = (low >>> 0) * 21
  low = product >>> 0
  high = (Math.imul(high, 21) + Math.floor(product / 2 ** 32)) >>> 0
  low ^= (low >>> 11) | (high << 21)
  high ^= high >>> 11
  product = (low >>> 0) * 65
  low = product >>> 0
  high = (Math.imul(high, 65) + Math.floor(product / 2 ** 32)) >>> 0
  return (low ^ ((low >>> 22) | (high << 10))) & 0x3fff_ffff
}
