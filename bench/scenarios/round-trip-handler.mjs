import { CpuClock, currentCore, figuresOf, percentiles } from '../support/figures.mjs'
import { answerMarks, askPeer, isMark } from '../support/marks.mjs'
import { isEcho } from '../support/ping-pong.mjs'

const TIMEOUT_MS = 10_000
const SAMPLES_MAX = 4 * 1024 * 1024

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Blocking request to an event loop, 64 B',
  question:
    'How long does a caller block that cannot await? requestSync, answered by a handler in an event loop.',
  latency: 'from the call of requestSync to its return',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  needs: ['handler'],
  variants: ['shmwire-spin'],

  serve(connection) {
    let messages = 0
    let cpu = new CpuClock()
    const marks = answerMarks(connection, {
      begin() {
        messages = 0
        cpu = new CpuClock()
      },
      end: () => ({ messages, cpuSeconds: cpu.seconds(), core: currentCore() }),
    })
    connection.handle((message) => {
      messages += 1
      return message
    })
    connection.onMessage = (message) => {
      if (!isMark(message)) throw new Error('a message came instead of a request')
      marks(message)
    }
  },

  async measure(connection, { messageBytes, warmUpMs, durationMs }) {
    const samples = new Float64Array(SAMPLES_MAX)
    requestFor(connection, messageBytes, warmUpMs, samples)
    await askPeer(connection, 'begin')
    const cpu = new CpuClock()
    const { messages, seconds } = requestFor(connection, messageBytes, durationMs, samples)
    const clientSeconds = cpu.seconds()
    const server = await askPeer(connection, 'end')
    if (server.messages !== messages)
      throw new Error(`the server saw ${server.messages} of ${messages} requests`)
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

function requestFor(connection, messageBytes, durationMs, samples) {
  const message = Buffer.alloc(messageBytes)
  const beginMs = performance.now()
  for (let count = 0; ; ) {
    message.writeUInt32LE(count, 0)
    message.writeUInt32LE(count, messageBytes - 4)
    const sentMs = performance.now()
    const reply = connection.requestSync(message, TIMEOUT_MS)
    const nowMs = performance.now()
    if (!isEcho(reply, messageBytes, count)) throw new Error(`the reply to request ${count} is another`)
    samples[count] = (nowMs - sentMs) * 1e6
    count += 1
    if (nowMs - beginMs >= durationMs || count === samples.length)
      return { messages: count, seconds: (nowMs - beginMs) / 1000 }
  }
}
