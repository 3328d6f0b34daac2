import { QUEUE_VERSION } from './protocol.js'

export const CONCURRENCY_MAX = 10_000

/** Of the random name of the process of a queue. */
export const EPOCH_BYTES = 12
const VERSION_BYTES = 4
export const WORK_ANSWER_BYTES = VERSION_BYTES + EPOCH_BYTES

/** The first message of the queue to a worker. */
export function workAnswer(epoch: Buffer): Buffer {
  return Buffer.concat([Buffer.from([QUEUE_VERSION, 0, 0, 0]), epoch], WORK_ANSWER_BYTES)
}

/** Reads the epoch from the answer. Returns the fault of the queue as an object. */
export function readWorkAnswer(message: Buffer): { readonly epoch: string } | { readonly fault: string } {
  if (message[0] !== QUEUE_VERSION)
    return { fault: `version ${message[0]} of the protocol, not ${QUEUE_VERSION}` }
  if (message.length < WORK_ANSWER_BYTES) return { fault: 'a first message that is too short' }
  return { epoch: message.toString('base64url', VERSION_BYTES, WORK_ANSWER_BYTES) }
}

/** Version, length of the codec's name, concurrency (u32). */
const HEAD_BYTES = 6

/** The first message of a worker. */
export function workHead(codec: string, concurrency: number): Buffer {
  const name = Buffer.from(codec)
  const head = Buffer.alloc(HEAD_BYTES + name.length)
  head[0] = QUEUE_VERSION
  head[1] = name.length
  head.writeUInt32LE(concurrency, 2)
  head.set(name, HEAD_BYTES)
  return head
}

/** Returns the fault of the worker as a string. */
export function readWorkHead(
  message: Buffer,
): { readonly codec: string; readonly concurrency: number } | string {
  const nameBytes = message[1]
  if (message[0] !== QUEUE_VERSION || nameBytes === undefined)
    return `it has version ${message[0] ?? 'none'} of the protocol, not ${QUEUE_VERSION}; install the same version of shmwire`
  if (message.length !== HEAD_BYTES + nameBytes) return 'its first message is malformed'
  return { codec: message.toString('utf8', HEAD_BYTES), concurrency: message.readUInt32LE(2) }
}
