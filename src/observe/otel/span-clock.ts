import { performance } from 'node:perf_hooks'
import { nowMs, timeOfDayMs } from '../../host.js'

/** The time of day has whole milliseconds, so it is up to one behind. */
const BEHIND_MAX_MS = 2
const AHEAD_MAX_MS = 1

let originMs = performance.timeOrigin

/**
 * The time of day with fractions of a millisecond, for the begin and the end of spans. The SDK takes whole milliseconds for the begin, which is far more
 * than a call takes: the span of a service would often begin before that of its caller. All processes of a machine agree, because they have the same
 * monotonic clock. After a suspend, or when the time of day was set, the clock follows.
 */
export function spanTimeMs(): number {
  const monotonicMs = nowMs()
  const aheadMs = timeOfDayMs() - (originMs + monotonicMs)
  if (aheadMs > AHEAD_MAX_MS || aheadMs < -BEHIND_MAX_MS) originMs += aheadMs
  return originMs + monotonicMs
}
