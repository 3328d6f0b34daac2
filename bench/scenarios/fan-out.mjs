import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { openMany } from '../support/connections.mjs'
import { CpuClock, currentCore, figuresOf, nanosNow, percentiles } from '../support/figures.mjs'
import { askPeer, isMark, readMark, roomOf, tellPeer } from '../support/marks.mjs'

const SUBSCRIBERS = 10
const CLOCK_EVERY = 16
/** A power of two: one in this many messages carries the time of its sending. */
const SAMPLE_EVERY = 256
/** Offsets in a message: its number, the checksum of its bytes from FILLING on, the time of its sending, random bytes. */
const OFFSET = { number: 0, checksum: 4, time: 8, filling: 16 }

/** The state of this server process. Every connection is a subscriber; the marks of the first one start the sending. */
const subscribers = []

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: `Fan-out to ${SUBSCRIBERS}, 64 B`,
  question: `How many deliveries a second when one server sends each message to ${SUBSCRIBERS} channels, all of them in one client process? The slowest one limits the rate.`,
  latency:
    'from sending to arrival while the sender never stops, for a sample of the messages: this shows the length of the queue',
  headline: {
    name: 'deliveries',
    unit: 'per second',
    of: ({ messagesPerSecond }) => messagesPerSecond,
  },
  options: { messageBytes: 64, connections: SUBSCRIBERS },
  needs: ['many', 'push'],

  serve(connection, { messageBytes, warmUpMs, durationMs }) {
    subscribers.push(connection)
    let finished
    const run = async (lengthMs) => {
      const cpu = new CpuClock()
      const messages = await publish(messageBytes, lengthMs)
      finished = { messages, cpuSeconds: cpu.seconds(), core: currentCore() }
    }
    connection.onMessage = (message) => {
      if (!isMark(message)) throw new Error('a subscriber sent a message')
      const { question } = readMark(message)
      if (question === 'hello') void tellPeer(connection, {})
      else if (question === 'end') void tellPeer(connection, finished)
      else void run(question === 'warmUp' ? warmUpMs : durationMs)
    }
  },

  async measure(connection, options, connect) {
    const { messageBytes } = options
    const connections = await openMany(connection, connect, options.connections)
    // A connection may be open here before the server knows of it.
    await Promise.all(connections.map((one) => askPeer(one, 'hello')))
    await receiveRound(connections, 'warmUp', messageBytes)
    const cpu = new CpuClock()
    const { messages, seconds, delays } = await receiveRound(connections, 'measure', messageBytes)
    const clientSeconds = cpu.seconds()
    const server = await askPeer(connection, 'end')
    if (messages !== server.messages * connections.length)
      throw new Error(`${messages} deliveries of ${server.messages} messages to ${connections.length}`)
    return figuresOf({
      messages,
      messageBytes,
      seconds,
      ...(delays.length > 0 ? { latencyNanos: percentiles(delays) } : {}),
      cpuSeconds: { client: clientSeconds, server: server.cpuSeconds },
      cores: { client: currentCore(), server: server.core },
    })
  },
}

/** Sends each message to all, then the next. The last one is shorter, which marks it. Resolves to the number of messages. */
async function publish(messageBytes, durationMs) {
  const message = Buffer.alloc(messageBytes)
  randomFillSync(message, OFFSET.filling)
  message.writeUInt32LE(crc32(message.subarray(OFFSET.filling)), OFFSET.checksum)
  const untilMs = performance.now() + durationMs
  let sequence = 0
  for (;;) {
    const isLast = (sequence & (CLOCK_EVERY - 1)) === 0 && performance.now() >= untilMs
    message.writeUInt32LE(sequence, OFFSET.number)
    if (isSampled(sequence)) message.writeDoubleLE(nanosNow(), OFFSET.time)
    for (const subscriber of subscribers) {
      while (!subscriber.trySend(isLast ? message.subarray(0, LAST_BYTES) : message)) await roomOf(subscriber)
    }
    if (isLast) return sequence
    sequence += 1
  }
}

const LAST_BYTES = 8

function isSampled(sequence) {
  return (sequence & (SAMPLE_EVERY - 1)) === 0
}

/** Checks every byte, which would be too slow during the measurement. */
function isWhole(message) {
  return message.readUInt32LE(OFFSET.checksum) === crc32(message.subarray(OFFSET.filling))
}

/** Requests a round and counts messages until every connection has received its last one. */
function receiveRound(connections, question, messageBytes) {
  const [first] = connections
  const beginMs = performance.now()
  return new Promise((resolve, reject) => {
    const isWarmUp = question === 'warmUp'
    const delays = []
    let messages = 0
    let open = connections.length
    for (const connection of connections) {
      let expected = 0
      connection.onMessage = (message) => {
        if (message.readUInt32LE(OFFSET.number) !== expected)
          return reject(new Error(`message ${expected} is another`))
        if (message.length === messageBytes) {
          if (isWarmUp && !isWhole(message)) return reject(new Error(`message ${expected} is garbled`))
          if (isSampled(expected)) delays.push(nanosNow() - message.readDoubleLE(OFFSET.time))
          expected += 1
          messages += 1
          return
        }
        open -= 1
        if (open === 0) resolve({ messages, delays, seconds: (performance.now() - beginMs) / 1000 })
      }
      connection.onClose = () => reject(new Error('a connection closed'))
    }
    tellPeer(first, { question }).catch(reject)
  })
}
