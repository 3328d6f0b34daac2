import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BUCKET_BOUNDS_MS, LatencyHistogram } from '../../../src/observe/latency-histogram.js'

const latencies = fc.array(
  fc.oneof(
    fc.double({ min: 0, max: 10, noNaN: true }),
    fc.double({ min: 0, max: 100_000, noNaN: true }),
    fc.constantFrom(...BUCKET_BOUNDS_MS),
  ),
  { maxLength: 200 },
)

describe('LatencyHistogram', () => {
  it('counts for each bound the durations that are at most so long', () => {
    fc.assert(
      fc.property(latencies, (all) => {
        const histogram = new LatencyHistogram()
        for (const latency of all) histogram.record(latency)
        const { count, sumMs, maxMs, buckets } = histogram.figures()
        expect(count).toBe(all.length)
        expect(sumMs).toBeCloseTo(
          all.reduce((sum, one) => sum + one, 0),
          3,
        )
        expect(maxMs).toBe(Math.max(0, ...all))
        // The logarithm of a bound is exact, and that of its neighbours may be rounded to it.
        const near = 1 + 1e-9
        for (const [index, bound] of BUCKET_BOUNDS_MS.entries()) {
          expect(buckets[index]).toBeGreaterThanOrEqual(
            all.filter((one) => one <= bound / near || one === bound).length,
          )
          expect(buckets[index]).toBeLessThanOrEqual(all.filter((one) => one <= bound * near).length)
        }
      }),
    )
  })

  it('has bounds that increase, and zeros before the first duration', () => {
    expect(BUCKET_BOUNDS_MS).toEqual(BUCKET_BOUNDS_MS.toSorted((a, b) => a - b))
    expect(new LatencyHistogram().figures()).toEqual({
      count: 0,
      sumMs: 0,
      maxMs: 0,
      buckets: BUCKET_BOUNDS_MS.map(() => 0),
    })
  })
})
