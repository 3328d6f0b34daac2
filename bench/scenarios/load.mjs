import { createHistogram } from 'node:perf_hooks'
import { measureEcho, serveEcho } from '../support/echo.mjs'
import { percentilesOf } from '../support/figures.mjs'
import { isEcho, stamp } from '../support/ping-pong.mjs'

/** The wait for replies ends this long after the last request was due. */
const PATIENCE_MS = 5000

const RATES = [
  ['1k', '1,000', 1000],
  ['10k', '10,000', 10_000],
  ['50k', '50,000', 50_000],
]

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Latency under load',
  question:
    'How long does a reply take when requests are sent at a fixed rate, whether or not the last ones were answered?',
  latency:
    'from the time at which a message was due (not from the time at which it was sent, which would hide every stall) to the arrival of its echo',
  headline: { name: 'p99', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p99 },
  options: { messageBytes: 64, extraMs: 2 * PATIENCE_MS },
  cases: RATES.map(([name, text, rate]) => ({
    name,
    title: `${text} requests a second, 64 B`,
    options: { rate },
  })),
  forms: { quick: ['10k'] },
  serve: serveEcho,

  measure(connection, options) {
    return measureEcho(connection, options, (durationMs) => requestAtRate(connection, options, durationMs))
  },
}

function requestAtRate(connection, { messageBytes, rate }, durationMs) {
  return new Promise((resolve, reject) => {
    const histogram = createHistogram()
    const message = Buffer.alloc(messageBytes)
    const gapMs = 1000 / rate
    const count = Math.ceil(durationMs / gapMs)
    const beginMs = performance.now()
    const dueMs = (sequence) => beginMs + sequence * gapMs
    let sent = 0
    let received = 0
    connection.onMessage = (echo) => {
      const nowMs = performance.now()
      if (!isEcho(echo, messageBytes, received))
        return reject(new Error(`the echo of message ${received} is another`))
      histogram.record(Math.max(1, Math.round((nowMs - dueMs(received)) * 1e6)))
      received += 1
      if (received === count) {
        const latencyNanos = () => percentilesOf(histogram)
        resolve({ messages: count, seconds: (nowMs - beginMs) / 1000, latencyNanos })
      }
    }
    connection.onDrain = () => {}
    connection.onClose = () => reject(new Error('the connection closed'))
    // The client polls its clock, because timers are too coarse; its event loop still runs.
    const tick = () => {
      const nowMs = performance.now()
      while (sent < count && dueMs(sent) <= nowMs) {
        stamp(message, sent)
        if (!connection.trySend(message)) break
        sent += 1
      }
      if (received === count) return
      if (nowMs > dueMs(count) + PATIENCE_MS)
        return reject(new Error(`cannot keep up: ${received} of ${count} answers came in time`))
      setImmediate(tick)
    }
    tick()
  })
}
