import { KEPT_BYTES_MIN, PENDING_BYTES_MAX } from '../support/bounds.mjs'
import { CpuClock, currentCore, figuresOf, percentiles } from '../support/figures.mjs'
import { answerMarks, askPeer, isMark } from '../support/marks.mjs'

/** Every so many messages one carries the time of its sending. A power of two. */
const SAMPLE_EVERY = 1024
const TIME_OFFSET = 8
/** How often the sender looks at the clock. A power of two. */
const CLOCK_EVERY = 256

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'One way, 64 B',
  question:
    'How many messages a second go through? One sender that stops when there is no room, one receiver that checks the order of all.',
  messageBytes: 64,
  latency: `from sending to arrival while the sender never rests, of every ${SAMPLE_EVERY}th message: the length of the queue`,
  headline: {
    name: 'messages',
    unit: 'per second',
    of: ({ messagesPerSecond }) => messagesPerSecond,
  },
  target: { competitor: 'shmwire', against: 'unix-socket-plain', ratioMin: 8 },

  serve(connection, { messageBytes }) {
    let messages = 0
    let faults = 0
    let delays = []
    let cpu = new CpuClock()
    const marks = answerMarks(connection, {
      begin() {
        messages = 0
        faults = 0
        delays = []
        cpu = new CpuClock()
      },
      end: () => ({
        messages,
        faults,
        cpuSeconds: cpu.seconds(),
        latencyNanos: percentiles(delays),
        core: currentCore(),
      }),
    })
    connection.onMessage = (message) => {
      if (isMark(message)) return marks(message)
      const sequence = message.readUInt32LE(0)
      if (sequence !== messages || message.length !== messageBytes) faults += 1
      messages += 1
      if ((sequence & (SAMPLE_EVERY - 1)) === 0) delays.push(nanosNow() - message.readDoubleLE(TIME_OFFSET))
    }
  },

  async measure(connection, { messageBytes, warmUpMs, durationMs }) {
    const pool = messagePool(messageBytes)
    await askPeer(connection, 'begin')
    await sendFor(connection, pool, warmUpMs)
    await askPeer(connection, 'end')
    await askPeer(connection, 'begin')
    const cpu = new CpuClock()
    const beginMs = performance.now()
    const messages = await sendFor(connection, pool, durationMs)
    // Its answer comes when the last message has been seen.
    const server = await askPeer(connection, 'end')
    const seconds = (performance.now() - beginMs) / 1000
    if (server.messages !== messages || server.faults > 0) {
      throw new Error(
        `the server saw ${server.messages} of ${messages} messages, ${server.faults} of them wrong`,
      )
    }
    return figuresOf({
      messages,
      messageBytes,
      seconds,
      latencyNanos: server.latencyNanos,
      cpuSeconds: { client: cpu.seconds(), server: server.cpuSeconds },
      cores: { client: currentCore(), server: server.core },
    })
  },
}

/** Small messages are copied by every competitor, so one buffer serves; the memory of a large one may be in use for a while. */
function messagePool(messageBytes) {
  const kept = Math.ceil((2 * PENDING_BYTES_MAX) / messageBytes) + 2
  const count = messageBytes < KEPT_BYTES_MIN ? 1 : 2 ** Math.ceil(Math.log2(kept))
  return Array.from({ length: count }, () => {
    const bytes = Buffer.alloc(messageBytes)
    return { bytes, sequence: new Uint32Array(bytes.buffer, bytes.byteOffset, 1) }
  })
}

/** Sends as fast as there is room. Resolves to how many messages it sent, all handed to the connection. */
function sendFor(connection, pool, durationMs) {
  return new Promise((resolve, reject) => {
    const untilMs = performance.now() + durationMs
    let sequence = 0
    const send = () => {
      for (;;) {
        const message = pool[sequence & (pool.length - 1)]
        message.sequence[0] = sequence
        if ((sequence & (SAMPLE_EVERY - 1)) === 0) message.bytes.writeDoubleLE(nanosNow(), TIME_OFFSET)
        if (!connection.trySend(message.bytes)) return
        sequence += 1
        if ((sequence & (CLOCK_EVERY - 1)) === 0 && performance.now() >= untilMs) {
          connection.onDrain = () => {}
          return resolve(sequence)
        }
      }
    }
    connection.onDrain = () => void Promise.resolve().then(send).catch(reject)
    connection.onClose = () => reject(new Error('the connection closed'))
    send()
  })
}

/** The monotonic clock is the same in all processes of a machine. A double holds the nanoseconds of 104 days exactly. */
function nanosNow() {
  return Number(process.hrtime.bigint())
}
