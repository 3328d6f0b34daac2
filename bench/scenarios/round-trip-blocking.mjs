import { CpuClock, currentCore, figuresOf, percentiles } from '../support/figures.mjs'
import { answerMarks, askPeer, isMark, readMark, writeMark } from '../support/marks.mjs'
import { isEcho } from '../support/ping-pong.mjs'

const TIMEOUT_MS = 10_000
const SAMPLES_MAX = 4 * 1024 * 1024

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Blocking round trip, 64 B',
  question:
    'How short can it be? No event loop: both sides call sendSync and receiveSync, and poll while they wait.',
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
        // Once the answer is on its way.
        setImmediate(() => echoUntilEnd(connection))
      },
    })
    connection.onMessage = (message) => {
      if (!isMark(message)) throw new Error('a message came before the loop')
      marks(message)
    }
  },

  async measure(connection, { messageBytes, warmUpMs, durationMs }) {
    const samples = new Float64Array(SAMPLES_MAX)
    await askPeer(connection, 'enter')
    connection.holdMessages()
    pingPongSync(connection, messageBytes, warmUpMs, samples)
    askSync(connection, 'begin')
    const cpu = new CpuClock()
    const { messages, seconds } = pingPongSync(connection, messageBytes, durationMs, samples)
    const clientSeconds = cpu.seconds()
    const server = askSync(connection, 'end')
    if (server.messages !== messages)
      throw new Error(`the server saw ${server.messages} of ${messages} messages`)
    return figuresOf({
      messages,
      messageBytes,
      seconds,
      latencyNanos: percentiles(samples.subarray(0, messages)),
      cpuSeconds: { client: clientSeconds, server: server.cpuSeconds },
      cores: { client: currentCore(), server: server.core },
    })
  },
}

/** The server's blocking loop. */
function echoUntilEnd(connection) {
  let messages = 0
  let cpu = new CpuClock()
  for (;;) {
    const message = connection.receiveSync(TIMEOUT_MS)
    if (!isMark(message)) {
      messages += 1
      connection.sendSync(message, TIMEOUT_MS)
      continue
    }
    const { question } = readMark(message)
    const answer = { messages, cpuSeconds: cpu.seconds(), core: currentCore() }
    connection.sendSync(writeMark(answer), TIMEOUT_MS)
    if (question === 'end') return
    messages = 0
    cpu = new CpuClock()
  }
}

function askSync(connection, question) {
  connection.sendSync(writeMark({ question }), TIMEOUT_MS)
  return readMark(connection.receiveSync(TIMEOUT_MS))
}

function pingPongSync(connection, messageBytes, durationMs, samples) {
  const message = Buffer.alloc(messageBytes)
  const beginMs = performance.now()
  for (let count = 0; ; ) {
    message.writeUInt32LE(count, 0)
    message.writeUInt32LE(count, messageBytes - 4)
    const sentMs = performance.now()
    connection.sendSync(message, TIMEOUT_MS)
    const echo = connection.receiveSync(TIMEOUT_MS)
    const nowMs = performance.now()
    if (!isEcho(echo, messageBytes, count)) throw new Error(`the echo of message ${count} is another`)
    samples[count] = (nowMs - sentMs) * 1e6
    count += 1
    if (nowMs - beginMs >= durationMs || count === samples.length)
      return { messages: count, seconds: (nowMs - beginMs) / 1000 }
  }
}
