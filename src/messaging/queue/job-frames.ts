import { isUtf8 } from 'node:buffer'
import { decodeHeaders } from '../headers.js'
import { isKey } from '../topic/key.js'
import type { FrameQueue } from './frame-queue.js'
import { Job, type JobTerms } from './job.js'
import { JobBytes } from './job-bytes.js'
import { isJobId } from './job-id.js'
import {
  ATTEMPTS_MAX,
  BACK_OFF_MS_MAX,
  DELAY_MS_MAX,
  type GivenTerms,
  resolveTerms,
  TIME_LIMIT_MS_MAX,
} from './job-terms.js'
import { DispatchFlag, JOBS_PER_MESSAGE_MAX, JobFlag, QUEUE_VERSION, QueueFrame } from './protocol.js'

/** Flags, the lengths of the id and the key (u8), of the headers (u16) and the body (u32), and a byte that is 0. */
const HEAD_BYTES = 10
/** Attempts (u16), limits of the back-off, time limit and delay (u32). 0: that of the queue. */
const TERMS_BYTES = 18
/** Version, flags, the length of the codec's name, and the number of the program (u32). */
const PUSH_HEAD_BYTES = 7
/** Kind and slot, flags, lengths as above, attempt and attempts (u16), time limit (u32), two bytes that are 0, sequence (f64). */
const DISPATCH_BYTES = 32

const FIRST_VISIBLE = 0x21
const LAST_ASCII = 0x7e

/** A job that a program pushes, encoded. `body` is valid until the next message is encoded. */
export interface PushedParts {
  readonly id: string
  readonly key: string | undefined
  readonly headers: Buffer
  readonly body: Uint8Array
  readonly dedup: boolean
  /** Undefined: those of the queue, without a delay. */
  readonly terms: GivenTerms | undefined
}

/** The head of the messages of `push` and `request`. `pusher`: a number of the program, other than those of its channel. */
export function pushHead(codec: string, flags: number, pusher: number): Buffer {
  const name = Buffer.from(codec)
  const head = Buffer.from([QUEUE_VERSION, flags, name.length, 0, 0, 0, 0])
  head.writeUInt32LE(pusher, 3)
  return Buffer.concat([head, name])
}

/** Returns the frame of the job in its own memory. */
export function jobFrame(parts: PushedParts): Buffer {
  const { id, key = '', headers, body, terms } = parts
  const idBytes = Buffer.byteLength(id)
  const keyBytes = Buffer.byteLength(key)
  const termsBytes = terms === undefined ? 0 : TERMS_BYTES
  const start = HEAD_BYTES + termsBytes
  const frame = Buffer.allocUnsafe(start + idBytes + keyBytes + headers.length + body.length)
  frame[0] = (parts.dedup ? JobFlag.DEDUP : 0) | (terms === undefined ? 0 : JobFlag.TERMS)
  frame[1] = idBytes
  frame[2] = keyBytes
  frame[3] = 0
  frame.writeUInt16LE(headers.length, 4)
  frame.writeUInt32LE(body.length, 6)
  if (terms !== undefined) writeTerms(frame, terms)
  frame.write(id, start)
  if (keyBytes > 0) frame.write(key, start + idBytes)
  frame.set(headers, start + idBytes + keyBytes)
  frame.set(body, start + idBytes + keyBytes + headers.length)
  return frame
}

/** Of the memory that the jobs of a program in the process of the queue share. */
const SHARED_BYTES = 64 * 1024
/** A longer job has its own memory. */
const SHARED_JOB_BYTES_MAX = 4 * 1024

/** Makes the jobs of a program in the process of the queue. */
export class LocalJobs {
  #shared = Buffer.allocUnsafeSlow(0)
  #length = 0

