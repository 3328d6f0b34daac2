import { performance } from 'node:perf_hooks'
import { beforeEach, expect, it, vi } from 'vitest'
import { spanTimeMs } from '../../../../src/observe/otel/span-clock.js'

/** Milliseconds since the start of the process: those of the monotonic clock, and those of the time of day. */
const clock = vi.hoisted(() => ({ monotonicMs: 0, dayMs: 0 }))

vi.mock('../../../../src/host.js', () => ({
  nowMs: () => clock.monotonicMs,
  timeOfDayMs: () => Math.floor(performance.timeOrigin + clock.dayMs),
}))

function timeAt(monotonicMs: number, dayMs: number): number {
  Object.assign(clock, { monotonicMs, dayMs })
  return spanTimeMs() - performance.timeOrigin
}

beforeEach(() => {
  timeAt(0, 0)
})

it('has fractions of a millisecond', () => {
  expect(timeAt(5.25, 5.25)).toBeCloseTo(5.25, 3)
  expect(timeAt(5.5, 5.5)).toBeCloseTo(5.5, 3)
})

it.each([60_000, -60_000])('follows the time of day when it was set by %d ms', (stepMs) => {
  expect(Math.abs(timeAt(10, 10) - 10)).toBeLessThanOrEqual(1)
  expect(Math.abs(timeAt(20, 20 + stepMs) - (20 + stepMs))).toBeLessThanOrEqual(1)
  const later = timeAt(20.5, 20.5 + stepMs)
  expect(later - timeAt(20.25, 20.25 + stepMs)).toBeCloseTo(0.25, 3)
})
