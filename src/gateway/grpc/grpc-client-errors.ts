import { status as Code, type Metadata as GrpcMetadata, type StatusObject } from '@grpc/grpc-js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { statusOfCode } from './status-codes.js'
import { STATUS_DETAILS, serviceErrorOf } from './status-details.js'

/** The status that ended a call. */
export interface EndStatus extends Pick<StatusObject, 'code' | 'metadata'> {
  /** grpc-js passes some errors of its own as statuses, for example that of an unknown compression. */
  readonly details: string | undefined
}

/** The known facts about an attempt that has failed. */
export interface FailedAttempt {
  /** `service/method`. */
  readonly method: string
  /** The address of the server. */
  readonly target: string
  readonly timeoutMs: number
  readonly timedOut: boolean
  /** The request may have left this process. */
  readonly mayBeSent: boolean
  /** The headers of the answer have arrived. */
  readonly answered: boolean
  readonly maxMessageBytes: number
  /** That of grpc-js. */
  readonly cause: unknown
}

// grpc-js reports its own failures as statuses, like those of servers. Only these texts identify them.
const REFUSED = 'Stream refused by server'
const NOT_STARTED = /^Failed to start HTTP\/2 stream/
/** A reset of the stream, as Node.js sends it for all streams of a connection that it destroys. This side has not cancelled the call. */
const CANCELLED = 'Call cancelled'
const LOST = /^(?:Connection dropped$|read ECONN|write E|read ETIMEDOUT)/
/** Node.js has ended the connection, for example after a GOAWAY with an error. */
const SESSION_ENDED = /^Received RST_STREAM with code \d+ triggered by internal client error: /
const TOO_LARGE = /^Received message (?:larger than max|that decompresses to a size larger)/

/** The error of a call that ended with another status than OK. */
export function errorOfStatus(given: EndStatus, attempt: FailedAttempt): Error {
  const { code, metadata } = given
  const details = given.details ?? 'the answer cannot be read'
  const status = { code, details, metadata }
  const { method, timeoutMs, cause } = attempt
  const executed = attempt.mayBeSent ? 'unknown' : 'no'
  if (code === Code.DEADLINE_EXCEEDED && attempt.timedOut)
    return new ShmwireError(
      ErrorCode.TIMEOUT,
      `the call of ${method} took longer than timeoutMs: ${timeoutMs}`,
      { executed },
    )
  return (
    errorOfGrpcJs(status, attempt) ?? serviceErrorOf(statusOfCode(code), details, detailsOf(metadata), cause)
  )
}

/** Undefined: the server has reported the failure. */
function errorOfGrpcJs({ code, details, metadata }: StatusObject, attempt: FailedAttempt): Error | undefined {
  const { method, target, mayBeSent, answered, cause, maxMessageBytes } = attempt
  // The trailers of a server have at least a content type, unless headers came before.
  if (Object.keys(metadata.getMap()).length > 0) return undefined
  if (code === Code.RESOURCE_EXHAUSTED && TOO_LARGE.test(details))
    return new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `an answer of ${method} is longer than maxMessageBytes: ${maxMessageBytes}; raise the option or shorten the message (${details})`,
      { executed: 'unknown', cause },
    )
  if (!answered && code === Code.INTERNAL && NOT_STARTED.test(details))
    return noConnection(target, details, cause)
  if (code === Code.INTERNAL && SESSION_ENDED.test(details)) return gone(attempt, details)
  if (code === Code.CANCELLED && details === CANCELLED) return gone(attempt, 'the server reset the stream')
  if (code !== Code.UNAVAILABLE) return undefined
  if (!mayBeSent) return noConnection(target, details, cause)
  if (!answered && details === REFUSED)
    return new ShmwireError(
      ErrorCode.UNAVAILABLE,
      `${target} refused the call of ${method} before it ran; call again later`,
      { executed: 'no', cause },
    )
  if (answered && !LOST.test(details)) return undefined
  return gone(attempt, details)
}

function gone({ method, target, cause }: FailedAttempt, reason: string): ShmwireError {
  const text = `the connection to ${target} ended during ${method}: ${reason}`
  return new ShmwireError(ErrorCode.PEER_GONE, text, { executed: 'unknown', cause })
}

function noConnection(target: string, details: string, cause: unknown): ShmwireError {
  return new ShmwireError(
    ErrorCode.UNAVAILABLE,
    `there is no connection to ${target}: ${details}; call again later`,
    { executed: 'no', cause },
  )
}

function detailsOf(metadata: GrpcMetadata): Buffer | undefined {
  const value = metadata.get(STATUS_DETAILS).at(-1)
  return Buffer.isBuffer(value) ? value : undefined
}
