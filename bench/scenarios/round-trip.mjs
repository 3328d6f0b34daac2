import { CpuClock, currentCore, figuresOf, percentiles } from '../support/figures.mjs'
import { answerMarks, askPeer, isMark } from '../support/marks.mjs'

/** Beyond, a repetition ends early: 32 MiB of samples. */
const SAMPLES_MAX = 4 * 1024 * 1024

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Round trip, 64 B',
  question:
    'How long until the answer is there? One message under way, an event loop on both sides, default wait mode.',
  messageBytes: 64,
  latency: 'from the sending of a message to the arrival of its echo',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  target: { competitor: 'shmwire', against: 'unix-socket-plain', ratioMin: 5 },

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
    connection.onMessage = (message) => {
      if (isMark(message)) return marks(message)
      messages += 1
      // One message is under way, so there is always room.
      if (!connection.trySend(message)) throw new Error('no room for an echo')
    }
  },

  async measure(connection, { messageBytes, warmUpMs, durationMs }) {
    const samples = new Float64Array(SAMPLES_MAX)
    await pingPong(connection, messageBytes, warmUpMs, samples)
    await askPeer(connection, 'begin')
    const cpu = new CpuClock()
    const { messages, seconds } = await pingPong(connection, messageBytes, durationMs, samples)
    const clientSeconds = cpu.seconds()
    const server = await askPeer(connection, 'end')
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

/** Sends a message whenever the echo of the last one has come. Writes the nanoseconds of each round into `samples`. */
function pingPong(connection, messageBytes, durationMs, samples) {
  return new Promise((resolve, reject) => {
    const message = Buffer.alloc(messageBytes)
    const sequence = new Uint32Array(message.buffer, message.byteOffset, 1)
    let count = 0
    const beginMs = performance.now()
    let sentMs = beginMs
    connection.onMessage = (echo) => {
      const nowMs = performance.now()
      samples[count] = (nowMs - sentMs) * 1e6
      if (echo.length !== messageBytes || echo.readUInt32LE(0) !== count) {
        return reject(new Error(`the echo of message ${count} is another`))
      }
      count += 1
      if (nowMs - beginMs >= durationMs || count === samples.length) {
        return resolve({ messages: count, seconds: (nowMs - beginMs) / 1000 })
      }
      sentMs = nowMs
      send()
    }
    connection.onClose = () => reject(new Error('the connection closed'))
    const send = () => {
      sequence[0] = count
      if (!connection.trySend(message)) reject(new Error('no room for the only message'))
    }
    send()
  })
}
