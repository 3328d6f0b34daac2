/**
 * Keys that lie in one bucket of any Map or Set of up to 2^20 entries, made by undoing the functions with which V8 hashes numbers and
 * bigints (src/codec/key-work.ts computes them).
 */
const MASK = 2n ** 64n - 1n
const BUCKET = 12_345
const BUCKET_BITS = 20

/** x with x · odd = 1 modulo 2^64, by Newton's method. */
function inverse(odd: bigint): bigint {
  let x = 1n
  for (let round = 0; round < 7; round++) x = (x * (2n - odd * x)) & MASK
  return x
}

/** x with x ^ (x >> shift) = hash. */
function unshifted(hash: bigint, shift: number): bigint {
  let x = hash
  for (let bits = shift; bits < 64; bits += shift) x = hash ^ (x >> BigInt(shift))
  return x & MASK
}

const INVERSE_OF_FIRST = inverse(2n ** 18n - 1n)
const INVERSE_OF_SECOND = inverse(21n)
const INVERSE_OF_THIRD = inverse(65n)

function preimage(hash: bigint): bigint {
  const third = (unshifted(hash, 22) * INVERSE_OF_THIRD) & MASK
  const second = (unshifted(third, 11) * INVERSE_OF_SECOND) & MASK
  return ((unshifted(second, 31) + 1n) * INVERSE_OF_FIRST) & MASK
}

export function collidingBigints(count: number): bigint[] {
  return Array.from({ length: count }, (_, index) => preimage((BigInt(index + 1) << 32n) | BigInt(BUCKET)))
}

export function collidingDoubles(count: number): number[] {
  const bytes = new DataView(new ArrayBuffer(8))
  const keys: number[] = []
  for (let index = 1n; keys.length < count; index++) {
    bytes.setBigUint64(0, preimage((index << 32n) | BigInt(BUCKET)))
    const key = bytes.getFloat64(0)
    if (Number.isFinite(key) && key >> 0 !== key) keys.push(key)
  }
  return keys
}

/** Of 2^32 integers, about 4,096 share a bucket of 2^20, and more share one of 2^14. */
export function collidingIntegers(count: number): number[] {
  const bits = count <= 4000 ? BUCKET_BITS - 2 : BUCKET_BITS - 6
  const keys: number[] = []
  for (let rest = 0; keys.length < count; rest++)
    keys.push(preimage32(((rest << bits) | (BUCKET & (2 ** bits - 1))) >>> 0))
  return keys
}

function preimage32(hash: number): number {
  let key = unshifted32(hash, 16)
  key = Math.imul(key, Number(inverse(2057n) & 0xffff_ffffn))
  key = unshifted32(key, 4)
  key = Math.imul(key, Number(inverse(5n) & 0xffff_ffffn))
  key = unshifted32(key, 12)
  // ~x + (x << 15) is x · (2^15 − 1) − 1.
  return Math.imul(key + 1, Number(inverse(2n ** 15n - 1n) & 0xffff_ffffn))
}

function unshifted32(hash: number, shift: number): number {
  let x = hash
  for (let bits = shift; bits < 32; bits += shift) x = hash ^ (x >>> shift)
  return x >>> 0
}
