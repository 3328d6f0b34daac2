import { openMany } from './connections.mjs'
import { CpuClock, currentCore, figuresOf, percentiles } from './figures.mjs'
import { askPeer, isMark, isValueMark, readMark, roomOf, tellPeer } from './marks.mjs'

export const SUBSCRIBERS = 10
const CLOCK_EVERY = 16
/** A power of two: one in this many messages carries the time of its sending. */
const SAMPLE_EVERY = 256

/** Of the messages of a fan-out. */
export function isSampled(sequence) {
  return (sequence & (SAMPLE_EVERY - 1)) === 0
}

/**
 * Both sides of a fan-out: one server sends each message to several connections of one client. The marks of the first
 * connection start the sending. The last message differs from the others, which marks it.
 * @typedef {object} Messages
 * @property {(options: object) => (sequence: number, isLast: boolean) => unknown} source makes the messages of a round
 * @property {(message: unknown, expected: number, round: { isWarmUp: boolean, delays: number[], messageBytes: number }) => boolean} check
 *   whether the message is the last one; throws if it is not the expected one
 * @param {Messages} messages
 * @returns {Pick<import('../scenarios/scenario.js').MessageScenario, 'serve' | 'measure'>}
 */
export function fanOut({ source, check }) {
  /** The state of this server process. */
  const subscribers = []
  return {
    serve(connection, options) {
      const { warmUpMs, durationMs, values } = options
      const isOneMark = values ? isValueMark : isMark
      subscribers.push(connection)
      let finished
      const run = async (lengthMs) => {
        const cpu = new CpuClock()
        const messages = await publish(subscribers, source(options), lengthMs)
        finished = { messages, cpuSeconds: cpu.seconds(), core: currentCore() }
      }
      connection.onMessage = (message) => {
        if (!isOneMark(message)) throw new Error('a subscriber sent a message')
        const { question } = readMark(message)
        if (question === 'hello') void tellPeer(connection, {}, values)
        else if (question === 'end') void tellPeer(connection, finished, values)
        else void run(question === 'warmUp' ? warmUpMs : durationMs)
      }
    },

    async measure(connection, options, connect) {
      const { messageBytes } = options
      const connections = await openMany(connection, connect, options.connections)
      // A connection may be open here before the server knows of it.
      await Promise.all(connections.map((one) => askPeer(one, 'hello', options)))
      await receiveRound(connections, 'warmUp', options, check)
      const cpu = new CpuClock()
      const { messages, seconds, delays } = await receiveRound(connections, 'measure', options, check)
      const clientSeconds = cpu.seconds()
      const server = await askPeer(connection, 'end', options)
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
}

/** Sends each message to all, then the next. Resolves to the number of messages before the last one. */
async function publish(subscribers, messageOf, durationMs) {
  const untilMs = performance.now() + durationMs
  let sequence = 0
  for (;;) {
    const isLast = (sequence & (CLOCK_EVERY - 1)) === 0 && performance.now() >= untilMs
    const message = encoded(subscribers[0], messageOf(sequence, isLast))
    for (const subscriber of subscribers) {
      while (!subscriber.trySend(message)) await roomOf(subscriber)
    }
    if (isLast) return sequence
    sequence += 1
  }
}

/** A competitor whose messages are text encodes each one once for all subscribers. */
function encoded(connection, message) {
  return connection.encode === undefined ? message : connection.encode(message)
}

/** Requests a round and counts messages until every connection has received its last one. */
function receiveRound(connections, question, { messageBytes, values }, check) {
  const [first] = connections
  const beginMs = performance.now()
  return new Promise((resolve, reject) => {
    const delays = []
    const round = { isWarmUp: question === 'warmUp', delays, messageBytes }
    let messages = 0
    let open = connections.length
    for (const connection of connections) {
      let expected = 0
      connection.onMessage = (message) => {
        if (check(message, expected, round)) {
          open -= 1
          if (open === 0) resolve({ messages, delays, seconds: (performance.now() - beginMs) / 1000 })
          return
        }
        expected += 1
        messages += 1
      }
      connection.onClose = () => reject(new Error('a connection closed'))
    }
    tellPeer(first, { question }, values).catch(reject)
  })
}
