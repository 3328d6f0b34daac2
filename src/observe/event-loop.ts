import { performance } from 'node:perf_hooks'
import { clearInterval, nowMs, setInterval } from '../host.js'
import type { EventLoopFigures } from './figures.js'
import { LatencyHistogram } from './latency-histogram.js'

/** The delay is sampled so often while programs take snapshots. */
const SAMPLE_MS = 20
/** Longer than the pauses between two scrapes of Prometheus, which are a minute at most as a rule. */
const OBSERVED_MS = 120_000

/** Not every runtime has it. Then all time counts as idle. */
const { eventLoopUtilization = () => ({ active: 0, idle: nowMs() }) } = performance as Partial<
  typeof performance
>
const delay = new LatencyHistogram()
let timer: NodeJS.Timeout | undefined
let observedUntilMs = 0

/** The figures of the event loop of this thread. The call also begins to measure its delay, for the next two minutes. */
export function eventLoopFigures(): EventLoopFigures {
  observedUntilMs = nowMs() + OBSERVED_MS
  if (timer === undefined) begin()
  const { active, idle } = eventLoopUtilization()
  return { activeMs: active, idleMs: idle, delay: delay.figures() }
}

/** For tests: nothing is measured from now on. */
export function stopMeasuring(): void {
  clearInterval(timer)
  timer = undefined
}

export function isMeasuring(): boolean {
  return timer !== undefined
}

function begin(): void {
  let dueMs = nowMs() + SAMPLE_MS
  timer = setInterval(() => {
    const now = nowMs()
    delay.record(Math.max(0, now - dueMs))
    dueMs = now + SAMPLE_MS
    if (now >= observedUntilMs) stopMeasuring()
  }, SAMPLE_MS).unref()
}