  create(pushed: PushedParts, defaults: JobTerms): Job {
    const { id, key, headers, body, terms, dedup } = pushed
    const idBytes = Buffer.byteLength(id)
    const keyBytes = key === undefined ? 0 : Buffer.byteLength(key)
    const size = idBytes + keyBytes + headers.length + body.length
    const start = this.#reserve(size)
    const memory = start < 0 ? Buffer.allocUnsafeSlow(size) : this.#shared
    const at = Math.max(start, 0)
    memory.write(id, at)
    if (key !== undefined) memory.write(key, at + idBytes)
    if (headers.length > 0) memory.set(headers, at + idBytes + keyBytes)
    memory.set(body, at + idBytes + keyBytes + headers.length)
    const parts = new JobBytes(memory, at, idBytes, keyBytes, headers.length, at + size)
    if (terms === undefined) return new Job(parts, defaults, { dedup })
    return new Job(parts, resolveTerms(terms, defaults), { dedup, delayMs: terms.delayMs })
  }

  /** Returns a place in the shared memory; −1: the job needs its own. */
  #reserve(bytes: number): number {
    if (bytes > SHARED_JOB_BYTES_MAX) return -1
    if (this.#length + bytes > this.#shared.length) {
      this.#shared = Buffer.allocUnsafeSlow(SHARED_BYTES)
      this.#length = 0
    }
    const start = this.#length
    this.#length = start + bytes
    return start
  }
}

function writeTerms(frame: Buffer, terms: GivenTerms): void {
  frame.writeUInt16LE(terms.attempts, HEAD_BYTES)
  frame.writeUInt32LE(terms.backOffMinMs, HEAD_BYTES + 2)
  frame.writeUInt32LE(terms.backOffMaxMs, HEAD_BYTES + 6)
  frame.writeUInt32LE(terms.timeLimitMs, HEAD_BYTES + 10)
  frame.writeUInt32LE(terms.delayMs, HEAD_BYTES + 14)
}

export interface PushMessage {
  readonly flags: number
  readonly codec: string
  readonly pusher: number
  readonly jobs: readonly Job[]
}

/** Reads a message of a pusher. Returns the fault of the pusher as a string. The jobs are views of the message. */
export function readPush(message: Buffer, defaults: JobTerms): PushMessage | string {
  const codecBytes = message[2]
  if (codecBytes === undefined) return 'it is too short'
  if (message[0] !== QUEUE_VERSION) return `it has the version ${message[0]}, not ${QUEUE_VERSION}`
  let offset = PUSH_HEAD_BYTES + codecBytes
  if (offset > message.length) return 'its head is cut off'
  const pusher = message.readUInt32LE(3)
  const codec = message.toString('utf8', PUSH_HEAD_BYTES, offset)
  const jobs: Job[] = []
  while (offset < message.length) {
    if (jobs.length === JOBS_PER_MESSAGE_MAX) return `it has more than ${JOBS_PER_MESSAGE_MAX} jobs`
    const read = readJob(message, offset, defaults)
    if (typeof read === 'string') return read
    jobs.push(read.job)
    offset = read.end
  }
  return jobs.length === 0 ? 'it has no job' : { flags: message[1] ?? 0, codec, pusher, jobs }
}

function readJob(
  message: Buffer,
  offset: number,
  defaults: JobTerms,
): { readonly job: Job; readonly end: number } | string {
  const start = offset + HEAD_BYTES
  if (start > message.length) return 'the head of a job is cut off'
  const flags = message[offset] as number
  const idBytes = message[offset + 1] as number
  const keyBytes = message[offset + 2] as number
  const headersBytes = message.readUInt16LE(offset + 4)
  const bodyBytes = message.readUInt32LE(offset + 6)
  const hasTerms = (flags & JobFlag.TERMS) !== 0
  const at = hasTerms ? start + TERMS_BYTES : start
  const end = at + idBytes + keyBytes + headersBytes + bodyBytes
  if (end > message.length) return 'a job is cut off'
  if (idBytes === 0) return 'a job has no id'
  const keyAt = at + idBytes
  const headersAt = keyAt + keyBytes
  if (!isIdOf(message, at, keyAt)) return 'the id of a job is malformed'
  if (keyBytes > 0 && !isKey(message.subarray(keyAt, headersAt))) return 'the key of a job is malformed'
  if (headersBytes > 0 && decodeHeaders(message.subarray(headersAt, headersAt + headersBytes)) === undefined)
    return 'a job has malformed headers'
  const terms = hasTerms ? readTerms(message, start, defaults) : defaults
  if (terms === undefined) return 'the terms of a job are out of their bounds'
  const delayMs = hasTerms ? message.readUInt32LE(start + 14) : 0
  if (delayMs > DELAY_MS_MAX) return 'the delay of a job is out of its bounds'
  const parts = new JobBytes(message, at, idBytes, keyBytes, headersBytes, end)
  return { job: new Job(parts, terms, { delayMs, dedup: (flags & JobFlag.DEDUP) !== 0 }), end }
}

