import type { MessageType } from '../../schema/message-type.js'
import { JSON_FORM } from '../../service/built-in-methods.js'
import type { CallKind, Contract, Method } from '../../service/contract/contract.js'
import { ServiceContract } from '../../service/contract/service-contract.js'
import { bytesMessage } from '../bytes-contract.js'

/*
 * The service of a queue. All messages are binary and little-endian, so that they cross in the same form over a channel with any codec.
 *
 *   push      request: PUSH_HEAD, job frames                answer: see PushAnswer
 *   request   request: PUSH_HEAD, one job frame             answer: see ReplyAnswer
 *   work      first messages: WORK_HEAD, WORK_ANSWER        then frames: see QueueFrame, WorkerFrame
 *   stats     JSON      deadJobs   JSON, then dead job frames      retryDead   JSON
 */
export const QUEUE_VERSION = 1

/** A message of 64 KiB has at most so many jobs. */
export const JOBS_PER_MESSAGE_MAX = 8_192

export const PushFlag = {
  /** The pusher has read that its last jobs were refused, and these are the same ones: wait for room for the first of them. */
  WAITS: 1,
  /** One job, which waits for room in its own call. */
  ALONE: 2,
} as const

/** The first byte of the answer to `push`. */
export const PushAnswer = {
  /** All jobs were added. */
  ADDED: 0,
  /** A byte for each job follows; see PushResult. */
  EACH: 1,
} as const

export const PushResult = {
  ADDED: 0,
  DUPLICATE: 1,
  /** There was no room for this job or an earlier one of the same pusher. */
  FULL: 2,
  /** The job alone is longer than `maxBytes`. */
  TOO_LARGE: 3,
} as const

/** The first byte of the answer to `request`. */
export const ReplyAnswer = {
  /** The encoded result follows. */
  RESULT: 0,
  /** The handler returned nothing. */
  NOTHING: 1,
  /** The error of the last attempt follows. */
  FAILED: 2,
  /** The id was pushed before, so this job does not run. */
  DUPLICATE: 3,
  TOO_LARGE: 4,
} as const

/** Flags of a job frame. */
export const JobFlag = {
  /** The program chose the id. */
  DEDUP: 1,
  /** The terms of the job follow the head; otherwise, those of the queue apply. */
  TERMS: 2,
} as const

/** Frames of the queue. Each begins with this byte and the slot of the worker (u32). */
export const QueueFrame = {
  JOB: 1,
  /** The lease has ended: the slot is free when the worker has sent its end of the job. */
  LOST: 2,
  /** The time limit has begun again. */
  EXTENDED: 3,
  /** No further job follows: the queue closes. The slot is 0. */
  CLOSING: 4,
} as const

/** Frames of a worker. Each begins with this byte and the slot (u32). */
export const WorkerFrame = {
  /** The job is done. */
  DONE: 1,
  /** The job is done, and this is the result for the program that waits for it: u32 length, bytes. */
  RESULT: 2,
  /** The handler failed: u32 length, its error. */
  FAILED: 3,
  EXTEND: 4,
  /** The job has not begun. */
  UNUSED: 5,
  /** Send no further job. The slot is 0. */
  DRAIN: 6,
  /** The worker can have more jobs at once than before: their number is in place of the slot. */
  ROOM: 7,
} as const

/** Flags of a JOB frame. */
export const DispatchFlag = {
  /** A program waits for the result. */
  REPLY: 1,
} as const

/** Bytes that this side and the peer encode themselves. */
const BYTES: MessageType & Required<Pick<MessageType, 'binary'>> = {
  empty: false,
  // A channel with another form of messages can carry any value.
  parse: (value) => bytesMessage.parse(value),
  binary: { encode: (value) => value as Uint8Array, decode: (bytes) => bytes },
  description: () => ({ type: 'binary' }),
}

const TYPES = {
  push: ['unary', BYTES],
  request: ['unary', BYTES],
  work: ['bidi', BYTES],
  stats: ['unary', JSON_FORM],
  deadJobs: ['unary', BYTES],
  retryDead: ['unary', JSON_FORM],
} as const satisfies Record<string, readonly [CallKind, typeof BYTES]>

export type QueueMethod = keyof typeof TYPES

/** `service`: the full name. */
export function queueContract(service: string): Contract {
  const methods = Object.entries(TYPES).map(
    ([method, [kind, type]]) => [method, methodOf(kind, type)] as const,
  )
  return new ServiceContract(service, Object.fromEntries(methods) as Record<QueueMethod, Method>)
}

/** For `ServiceCalls.function`. */
export function calledAs(
  method: QueueMethod,
): Pick<Method, 'kind' | 'idempotent'> & Pick<MessageType, 'binary'> {
  const [kind, { binary }] = TYPES[method]
  return { kind, idempotent: method === 'stats' || method === 'deadJobs', binary }
}

function methodOf(kind: CallKind, type: typeof BYTES): Method {
  return { kind, input: type, output: type, safe: false, idempotent: false, http: [] }
}
