import { CpuClock, currentCore, figuresOf, percentiles } from './figures.mjs'
import { answerMarks, askPeer, isMark, isValueMark } from './marks.mjs'

/**
 * The receiver of a stream. `check(message, sequence, delays)` says whether the message is the one that is due, and adds
 * the nanoseconds of its way where it knows them.
 */
export function serveOneWay(connection, { values }, check) {
  let messages = 0
  let faults = 0
  let delays = []
  let cpu = new CpuClock()
  const answers = {
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
      ...(delays.length > 0 ? { latencyNanos: percentiles(delays) } : {}),
      core: currentCore(),
    }),
  }
  const marks = answerMarks(connection, answers, { values })
  const isOneMark = values ? isValueMark : isMark
  connection.onMessage = (message) => {
    if (isOneMark(message)) return marks(message)
    if (!check(message, messages, delays)) faults += 1
    messages += 1
  }
}

/**
 * The sender of a stream: warms up, sends for `durationMs`, and has the receiver count.
 * @param {{ trySend: (sequence: number) => boolean, clockEvery: number }} source `clockEvery`: how often to look at the
 *   clock, a power of two
 */
export async function measureOneWay(connection, options, source) {
  const { messageBytes, warmUpMs, durationMs, values } = options
  await askPeer(connection, 'begin', { values })
  await sendFor(connection, source, warmUpMs)
  await askPeer(connection, 'end', { values })
  await askPeer(connection, 'begin', { values })
  const cpu = new CpuClock()
  const beginMs = performance.now()
  const messages = await sendFor(connection, source, durationMs)
  // Its answer comes when the last message has been seen.
  const server = await askPeer(connection, 'end', { values })
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
}

/** Sends as fast as there is room. Resolves to how many messages it sent, all handed to the connection. */
function sendFor(connection, { trySend, clockEvery }, durationMs) {
  return new Promise((resolve, reject) => {
    const untilMs = performance.now() + durationMs
    let sequence = 0
    const send = () => {
      for (;;) {
        if (!trySend(sequence)) return
        sequence += 1
        if ((sequence & (clockEvery - 1)) === 0 && performance.now() >= untilMs) {
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
