import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Msg } from './connection.js'

/** The facts about a delivered message, which the server puts into the subject for its acknowledgement. */
export interface Delivery {
  readonly streamSequence: number
  /** Counts the deliveries of this message, from 1. */
  readonly deliveries: number
  /** When the stream stored the message, by the clock of its server: milliseconds since 1970. */
  readonly storedAtMs: number
}

/** `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<…>`; newer servers put a domain and an account first. */
const TOKENS_SHORT = 9
const TOKENS_ACCOUNT = 2

/** Throws `CORRUPT`. */
export function deliveryOf({ reply = '' }: Msg): Delivery {
  const tokens = reply.split('.')
  const first = tokens.length === TOKENS_SHORT ? 4 : 4 + TOKENS_ACCOUNT
  const deliveries = Number(tokens[first])
  const streamSequence = Number(tokens[first + 1])
  // After the sequence of the consumer, in nanoseconds. Its last digits do not fit a number.
  const storedAtMs = Number(tokens[first + 3]) / 1_000_000
  const isValid = Number.isSafeInteger(deliveries) && Number.isSafeInteger(streamSequence) && storedAtMs > 0
  if (!isValid || deliveries < 1)
    throw new ShmwireError(ErrorCode.CORRUPT, `the server sends a message with the reply subject ${reply}`)
  return { streamSequence, deliveries, storedAtMs }
}

const ACK = '+ACK'
const TERM = '+TERM'
const IN_PROGRESS = '+WPI'

/** Texts that a worker sends to the reply subject of a message. */
export const Acknowledgement = {
  done: ACK,
  /** The server does not deliver it again. */
  remove: TERM,
  /** The lease begins again. */
  working: IN_PROGRESS,
  /** The server delivers it again after the time. */
  again(delayMs: number): string {
    if (delayMs <= 0) return '-NAK'
    return `-NAK ${JSON.stringify({ delay: Math.round(delayMs * 1_000_000) })}`
  },
} as const
