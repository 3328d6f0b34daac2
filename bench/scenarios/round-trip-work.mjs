import { measureEcho, serveEcho } from '../support/echo.mjs'
import { askPeer } from '../support/marks.mjs'
import { onlyUnixSockets } from '../support/only-unix-sockets.mjs'
import { pingPong } from '../support/ping-pong.mjs'
import { work } from '../support/work.mjs'

const WORK_MICROS = [20, 40, 60, 90]
/** Both event loops are asleep before each of these messages. */
const SLOW_PHASE = { durationMs: 120, pauseMs: 3 }

const LEFT_OUT = 'this scenario tests the adaptive wait of shmwire'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Round trip with work on both sides, 64 B',
  question: `How much is added to the server's work? The headline is the median, less the work of the server. Both sides compute before each message. Before the measurement, ${SLOW_PHASE.durationMs} ms with pauses of ${SLOW_PHASE.pauseMs} ms put both to sleep.`,
  latency: 'from the sending of a message to the arrival of its echo, with the work of the server',
  headline: {
    name: 'less the work',
    unit: 'nanoseconds',
    of: ({ latencyNanos }, { workMicros }) => latencyNanos.p50 - workMicros * 1000,
  },
  options: { messageBytes: 64, expectedMs: SLOW_PHASE.durationMs },
  cases: WORK_MICROS.map((workMicros) => ({
    name: `${workMicros}us`,
    title: `Round trip with ${workMicros} µs of work on each side`,
    options: { workMicros },
  })),
  forms: { quick: ['60us'] },
  variants: ['shmwire-sleep', 'shmwire-spin'],
  leavesOut: {
    ...onlyUnixSockets(LEFT_OUT),
    'unix-socket': LEFT_OUT,
    'shmwire-socket': LEFT_OUT,
  },
  serve: serveEcho,

  measure(connection, options) {
    const { messageBytes, workMicros } = options
    const pause = (send) => {
      work(workMicros)
      send()
    }
    const ask = async (_connection, question) => {
      if (question === 'begin') await slowPhase(connection, messageBytes)
      return askPeer(connection, question)
    }
    const run = (durationMs) => pingPong(connection, { messageBytes, durationMs, pause })
    return measureEcho(connection, options, run, { ask })
  },
}

function slowPhase(connection, messageBytes) {
  const { durationMs, pauseMs } = SLOW_PHASE
  const pause = (send) => void setTimeout(() => send(), pauseMs)
  return pingPong(connection, { messageBytes, durationMs, pause })
}
