import { measureEcho, serveEcho } from '../support/echo.mjs'
import { inTransit } from '../support/in-transit.mjs'

const REQUESTS = 16

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Requests to Fastify, 64 B',
  question: `How many HTTP requests a second does one server answer? ${REQUESTS} requests in transit, each on a connection of its own, by node:http with keep-alive.`,
  latency: 'from a request to the end of its response, while the others are in transit',
  headline: { name: 'requests', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
  options: { messageBytes: 64, requests: REQUESTS },
  competitors: ['fastify-shmwire', 'fastify-socket'],
  // The libraries have much code to compile.
  lengths: { whole: { warmUpMs: 1500, durationMs: 1000 } },
  serve: serveEcho,

  measure(connection, options) {
    return measureEcho(connection, options, (durationMs) => inTransit(connection, options, durationMs))
  },
}
