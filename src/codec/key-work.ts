/**
 * V8 hashes some keys so that a peer can choose many of them with one hash; each is then compared with all before it.
 * This file bounds that work. Both sides count alike, so the receiver refuses nothing that the sender accepts.
 *
 * Numbers and bigints in a Map or Set: their hash has no secret. KeyTable counts the comparisons in a model of V8's table
 * (OrderedHashMap: chains, two entries a bucket when it is full, doubled then).
 *
 * Strings as keys of an object, a Map or a Set: up to 16,383 characters, their hash has a secret. The hash of a longer
 * string is its length only (V8: String::kMaxHashCalcLength), so a message may have few of these.
 *
 * Objects as keys have a random hash.
 */

/** V8 hashes the characters of a string up to this length. */
export const HASHED_LENGTH_MAX = 16_383
/** Longer keys that one message may have, each occurrence counted. */
export const LONG_KEYS_MAX = 64

/** Fewer keys of a collection are not counted: comparing each with all is no more work than the rest of their cost. */
const UNCOUNTED_KEYS = 32
/** Keys of any pattern that was tested need less than 2 comparisons each. */
const COMPARISONS_PER_KEY_MAX = 8
/** Comparisons beyond COMPARISONS_PER_KEY_MAX in all collections of one message: some 10 ms. */
const EXTRA_COMPARISONS_MAX = 1_000_000
/** V8 compares so many more bits of two bigints in the time that it needs to begin a comparison. */
const BIGINT_DIGITS_PER_COMPARISON = 128

const BUCKETS_INITIAL = 2 * UNCOUNTED_KEYS
const NONE = new Uint32Array(0)
const EIGHT_BYTES = new DataView(new ArrayBuffer(8))

/** Counts another long key of a message that had `count` before. Throws RangeError when there are too many. */
export function countLongKey(count: number, length: number): number {
  if (count < LONG_KEYS_MAX) return count + 1
  throw new RangeError(
    `a key has ${length} characters, and the message has ${LONG_KEYS_MAX} keys of more than ${HASHED_LENGTH_MAX} characters ` +
      'already, the most that one message may have; use shorter keys, or send these texts as values',
  )
}

/** What the keys of one message have in common. */
export class KeyWork {
  #longKeys = 0
  #comparisonsLeft = EXTRA_COMPARISONS_MAX

  /** Another key of an object, a Map or a Set. Throws RangeError when too many are long. */
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
  /** Of the key that was searched last; −1 where it needs no count. */
  #hash = -1

  constructor(work: KeyWork) {
    this.#work = work
  }

  /** The next key, which is not there yet. Throws RangeError when the keys are too much work. */
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

  /** The key is looked up. False: the keys are too much work. */
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

  /** The key that was searched last was not there, and is now. */
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

/** Comparisons of short bigints in whose time V8 compares this one with another that has the same end. */
function weightOf(key: bigint): number {
  return BigInt.asIntN(64, key) === key
    ? 1
    : 1 + Math.floor(key.toString(16).length / BIGINT_DIGITS_PER_COMPARISON)
}

/** V8: Object::GetSimpleHash. An integer of 32 bits has one hash, however the engine holds it. */
function hashOfNumber(key: number): number {
  if (key >> 0 === key) return hashOf32(key)
  EIGHT_BYTES.setFloat64(0, key)
  return hashOf64(EIGHT_BYTES.getUint32(0), EIGHT_BYTES.getUint32(4))
}

/** V8: BigIntBase::Hash. Of the lowest 64 bits of the magnitude: longer ones that share these collide. */
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
