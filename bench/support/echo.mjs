import { randomBytes } from 'node:crypto'
import { CpuClock, currentCore, figuresOf } from './figures.mjs'
import { answerMarks, askPeer, isMark } from './marks.mjs'
import { work } from './work.mjs'

/** Messages of random bytes before each measurement. */
const PROOF_MESSAGES = 256

/** Counters of a server since its start mark. */
export class Served {
  messages = 0
  #cpu = new CpuClock()

  begin() {
    this.messages = 0
    this.#cpu = new CpuClock()
  }

  end() {
    return { messages: this.messages, cpuSeconds: this.#cpu.seconds(), core: currentCore() }
  }
}

/** Counters of all connections of this server process; the first one's marks apply to all. */
const served = new Served()

/** The server of a round trip: echoes each message, after it has worked for `workMicros`. */
export function serveEcho(connection, { workMicros = 0 } = {}) {
  const marks = answerMarks(connection, served)
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
    if (workMicros > 0) work(workMicros)
    echo(message)
  }
}

/**
 * The client of a round trip: calls `run` twice, first to warm up, and checks the second result with the server's count.
 * @typedef {{ messages: number, seconds: number, latencyNanos: () => object }} Run
 * @param {(durationMs: number, isWarmUp: boolean) => Run | Promise<Run>} run
 * @param {object} [ways]
 * @param {(connection: object, question: string) => object} [ways.ask] how to ask the server
 * @param {(message: Buffer) => Uint8Array | Promise<Uint8Array>} [ways.exchange] how one message goes there and back
 * @returns {Promise<import('../scenarios/scenario.js').Figures>}
 */
export async function measureEcho(connection, { messageBytes, warmUpMs, durationMs }, run, ways = {}) {
  const { ask = askPeer, exchange = (message) => echoOf(connection, message) } = ways
  await run(warmUpMs, true)
  await prove(messageBytes, exchange)
  await ask(connection, 'begin')
  const cpu = new CpuClock()
  const { messages, seconds, latencyNanos } = await run(durationMs, false)
  const clientSeconds = cpu.seconds()
  const server = await ask(connection, 'end')
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

/** The measurement checks only the length and the ends of an echo; here, every byte is compared. */
async function prove(messageBytes, exchange) {
  for (let count = 0; count < PROOF_MESSAGES; count += 1) {
    const message = randomBytes(messageBytes)
    if (!message.equals(await exchange(message))) throw new Error('the echo of random bytes is another')
  }
}

function echoOf(connection, message) {
  return new Promise((resolve, reject) => {
    connection.onMessage = resolve
    connection.onClose = () => reject(new Error('the connection closed'))
    if (!connection.trySend(message)) reject(new Error('no room for the only message'))
  })
}
