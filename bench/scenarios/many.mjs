import { openMany } from '../support/connections.mjs'
import { measureEcho, serveEcho } from '../support/echo.mjs'
import { percentiles } from '../support/figures.mjs'
import { isEcho, stamp } from '../support/ping-pong.mjs'

const COUNTS = [100, 1000]
/** A thousand rings of the default size on either side would fill the memory of a small machine. */
const RING_BYTES = 64 * 1024

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Many channels into one server',
  question: `How many round trips a second does one server make, all channels together? One message in transit on each, one client process; rings of ${RING_BYTES / 1024} KiB.`,
  latency: 'from the sending of a message to the arrival of its echo, while all the others are in transit',
  headline: {
    name: 'round trips',
    unit: 'per second',
    of: ({ messagesPerSecond }) => messagesPerSecond,
  },
  options: { messageBytes: 64, ringBytes: RING_BYTES, extraMs: 30_000 },
  cases: COUNTS.map((connections) => ({
    name: String(connections),
    title: `${connections.toLocaleString('en')} channels into one server, 64 B`,
    options: { connections },
  })),
  needs: ['many'],
  serve: serveEcho,

  async measure(connection, options, connect) {
    const connections = await openMany(connection, connect, options.connections)
    return measureEcho(connection, options, (durationMs) =>
      pingPongAll(connections, options.messageBytes, durationMs),
    )
  },
}

/** Keeps one message in transit on each connection until the time has elapsed; then awaits the last replies. */
async function pingPongAll(connections, messageBytes, durationMs) {
  const samples = []
  const beginMs = performance.now()
  const untilMs = beginMs + durationMs
  const counts = await Promise.all(
    connections.map((connection) => pingPongUntil(connection, messageBytes, untilMs, samples)),
  )
  const seconds = (performance.now() - beginMs) / 1000
  const messages = counts.reduce((sum, count) => sum + count, 0)
  return { messages, seconds, latencyNanos: () => percentiles(samples) }
}

function pingPongUntil(connection, messageBytes, untilMs, samples) {
  return new Promise((resolve, reject) => {
    const message = Buffer.alloc(messageBytes)
    let count = 0
    let sentMs = 0
    const send = () => {
      stamp(message, count)
      sentMs = performance.now()
      if (!connection.trySend(message)) reject(new Error('no room for the only message'))
    }
    connection.onMessage = (echo) => {
      const nowMs = performance.now()
      if (!isEcho(echo, messageBytes, count))
        return reject(new Error(`the echo of message ${count} is another`))
      samples.push((nowMs - sentMs) * 1e6)
      count += 1
      if (nowMs >= untilMs) resolve(count)
      else send()
    }
    connection.onClose = () => reject(new Error('a connection closed'))
    send()
  })
}
