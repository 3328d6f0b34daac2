import { CpuClock, currentCore, figuresOf } from './figures.mjs'
import { answerMarks, askPeer, isMark } from './marks.mjs'

/** Of all connections of this server process; the first one's marks speak for all. */
const served = { messages: 0, cpu: new CpuClock() }

/** The server of a round trip: sends back what comes. */
export function serveEcho(connection) {
  const marks = answerMarks(connection, {
    begin() {
      served.messages = 0
      served.cpu = new CpuClock()
    },
    end: () => ({ messages: served.messages, cpuSeconds: served.cpu.seconds(), core: currentCore() }),
  })
  let waiting = []
  connection.onDrain = () => {
    const messages = waiting
    waiting = []
    for (const message of messages) echo(message)
  }
  const echo = (message) => {
    if (waiting.length > 0 || !connection.trySend(message)) waiting.push(message)
  }
  connection.onMessage = (message) => {
    if (isMark(message)) return marks(message)
    served.messages += 1
    echo(message)
  }
}

/**
 * The client of a round trip: `run` twice, once to warm up, and what the second found, checked with the server's count.
 * @param {(durationMs: number, isWarmUp: boolean) => Promise<{ messages: number, seconds: number, latencyNanos: () => object }>} run
 * @returns {Promise<import('../scenarios/scenario.js').Figures>}
 */
export async function measureEcho(connection, { messageBytes, warmUpMs, durationMs }, run) {
  await run(warmUpMs, true)
  await askPeer(connection, 'begin')
  const cpu = new CpuClock()
  const { messages, seconds, latencyNanos } = await run(durationMs, false)
  const clientSeconds = cpu.seconds()
  const server = await askPeer(connection, 'end')
  if (server.messages !== messages)
    throw new Error(`the server saw ${server.messages} of ${messages} messages`)
  return figuresOf({
    messages,
    messageBytes,
    seconds,
    latencyNanos: latencyNanos(),
    cpuSeconds: { client: clientSeconds, server: server.cpuSeconds },
    cores: { client: currentCore(), server: server.core },
  })
}
