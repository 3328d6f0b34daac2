/** In milliseconds: upper bounds, at most 10 % too high. 0 without calls. */
export interface LatencyQuantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** Durations in buckets with fixed bounds, as the histograms of Prometheus have them. Counts only grow. */
export interface HistogramFigures {
  readonly count: number
  readonly sumMs: number
  readonly maxMs: number
  /** For each bound of `BUCKET_BOUNDS_MS`: how many durations were at most so long. */
  readonly buckets: readonly number[]
}

/** Buckets per doubling: each is 2^(1/8) − 1 = 9 % wide. */
const STEPS = 8
/** From 2^-10 ms (1 µs) to 2^22 ms (an hour). */
const EXPONENT_MIN = -10
const EXPONENT_MAX = 22
const BUCKETS = (EXPONENT_MAX - EXPONENT_MIN) * STEPS
const FIRST_UPPER_MS = 2 ** EXPONENT_MIN

/** Powers of two, so that each is the bound of a bucket here: from 31 µs to 33 s. Their number bounds the series of a histogram. */
const BOUND_EXPONENTS = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15] as const
/** The bounds of the buckets of `HistogramFigures`, in milliseconds. */
export const BUCKET_BOUNDS_MS: readonly number[] = BOUND_EXPONENTS.map((exponent) => 2 ** exponent)

/** Counts durations in buckets of equal relative width, as HdrHistogram does (https://hdrhistogram.org). */
export class LatencyHistogram {
  /** Exact up to 2^53 durations. */
  readonly #buckets = new Float64Array(BUCKETS)
  #count = 0
  #sumMs = 0
  #maxMs = 0

  get count(): number {
    return this.#count
  }

  record(latencyMs: number): void {
    this.#count += 1
    this.#sumMs += latencyMs
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs
    const bucket = bucketOf(latencyMs)
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1
  }

  quantiles(): LatencyQuantiles {
    return {
      p50: this.#quantile(0.5),
      p90: this.#quantile(0.9),
      p99: this.#quantile(0.99),
      max: this.#maxMs,
    }
  }

  figures(): HistogramFigures {
    let seen = 0
    let next = 0
    const buckets = BOUND_EXPONENTS.map((exponent) => {
      for (const end = (exponent - EXPONENT_MIN) * STEPS; next <= end; next += 1)
        seen += this.#buckets[next] as number
      return seen
    })
    return { count: this.#count, sumMs: this.#sumMs, maxMs: this.#maxMs, buckets }
  }

  #quantile(share: number): number {
    const rank = Math.ceil(share * this.#count)
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#buckets[bucket] as number
      if (seen >= rank && seen > 0) return Math.min(upperMs(bucket), this.#maxMs)
    }
    return 0
  }
}

function bucketOf(latencyMs: number): number {
  if (!(latencyMs > FIRST_UPPER_MS)) return 0
  const bucket = Math.ceil(Math.log2(latencyMs / FIRST_UPPER_MS) * STEPS)
  return Math.min(bucket, BUCKETS - 1)
}

function upperMs(bucket: number): number {
  return FIRST_UPPER_MS * 2 ** (bucket / STEPS)
}
