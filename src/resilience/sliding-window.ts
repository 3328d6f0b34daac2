const BUCKETS = 10

interface Bucket {
  /** The number of its interval since the clock began. */
  interval: number
  successes: number
  failures: number
}

/** Counts results of the last time, in ten intervals: of the oldest one, between none and all are counted. */
export class SlidingWindow {
  readonly #intervalMs: number
  readonly #buckets: readonly Bucket[] = Array.from({ length: BUCKETS }, () => ({
    interval: Number.NEGATIVE_INFINITY,
    successes: 0,
    failures: 0,
  }))

  constructor(windowMs: number) {
    this.#intervalMs = windowMs / BUCKETS
  }

  add(nowMs: number, succeeded: boolean): void {
    const interval = Math.floor(nowMs / this.#intervalMs)
    const bucket = this.#buckets[interval % BUCKETS] as Bucket
    if (bucket.interval !== interval) {
      bucket.interval = interval
      bucket.successes = 0
      bucket.failures = 0
    }
    if (succeeded) bucket.successes += 1
    else bucket.failures += 1
  }

  counts(nowMs: number): { successes: number; failures: number } {
    const oldest = Math.floor(nowMs / this.#intervalMs) - BUCKETS
    let successes = 0
    let failures = 0
    for (const bucket of this.#buckets) {
      if (bucket.interval <= oldest) continue
      successes += bucket.successes
      failures += bucket.failures
    }
    return { successes, failures }
  }

  clear(): void {
    for (const bucket of this.#buckets) bucket.interval = Number.NEGATIVE_INFINITY
  }
}
