import { serveEcho } from '../support/echo.mjs'
import { CpuClock, currentCore, figuresOf, percentiles } from '../support/figures.mjs'
import { askPeer } from '../support/marks.mjs'
import { pingPong } from '../support/ping-pong.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Connect',
  question:
    'How long until a new channel has carried its first message there and back? One after the other, to a server that is there.',
  latency: 'from the call of connect to the arrival of the first echo',
  headline: { name: 'median', unit: 'nanoseconds', of: ({ latencyNanos }) => latencyNanos.p50 },
  options: { messageBytes: 64 },
  needs: ['many'],
  serve: serveEcho,

  async measure(connection, options, connect) {
    const { messageBytes, warmUpMs, durationMs } = options
    await connectFor(connect, messageBytes, warmUpMs)
    await askPeer(connection, 'begin')
    const cpu = new CpuClock()
    const beginMs = performance.now()
    const samples = await connectFor(connect, messageBytes, durationMs)
    const seconds = (performance.now() - beginMs) / 1000
    const clientSeconds = cpu.seconds()
    const server = await askPeer(connection, 'end')
    const messages = samples.length
    if (server.messages !== messages)
      throw new Error(`the server saw ${server.messages} of ${messages} messages`)
    return figuresOf({
      messages,
      messageBytes,
      seconds,
      latencyNanos: percentiles(samples),
      cpuSeconds: { client: clientSeconds, server: server.cpuSeconds },
      cores: { client: currentCore(), server: server.core },
    })
  },
}

/** The nanoseconds of each; closing is not among them. */
async function connectFor(connect, messageBytes, durationMs) {
  const samples = []
  const untilMs = performance.now() + durationMs
  while (performance.now() < untilMs) {
    const beginMs = performance.now()
    const connection = await connect()
    await pingPong(connection, { messageBytes, durationMs: 0 })
    samples.push((performance.now() - beginMs) * 1e6)
    connection.onClose = () => {}
    await connection.close()
  }
  return samples
}
