// A histogram of durations with buckets like those of HdrHistogram: each power of two has the same number of them, so that the error of a
// percentile is at most 1/32 at any size. Of fixed size, so that it is not a leak in the processes that are checked for leaks.
const PARTS = 32
const PARTS_BITS = 5
/** The longest duration is 2^32 µs, more than an hour. */
const BUCKETS = (32 - PARTS_BITS + 1) * PARTS
const US_MAX = 2 ** 32 - 1
const US_PER_MS = 1_000

export class Histogram {
  count = 0
  maxMs = 0
  #counts = new Float64Array(BUCKETS)

  record(ms) {
    this.count += 1
    if (ms > this.maxMs) this.maxMs = ms
    this.#counts[indexOf(Math.min(US_MAX, Math.max(0, Math.round(ms * US_PER_MS))))] += 1
  }

  /** Adds another one, as `toJSON` returns it. */
  add({ count, maxMs, counts }) {
    this.count += count
    this.maxMs = Math.max(this.maxMs, maxMs)
    for (const [index, times] of counts) this.#counts[index] += times
  }

  /** So long took this share of the durations, at most. */
  percentileMs(share) {
    let left = Math.ceil(share * this.count)
    if (left === 0) return 0
    for (let index = 0; index < BUCKETS; index += 1) {
      left -= this.#counts[index]
      if (left <= 0) return Math.min(this.maxMs, upperBoundUs(index) / US_PER_MS)
    }
    return this.maxMs
  }

  /** `[{ toMs, count }]` of each power of two from the first to the last one with a duration. */
  powersOfTwo() {
    const powers = new Map()
    for (let index = 0; index < BUCKETS; index += 1) {
      const power = Math.max(0, Math.ceil(Math.log2(upperBoundUs(index) + 1)))
      powers.set(power, (powers.get(power) ?? 0) + this.#counts[index])
    }
    const rows = [...powers].map(([power, count]) => ({ toMs: 2 ** power / US_PER_MS, count }))
    const first = rows.findIndex(({ count }) => count > 0)
    return first === -1 ? [] : rows.slice(first, rows.findLastIndex(({ count }) => count > 0) + 1)
  }

  toJSON() {
    const counts = []
    for (const [index, times] of this.#counts.entries()) if (times > 0) counts.push([index, times])
    return { count: this.count, maxMs: this.maxMs, counts }
  }
}

function indexOf(us) {
  if (us < PARTS) return us
  const shift = 31 - Math.clz32(us) - PARTS_BITS
  return (shift + 1) * PARTS + (us >>> shift) - PARTS
}

/** The longest duration in a bucket. */
function upperBoundUs(index) {
  if (index < PARTS) return index
  const shift = Math.floor(index / PARTS) - 1
  return (PARTS + (index % PARTS) + 1) * 2 ** shift - 1
}
