/** Both sides know it, so the receiver can tell each message by its length. */
export const SEED = 20_260_101

const KIB = 1024
const MIB = 1024 * KIB
/** The sizes at which something changes: one byte, the ring itself, one byte more, and several rings. */
const FIRST_SIZES = [1, MIB, MIB + 1, 6 * MIB, 2]
const LARGE_PART = 0.1

/** The lengths of the messages that a file is cut into: most are small, some do not fit the ring. */
export function* messageSizes(fileBytes) {
  const random = randomNumbers(SEED)
  let leftBytes = fileBytes
  for (let index = 0; leftBytes > 0; index += 1) {
    const isLarge = random() < LARGE_PART
    const drawn = isLarge ? between(64 * KIB, 6 * MIB, random()) : between(1, 64 * KIB, random())
    const bytes = Math.min(leftBytes, FIRST_SIZES[index] ?? drawn)
    leftBytes -= bytes
    yield bytes
  }
}

/** As many of each order of magnitude. */
function between(low, high, part) {
  return Math.floor(low * (high / low) ** part)
}

/** Marsaglia's xorshift with 32 bits (Journal of Statistical Software 8, 2003): the same numbers everywhere. */
function randomNumbers(seed) {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
