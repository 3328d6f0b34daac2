/** The figures of one method since the service began. */
export interface MethodStats {
  /** Calls that have ended. */
  readonly calls: number
  /** Of these, calls that ended with an error, cancelled ones included. */
  readonly errors: number
  /** Calls that run now. */
  readonly running: number
  /** The time from the call's arrival to its answer. */
  readonly latencyMs: LatencyQuantiles
}

/** In milliseconds: upper bounds, at most 10 % too high. 0 without calls. */
export interface LatencyQuantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** Buckets per doubling: each is 2^(1/8) − 1 = 9 % wide. */
const STEPS = 8
/** From 2^-10 ms (1 µs) to 2^22 ms (an hour). */
const EXPONENT_MIN = -10
const EXPONENT_MAX = 22
const BUCKETS = (EXPONENT_MAX - EXPONENT_MIN) * STEPS
const FIRST_UPPER_MS = 2 ** EXPONENT_MIN

/** Counts the calls of one method in buckets of equal relative width, as HdrHistogram does (https://hdrhistogram.org). */
export class MethodRecorder {
  readonly #buckets = new Uint32Array(BUCKETS)
  #calls = 0
  #errors = 0
  #running = 0
  #maxMs = 0

  begin(): void {
    this.#running += 1
  }

  end(latencyMs: number, failed: boolean): void {
    this.#running -= 1
    this.#calls += 1
    if (failed) this.#errors += 1
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs
    const bucket = bucketOf(latencyMs)
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1
  }

  stats(): MethodStats {
    return {
      calls: this.#calls,
      errors: this.#errors,
      running: this.#running,
      latencyMs: {
        p50: this.#quantile(0.5),
        p90: this.#quantile(0.9),
        p99: this.#quantile(0.99),
        max: this.#maxMs,
      },
    }
  }

  #quantile(share: number): number {
    const rank = Math.ceil(share * this.#calls)
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
