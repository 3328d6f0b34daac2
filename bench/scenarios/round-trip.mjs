import { measureEcho, serveEcho } from '../support/echo.mjs'
import { pingPong } from '../support/ping-pong.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Round trip, 64 B',
  question:
    'How long until the reply arrives? One message in transit, an event loop on both sides, default wait mode.',
  latency: 'from the sending of a message to the arrival of its echo',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  forms: { quick: true, smoke: true },
  serve: serveEcho,

  measure(connection, options) {
    return measureEcho(connection, options, (durationMs) =>
      pingPong(connection, { messageBytes: options.messageBytes, durationMs }),
    )
  },
}