/** Undefined: they are out of their bounds. */
function readTerms(message: Buffer, at: number, defaults: JobTerms): JobTerms | undefined {
  const attempts = message.readUInt16LE(at)
  const backOffMinMs = message.readUInt32LE(at + 2)
  const backOffMaxMs = message.readUInt32LE(at + 6)
  const timeLimitMs = message.readUInt32LE(at + 10)
  const isValid =
    attempts <= ATTEMPTS_MAX &&
    backOffMinMs <= BACK_OFF_MS_MAX &&
    backOffMaxMs <= BACK_OFF_MS_MAX &&
    timeLimitMs <= TIME_LIMIT_MS_MAX
  return isValid ? resolveTerms({ attempts, backOffMinMs, backOffMaxMs, timeLimitMs }, defaults) : undefined
}

/** Most ids are visible ASCII characters, which need no string. */
function isIdOf(message: Buffer, from: number, to: number): boolean {
  for (let index = from; index < to; index++) {
    const byte = message[index] as number
    if (byte < FIRST_VISIBLE || byte > LAST_ASCII)
      return isUtf8(message.subarray(from, to)) && isJobId(message.toString('utf8', from, to))
  }
  return true
}

/** Writes the JOB frame of a leased job. */
export function writeDispatch(queue: FrameQueue, job: Job): void {
  const { size, idBytes, keyBytes, headersBytes } = job
  const at = queue.reserve(DISPATCH_BYTES + size)
  const { memory } = queue
  memory[at] = QueueFrame.JOB
  memory.writeUInt32LE(job.slot, at + 1)
  memory[at + 5] = job.onDone === undefined ? 0 : DispatchFlag.REPLY
  memory[at + 6] = idBytes
  memory[at + 7] = keyBytes
  memory.writeUInt16LE(headersBytes, at + 8)
  memory.writeUInt32LE(size - idBytes - keyBytes - headersBytes, at + 10)
  memory.writeUInt16LE(job.attempt, at + 14)
  memory.writeUInt16LE(job.terms.attempts, at + 16)
  memory.writeUInt32LE(job.terms.timeLimitMs, at + 18)
  memory.writeUInt16LE(0, at + 22)
  memory.writeDoubleLE(job.sequence, at + 24)
  job.memory.copy(memory, at + DISPATCH_BYTES, job.start, job.end)
}

/** A job as its worker gets it. */
export interface DispatchedJob {
  readonly slot: number
  /** Identifies the job within this process of the queue. */
  readonly sequence: number
  readonly wantsReply: boolean
  readonly attempt: number
  readonly attempts: number
  readonly timeLimitMs: number
  readonly parts: JobBytes
}

/** Reads the JOB frame at `offset`, which ends where its body ends. Returns the fault of the queue as a string. */
export function readDispatch(message: Buffer, offset: number): DispatchedJob | string {
  const at = offset + DISPATCH_BYTES
  if (at > message.length) return 'the head of a job is cut off'
  const idBytes = message[offset + 6] as number
  const keyBytes = message[offset + 7] as number
  const headersBytes = message.readUInt16LE(offset + 8)
  const end = at + idBytes + keyBytes + headersBytes + message.readUInt32LE(offset + 10)
  if (end > message.length) return 'a job is cut off'
  return {
    slot: message.readUInt32LE(offset + 1),
    sequence: message.readDoubleLE(offset + 24),
    wantsReply: ((message[offset + 5] as number) & DispatchFlag.REPLY) !== 0,
    attempt: message.readUInt16LE(offset + 14),
    attempts: message.readUInt16LE(offset + 16),
    timeLimitMs: message.readUInt32LE(offset + 18),
    parts: new JobBytes(message, at, idBytes, keyBytes, headersBytes, end),
  }
}
