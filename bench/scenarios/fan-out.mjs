import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { fanOut, isSampled, SUBSCRIBERS } from '../support/fan-out.mjs'
import { nanosNow } from '../support/figures.mjs'

/** Offsets in a message: its number, the checksum of its bytes from FILLING on, the time of its sending, random bytes. */
const OFFSET = { number: 0, checksum: 4, time: 8, filling: 16 }
/** The last message is shorter. */
const LAST_BYTES = 8

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
  ...fanOut({ source, check }),
}

function source({ messageBytes }) {
  const message = Buffer.alloc(messageBytes)
  randomFillSync(message, OFFSET.filling)
  message.writeUInt32LE(crc32(message.subarray(OFFSET.filling)), OFFSET.checksum)
  return (sequence, isLast) => {
    message.writeUInt32LE(sequence, OFFSET.number)
    if (isSampled(sequence)) message.writeDoubleLE(nanosNow(), OFFSET.time)
    return isLast ? message.subarray(0, LAST_BYTES) : message
  }
}

function check(message, expected, { isWarmUp, delays, messageBytes }) {
  if (message.readUInt32LE(OFFSET.number) !== expected) throw new Error(`message ${expected} is another`)
  if (message.length !== messageBytes) return true
  if (isWarmUp && !isWhole(message)) throw new Error(`message ${expected} is garbled`)
  if (isSampled(expected)) delays.push(nanosNow() - message.readDoubleLE(OFFSET.time))
  return false
}

/** Checks every byte, which would be too slow during the measurement. */
function isWhole(message) {
  return message.readUInt32LE(OFFSET.checksum) === crc32(message.subarray(OFFSET.filling))
}
