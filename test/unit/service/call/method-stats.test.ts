import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MethodRecorder } from '../../../../src/service/call/method-stats.js'

/** The narrowest bucket, and its width relative to the value. */
const SMALLEST_MS = 2 ** -10
const WIDTH = 1.1

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.ceil(share * sorted.length) - 1] as number
}

describe('MethodRecorder', () => {
  it('has quantiles that are at most 10 % above those of the sorted samples', () => {
    const samples = fc.array(
      fc.oneof(
        fc.double({ min: 0, max: 10, noNaN: true }),
        fc.double({ min: 0, max: 3_000_000, noNaN: true }),
      ),
      { minLength: 1, maxLength: 300 },
    )
    fc.assert(
      fc.property(samples, (latencies) => {
        const recorder = new MethodRecorder()
        for (const latency of latencies) {
          recorder.begin()
          recorder.end(latency, false)
        }
        const sorted = latencies.toSorted((a, b) => a - b)
        const { calls, latencyMs } = recorder.stats()
        expect([calls, latencyMs.max]).toEqual([latencies.length, sorted.at(-1)])
        for (const [share, found] of [
          [0.5, latencyMs.p50],
          [0.9, latencyMs.p90],
          [0.99, latencyMs.p99],
        ] as const) {
          const exact = quantile(sorted, share)
          expect(found).toBeGreaterThanOrEqual(exact * (1 - 1e-9))
          expect(found).toBeLessThanOrEqual(Math.max(exact * WIDTH, SMALLEST_MS))
        }
      }),
    )
  })

  it('is correct at the bounds of its buckets, and beyond the last one', () => {
    for (let exponent = -12; exponent < 24; exponent += 1) {
      for (const latency of [2 ** exponent, 2 ** exponent * (1 + 1e-12), 2 ** exponent * (1 - 1e-12)]) {
        const recorder = new MethodRecorder()
        recorder.begin()
        recorder.end(latency, false)
        expect(recorder.stats().latencyMs).toMatchObject({ max: latency })
        expect(recorder.stats().latencyMs.p99).toBeLessThanOrEqual(latency)
      }
    }
  })

  it('counts calls, errors and running calls, and has zeros before the first call', () => {
    const recorder = new MethodRecorder()
    expect(recorder.stats()).toEqual({
      calls: 0,
      errors: 0,
      running: 0,
      latencyMs: { p50: 0, p90: 0, p99: 0, max: 0 },
    })
    recorder.begin()
    recorder.begin()
    recorder.begin()
    recorder.end(0, false)
    recorder.end(2, true)
    expect(recorder.stats()).toMatchObject({ calls: 2, errors: 1, running: 1 })
  })
})
