import { QUEUE_VERSION } from './protocol.js'

export const CONCURRENCY_MAX = 10_000

/** The first message of the queue to a worker. */
export const WORK_ANSWER = Buffer.from([QUEUE_VERSION, 0, 0, 0])

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
