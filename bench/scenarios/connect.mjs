import { measureEcho, serveEcho } from '../support/echo.mjs'
import { percentiles } from '../support/figures.mjs'
import { pingPong } from '../support/ping-pong.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Connect',
  question:
    'How long until a new channel has completed its first round trip? One channel after another, to a running server.',
  latency: 'from the call of connect to the arrival of the first echo',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  needs: ['many'],
  serve: serveEcho,

  measure(connection, options, connect) {
    return measureEcho(connection, options, (durationMs) =>
      connectFor(connect, options.messageBytes, durationMs),
    )
  },
}

/** One connection after the other. The time excludes closing. */
async function connectFor(connect, messageBytes, durationMs) {
  const samples = []
  const beginMs = performance.now()
  let nowMs = beginMs
  while (nowMs - beginMs < durationMs) {
    const connection = await connect()
    await pingPong(connection, { messageBytes, durationMs: 0 })
    samples.push((performance.now() - nowMs) * 1e6)
    connection.onClose = () => {}
    await connection.close()
    nowMs = performance.now()
  }
  return {
    messages: samples.length,
    seconds: (nowMs - beginMs) / 1000,
    latencyNanos: () => percentiles(samples),
  }
}
