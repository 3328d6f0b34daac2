import { readFileSync } from 'node:fs'
import { createHistogram } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/**
 * User and system time of this process since the clock was made. The time of a worker is that of its process, which is
 * the client's: its own clock stands still, so that the two can be added.
 */
export class CpuClock {
  #begin = process.cpuUsage()

  seconds() {
    if (!isMainThread) return 0
    const { user, system } = process.cpuUsage(this.#begin)
    return (user + system) / 1e6
  }
}

/** The current core of this thread, if the system reports it: proc(5), `processor` in /proc/self/stat. */
export function currentCore() {
  try {
    const stat = readFileSync('/proc/thread-self/stat', 'latin1')
    // Behind the name, which may hold spaces, the fields begin with the third.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[36])
  } catch {
    return undefined
  }
}

/** The monotonic clock is the same in all processes of a machine. A double holds the nanoseconds of 104 days exactly. */
export function nanosNow() {
  return Number(process.hrtime.bigint())
}

export function percentiles(nanos) {
  const histogram = createHistogram()
  for (const value of nanos) histogram.record(Math.max(1, Math.round(value)))
  return percentilesOf(histogram)
}

export function percentilesOf(histogram) {
  return {
    p50: histogram.percentile(50),
    p99: histogram.percentile(99),
    p999: histogram.percentile(99.9),
    max: histogram.max,
  }
}

/** @returns {import('../scenarios/scenario.js').Figures} */
export function figuresOf({ messages, messageBytes, seconds, latencyNanos, cpuSeconds, cores }) {
  const perMillion = (value) => (value / messages) * 1e6
  return {
    messages,
    seconds,
    messagesPerSecond: messages / seconds,
    ...(messageBytes === undefined ? {} : { bytesPerSecond: (messages * messageBytes) / seconds }),
    ...(latencyNanos === undefined ? {} : { latencyNanos }),
    cpuSecondsPerMillion: {
      client: perMillion(cpuSeconds.client),
      server: perMillion(cpuSeconds.server),
      both: perMillion(cpuSeconds.client + cpuSeconds.server),
    },
    cores,
  }
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values) {
  return quantile(values, 0.5)
}

/** Linear between the two nearest values. */
function quantile(values, part) {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * part
  const low = Math.floor(at)
  return sorted[low] + (sorted[Math.ceil(at)] - sorted[low]) * (at - low)
}

/** Above it, the second digit of a median is not reliable. */
const SPREAD_NOISY = 0.25

/** The spread of the repetitions: the middle half of them, relative to the median. */
export function spread(values) {
  const middle = median(values)
  // Zero in every repetition means zero noise.
  const relative = middle === 0 ? 0 : (quantile(values, 0.75) - quantile(values, 0.25)) / Math.abs(middle)
  return { relative, noisy: relative > SPREAD_NOISY }
}

/** The median of each figure over the repetitions, except of cores. */
export function medianFigures(repetitions) {
  const [first] = repetitions
  if (typeof first !== 'object') return median(repetitions)
  // A short repetition may have found less.
  const isCommon = (key) => repetitions.every((figures) => figures[key] !== undefined)
  const keys = Object.keys(first).filter((key) => key !== 'cores' && isCommon(key))
  return Object.fromEntries(
    keys.map((key) => [key, medianFigures(repetitions.map((figures) => figures[key]))]),
  )
}
