import { measureEcho, serveEcho } from '../support/echo.mjs'
import { pingPong } from '../support/ping-pong.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'A call of birpc, 64 B',
  question:
    'How long does a call take with the same library over another transport? One call in transit, an event loop on both sides.',
  latency: 'from the call to its result',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  competitors: ['birpc-process', 'birpc-shmwire'],
  // The libraries have much code to compile.
  lengths: { whole: { warmUpMs: 1500, durationMs: 1000 } },
  serve: serveEcho,

  measure(connection, options) {
    return measureEcho(connection, options, (durationMs) =>
      pingPong(connection, { messageBytes: options.messageBytes, durationMs }),
    )
  },
}
