import { measureEcho, Served } from '../support/echo.mjs'
import { answerMarks, isMark } from '../support/marks.mjs'
import { timedCalls } from '../support/timed-calls.mjs'

const TIMEOUT_MS = 10_000

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Blocking request to an event loop, 64 B',
  question:
    'How long does a caller block if it cannot await? requestSync, answered by a handler in an event loop.',
  latency: 'from the call of requestSync to its return',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  needs: ['handler'],
  variants: ['shmwire-spin'],

  serve(connection) {
    const served = new Served()
    const marks = answerMarks(connection, served)
    connection.handle((message) => {
      served.messages += 1
      return message
    })
    connection.onMessage = (message) => {
      if (!isMark(message)) throw new Error('a message came instead of a request')
      marks(message)
    }
  },

  measure(connection, options) {
    const call = (message) => connection.requestSync(message, TIMEOUT_MS)
    const run = (durationMs) => timedCalls(call, options.messageBytes, durationMs)
    return measureEcho(connection, options, run, { exchange: call })
  },
}
