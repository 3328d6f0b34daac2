import { measureEcho, Served } from '../support/echo.mjs'
import { answerMarks, askPeer, isMark, readMark, writeMark } from '../support/marks.mjs'
import { timedCalls } from '../support/timed-calls.mjs'

const TIMEOUT_MS = 10_000

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Blocking round trip, 64 B',
  question:
    'How long does it take without an event loop? Both sides call sendSync and receiveSync, and poll while they wait.',
  latency: 'from the call of sendSync to the return of receiveSync',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  needs: ['blocking'],
  variants: ['shmwire-spin'],
  forms: { quick: true },

  serve(connection) {
    const marks = answerMarks(connection, {
      enter() {
        connection.holdMessages()
        // After the reply was sent.
        setImmediate(() => echoUntilEnd(connection))
      },
    })
    connection.onMessage = (message) => {
      if (!isMark(message)) throw new Error('a message came before the loop')
      marks(message)
    }
  },

  async measure(connection, options) {
    await askPeer(connection, 'enter')
    connection.holdMessages()
    const call = (message) => {
      connection.sendSync(message, TIMEOUT_MS)
      return connection.receiveSync(TIMEOUT_MS)
    }
    const run = (durationMs) => timedCalls(call, options.messageBytes, durationMs)
    return measureEcho(connection, options, run, { ask: askSync, exchange: call })
  },
}

/** The server's blocking loop. */
function echoUntilEnd(connection) {
  const served = new Served()
  for (;;) {
    const message = connection.receiveSync(TIMEOUT_MS)
    if (!isMark(message)) {
      served.messages += 1
      connection.sendSync(message, TIMEOUT_MS)
      continue
    }
    const { question } = readMark(message)
    connection.sendSync(writeMark(served[question]() ?? {}), TIMEOUT_MS)
    if (question === 'end') return
  }
}

function askSync(connection, question) {
  connection.sendSync(writeMark({ question }), TIMEOUT_MS)
  return readMark(connection.receiveSync(TIMEOUT_MS))
}
