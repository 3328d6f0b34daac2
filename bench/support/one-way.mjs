import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { PENDING_BYTES_MAX } from './bounds.mjs'
import { CpuClock, currentCore, figuresOf, percentiles } from './figures.mjs'
import { answerMarks, askPeer, isMark, isValueMark, roomOf } from './marks.mjs'

/** Messages whose bytes are all checked before each measurement: two full rings, within bounds. */
const PROOF_BYTES = 2 * PENDING_BYTES_MAX
const PROOF_MESSAGES = { min: 4, max: 1024 }

/**
 * The receiver of a stream. `check(message, sequence, delays)` returns whether the message is the expected one, and adds
 * its latency in nanoseconds if it knows it.
 */
export function serveOneWay(connection, { values }, check) {
  let messages = 0
  let faults = 0
  let delays = []
  let checksum
  let cpu = new CpuClock()
  const answers = {
    begin() {
      messages = 0
      faults = 0
      delays = []
      checksum = undefined
      cpu = new CpuClock()
    },
    prove() {
      answers.begin()
      checksum = 0
    },
    end: () => ({
      messages,
      faults,
      checksum,
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
    if (checksum !== undefined) checksum = crc32(message, checksum)
    messages += 1
  }
}

/**
 * The sender of a stream: warms up, sends for `durationMs`, and has the receiver count.
 * @typedef {(bytes: Uint8Array, stamp: () => void) => void} Fill fills a message, and has it stamped
 * @param {object} source
 * @param {(sequence: number) => boolean} source.trySend
 * @param {number} source.clockEvery how often to read the clock, a power of two
 * @param {(sequence: number, fill: Fill) => boolean} [source.tryProve] sends what `fill` makes; not where the receiver's
 *   `check` sees all of each message
 */
export async function measureOneWay(connection, options, source) {
  const { messageBytes, warmUpMs, durationMs, values } = options
  await askPeer(connection, 'begin', { values })
  await sendFor(connection, source, warmUpMs)
  await askPeer(connection, 'end', { values })
  if (source.tryProve !== undefined) await prove(connection, messageBytes, source.tryProve)
  await askPeer(connection, 'begin', { values })
  const cpu = new CpuClock()
  const beginMs = performance.now()
  const messages = await sendFor(connection, source, durationMs)
  // Its reply arrives after the last message.
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

/** Sends whenever there is room. Resolves to the number of messages when the connection has taken them all. */
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

/** Sends random bytes and compares the checksums of both sides. */
async function prove(connection, messageBytes, tryProve) {
  const count = Math.min(
    PROOF_MESSAGES.max,
    Math.max(PROOF_MESSAGES.min, Math.ceil(PROOF_BYTES / messageBytes)),
  )
  await askPeer(connection, 'prove')
  let checksum = 0
  for (let sequence = 0; sequence < count; sequence += 1) {
    let next = checksum
    const fill = (bytes, stamp) => {
      randomFillSync(bytes)
      stamp()
      next = crc32(bytes, checksum)
    }
    while (!tryProve(sequence, fill)) await roomOf(connection)
    checksum = next
  }
  const server = await askPeer(connection, 'end')
  if (server.messages !== count || server.faults > 0 || server.checksum !== checksum)
    throw new Error(`of ${count} messages of random bytes ${server.messages} came, with another checksum`)
}
