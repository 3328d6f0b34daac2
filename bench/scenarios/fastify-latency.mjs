import { measureEcho, serveEcho } from '../support/echo.mjs'
import { pingPong } from '../support/ping-pong.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'A request to Fastify, 64 B',
  question:
    'How long does an HTTP request take with the same server and client over another transport? One request in transit, by node:http with keep-alive.',
  latency: 'from the request to the end of its response',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  competitors: ['fastify-shmwire', 'fastify-socket'],
  // The libraries have much code to compile.
  lengths: { whole: { warmUpMs: 1500, durationMs: 1000 } },
  serve: serveEcho,

  measure(connection, options) {
    return measureEcho(connection, options, (durationMs) =>
      pingPong(connection, { messageBytes: options.messageBytes, durationMs }),
    )
  },
}
