import { integerFrom, type Random, randomFrom } from './random.js'

/** A prime, so that neighbouring messages begin at unrelated places. */
const STRIDE = 7919

/**
 * Messages that sender and receiver compute alike from a seed: length and content of the n-th. The content is a
 * slice of one random block, at a place that depends on n, so that it costs nothing to make and one memcmp to check,
 * and a message that is lost, doubled or moved shows from the first byte.
 */
export class Pattern {
  readonly #block: Buffer
  readonly #places: number
  readonly #seed: number
  readonly #lengthOf: (random: Random) => number

  /** `lengthOf` returns a length of at most `bytesMax`. */
  constructor(seed: number, bytesMax: number, lengthOf: (random: Random) => number) {
    this.#seed = seed
    this.#lengthOf = lengthOf
    this.#places = Math.max(bytesMax, 64 * 1024)
    const words = new Uint32Array(Math.ceil((this.#places + bytesMax) / 4))
    const random = randomFrom(seed)
    for (let index = 0; index < words.length; index += 1) words[index] = random() * 2 ** 32
    this.#block = Buffer.from(words.buffer)
  }

  /** A view: not to be written to. */
  message(index: number): Buffer {
    const length = this.#lengthOf(randomFrom(Math.imul(index + 1, 0x9e3779b1) ^ this.#seed))
    return this.slice(index, length)
  }

  /** The first `length` bytes of the n-th message, however long that is. */
  slice(index: number, length: number): Buffer {
    const start = (index * STRIDE) % this.#places
    return this.#block.subarray(start, start + length)
  }
}

/** Mostly short, sometimes long, rarely longer than the ring: this covers every path of a link. */
export function mixedLengths(inlineBytesMax: number, bytesMax: number): (random: Random) => number {
  return (random) => {
    const dice = random()
    if (dice < 0.8) return integerFrom(random, 0, 200)
    if (dice < 0.98) return integerFrom(random, 0, 2_000)
    if (dice < 0.999) return integerFrom(random, inlineBytesMax - 100, inlineBytesMax + 100)
    return integerFrom(random, 0, bytesMax)
  }
}
