import { ErrorCode, ShmwireError } from '../../../errors.js'
import { encodeHeaders, HEADERS_BYTES_MAX, HEADERS_MAX } from '../../../messaging/headers.js'
import type { JobTerms } from '../../../messaging/queue/job.js'
import type { MessageHeaders } from '../../../messaging/types.js'
import type { MsgHdrs } from '../connection.js'
import { addHeaders, readHeaders } from '../headers.js'

/** Headers that the engine adds to a job. Other programs can push jobs too: the id is that of JetStream, and all others are optional. */
const Field = {
  ID: 'Nats-Msg-Id',
  JOB_ID: 'Shmwire-Id',
  KEY: 'Shmwire-Key',
  /** Attempts, limits of the back-off and time limit, in milliseconds. */
  TERMS: 'Shmwire-Terms',
  /** Only of a delayed job: milliseconds after its push. */
  DELAY: 'Shmwire-Delay',
  /** Only of a request: where the result is expected. */
  REPLY: 'Shmwire-Reply',
  /** Only of a dead job: the attempts and the reason. */
  ATTEMPTS: 'Shmwire-Attempts',
  REASON: 'Shmwire-Reason',
} as const

/** Text of a header is ASCII without line ends; ids, keys and reasons can be any text. */
const encodeText = (text: string): string => encodeURIComponent(text.toWellFormed())

/** The id of JetStream for a job. */
export const dedupIdOf = encodeText

export interface JobHead {
  readonly id: string
  readonly key: string | undefined
  readonly terms: JobTerms
  readonly delayMs: number
  readonly reply: string | undefined
}

export interface DeadHead {
  readonly attempts: number
  readonly reason: string
}

export const ID_BYTES_MAX = 512
const REASON_CHARACTERS_MAX = 256
/** Of the headers of a dead letter. */
const OWN_BYTES = 2 * 1024

/** The id of JetStream is that of the job, and without `terms`, those of the queue apply. */
export function addJobHead(
  target: MsgHdrs,
  head: Pick<JobHead, 'key' | 'delayMs' | 'reply'> & { readonly terms: JobTerms | undefined },
  headers: MessageHeaders | undefined,
): void {
  addHeaders(target, headers)
  if (head.terms !== undefined) {
    const { attempts, backOffMinMs, backOffMaxMs, timeLimitMs } = head.terms
    target.set(Field.TERMS, [attempts, backOffMinMs, backOffMaxMs, timeLimitMs].join(' '))
  }
  if (head.key !== undefined) target.set(Field.KEY, encodeText(head.key))
  if (head.delayMs > 0) target.set(Field.DELAY, String(head.delayMs))
  if (head.reply !== undefined) target.set(Field.REPLY, head.reply)
}

/** Adds why a copy of a job is among the dead ones. */
export function addDeadHead(target: MsgHdrs, { attempts, reason }: DeadHead): void {
  target.set(Field.ATTEMPTS, String(attempts))
  target.set(Field.REASON, encodeText(reason))
}

/** Turns the copy of a job into a job of another queue, with an id and terms of its own. Headers state the old id and the reason. */
export function addLetterHead(target: MsgHdrs, { id, attempts, reason }: DeadHead & { id: string }): void {
  for (const field of [Field.JOB_ID, Field.TERMS]) target.delete(field)
  const own = {
    'x-dead-id': id,
    'x-dead-attempts': String(attempts),
    'x-dead-reason': reason.slice(0, REASON_CHARACTERS_MAX).replace(/[\p{Cc}\p{Cs}]/gu, ' '),
  }
  let present: MessageHeaders
  try {
    present = readHeaders(target)
  } catch {
    // The other queue buries it as malformed too.
    return
  }
  const hasRoom =
    Object.keys(present).length + Object.keys(own).length <= HEADERS_MAX &&
    encodeHeaders(present).length + OWN_BYTES <= HEADERS_BYTES_MAX
  if (hasRoom) addHeaders(target, { ...present, ...own })
}

/** Removes it again, and the terms of its delay. */
export function removeDeadHead(target: MsgHdrs): void {
  for (const field of [Field.ATTEMPTS, Field.REASON, Field.DELAY, Field.REPLY, Field.ID]) target.delete(field)
}

/** The head of a job; what it lacks is taken from the queue. Throws `CORRUPT`. */
export function readJobHead(source: MsgHdrs | undefined, fallbackId: string, defaults: JobTerms): JobHead {
  const get = (field: string): string => source?.get(field) ?? ''
  const key = get(Field.KEY)
  return {
    id: readJobId(source, fallbackId),
    key: key === '' ? undefined : readText(key),
    terms: readTerms(get(Field.TERMS), defaults),
    delayMs: readInteger(get(Field.DELAY) || '0', 'delay'),
    reply: readReply(get(Field.REPLY)),
  }
}

export function readDeadHead(source: MsgHdrs | undefined): DeadHead {
  const attempts = source?.get(Field.ATTEMPTS) ?? ''
  return {
    attempts: attempts === '' ? 0 : readInteger(attempts, 'attempts'),
    reason: readText(source?.get(Field.REASON) ?? ''),
  }
}

/** The id of a job whose other fields may be malformed. */
export function readJobId(source: MsgHdrs | undefined, fallback: string): string {
  return readText(source?.get(Field.JOB_ID) ?? '') || readForeignText(source?.get(Field.ID) ?? '') || fallback
}

/** Any program can choose the id of JetStream, without the encoding of the engine. */
function readForeignText(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** All fields of the message, for a copy of it, which has another id of JetStream. */
export function copyFields(source: MsgHdrs | undefined, target: MsgHdrs): void {
  if (source === undefined) return
  for (const [name, values] of source)
    for (const value of values) if (!/^nats-/i.test(name)) target.append(name, value)
  const id = source.get(Field.ID)
  if (!target.has(Field.JOB_ID) && id !== '') target.set(Field.JOB_ID, encodeText(readForeignText(id)))
}

function readTerms(text: string, defaults: JobTerms): JobTerms {
  if (text === '') return defaults
  const numbers = text.split(' ').map((word) => readInteger(word, 'terms'))
  const [attempts = 0, backOffMinMs = 0, backOffMaxMs = 0, timeLimitMs = 0] = numbers
  const isValid =
    numbers.length === 4 &&
    attempts >= 1 &&
    backOffMinMs >= 1 &&
    backOffMaxMs >= backOffMinMs &&
    timeLimitMs >= 1
  if (!isValid || numbers.some((number) => number > TERM_MAX)) throw malformed('terms', text)
  return { attempts, backOffMinMs, backOffMaxMs, timeLimitMs }
}

/** A day in milliseconds, which is the largest term. */
const TERM_MAX = 86_400_000

function readInteger(text: string, what: string): number {
  if (!/^\d{1,12}$/.test(text)) throw malformed(what, text)
  return Number(text)
}

function readText(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw malformed('text', text)
  }
}

/**
 * A program could otherwise make a worker publish to any subject that the worker may use, such as those of the JetStream API. An inbox
 * belongs to the program that waits at it.
 */
function readReply(text: string): string | undefined {
  if (text === '') return undefined
  if (!/^_INBOX\.[A-Za-z0-9_.-]{1,200}$/.test(text)) throw malformed('reply subject', text)
  return text
}

function malformed(what: string, text: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.CORRUPT,
    `the job has a malformed ${what}: ${JSON.stringify(text.slice(0, 80))}`,
  )
}
