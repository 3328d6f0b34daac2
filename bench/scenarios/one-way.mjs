import { KEPT_BYTES_MIN, PENDING_BYTES_MAX } from '../support/bounds.mjs'
import { nanosNow } from '../support/figures.mjs'
import { measureOneWay, serveOneWay } from '../support/one-way.mjs'

/** A message carries the time of its sending once in this many bytes, so not every small message does. */
const SAMPLE_BYTES = 64 * 1024
const TIME_OFFSET = 8
const FILLING = 0xa5

const SIZES = [
  ['64B', '64 B', 64],
  ['1KiB', '1 KiB', 1024],
  ['64KiB', '64 KiB', 64 * 1024],
  ['1MiB', '1 MiB', 1024 * 1024],
  ['16MiB', '16 MiB', 16 * 1024 * 1024],
]

const QUESTION =
  'How many messages arrive in a second? One sender that stops when there is no room, one receiver that checks the order of all messages.'
/** From this size on, a message is longer than a chunk of a socket. */
const LONG_BYTES_MIN = 64 * 1024
/** Longer than any chunk, so that a receiver which reads into one buffer copies every message out of it. */
const ONREAD_BYTES_MIN = 1024 * 1024
/** The words and rows of a case of long messages. */
const LONG = {
  question: `${QUESTION} Each receiver gets whole messages, each in one Buffer. The ratio compares with "net, whole messages": a length before each message, sent without a copy, and the chunks copied into one Buffer for each message.`,
  reference: 'unix-socket-whole',
  variants: ['unix-socket-whole'],
  leavesOut: { 'unix-socket': 'for messages of this size, it is the row "net, whole messages"' },
}

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'One way',
  question: QUESTION,
  latency:
    'from sending to arrival while the sender never stops, for a sample of the messages: this shows the length of the queue',
  headline: {
    name: 'messages',
    unit: 'per second',
    of: ({ messagesPerSecond }) => messagesPerSecond,
  },
  options: {},
  cases: SIZES.map(([name, size, messageBytes]) => ({
    name,
    title: `One way, ${size}`,
    options: { messageBytes },
    ...wordsFor(messageBytes),
  })),
  variants: ['shmwire-views', 'shmwire-zero-copy'],
  forms: { quick: ['64B', '1MiB'], smoke: ['64B'] },

  serve(connection, { messageBytes }) {
    const every = sampleEvery(messageBytes)
    serveOneWay(connection, {}, (message, sequence, delays) => {
      if ((sequence & (every - 1)) === 0) delays.push(nanosNow() - message.readDoubleLE(TIME_OFFSET))
      return (
        message.length === messageBytes &&
        message.readUInt32LE(0) === sequence >>> 0 &&
        message.readUInt32LE(messageBytes - 4) === sequence >>> 0
      )
    })
  },

  measure(connection, options) {
    const { messageBytes } = options
    const every = sampleEvery(messageBytes)
    const stamp = (message, sequence) => {
      message.first[0] = sequence
      message.last[0] = sequence
      if ((sequence & (every - 1)) === 0) message.bytes.writeDoubleLE(nanosNow(), TIME_OFFSET)
    }
    const clockEvery = Math.min(every, 256)
    if (connection.tryFill !== undefined) {
      return measureOneWay(connection, options, {
        clockEvery,
        trySend: (sequence) =>
          connection.tryFill(messageBytes, (bytes) => stamp(stampedMessage(bytes), sequence)),
        tryProve: (sequence, fill) =>
          connection.tryFill(messageBytes, (bytes) => {
            fill(bytes, () => stamp(stampedMessage(bytes), sequence))
          }),
      })
    }
    const pool = messagePool(messageBytes)
    const messageOf = (sequence) => pool[sequence & (pool.length - 1)]
    return measureOneWay(connection, options, {
      clockEvery,
      trySend(sequence) {
        const message = messageOf(sequence)
        stamp(message, sequence)
        return connection.trySend(message.bytes)
      },
      tryProve(sequence, fill) {
        const message = messageOf(sequence)
        fill(message.bytes, () => stamp(message, sequence))
        return connection.trySend(message.bytes)
      },
    })
  },
}

function wordsFor(messageBytes) {
  if (messageBytes < LONG_BYTES_MIN) return { variants: ['shmwire-corked'] }
  if (messageBytes < ONREAD_BYTES_MIN) return LONG
  return { ...LONG, variants: [...LONG.variants, 'unix-socket-onread'] }
}

/** A power of two. */
function sampleEvery(messageBytes) {
  return Math.max(1, SAMPLE_BYTES / messageBytes)
}

/**
 * Small messages are copied by every competitor, so one buffer serves; the memory of a large one may be in use for a while.
 * All of it is written: unwritten memory is the kernel's single page of zeros, which is always in the cache.
 */
function messagePool(messageBytes) {
  const kept = Math.ceil((2 * PENDING_BYTES_MAX) / messageBytes) + 2
  const count = messageBytes < KEPT_BYTES_MIN ? 1 : 2 ** Math.ceil(Math.log2(kept))
  return Array.from({ length: count }, () => stampedMessage(new Uint8Array(messageBytes).fill(FILLING)))
}

/** A message and its first and last word, which hold the sequence number. */
function stampedMessage({ buffer, byteOffset, length }) {
  const words = new Uint32Array(buffer, byteOffset, length / Uint32Array.BYTES_PER_ELEMENT)
  return {
    bytes: Buffer.from(buffer, byteOffset, length),
    first: words.subarray(0, 1),
    last: words.subarray(-1),
  }
}
