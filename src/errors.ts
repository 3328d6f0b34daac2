import { printable } from './printable.js'
import type { Status } from './status.js'

/**
 * The codes of all errors of shmwire. Programs test the code, which is stable. The message is for people: it states the value, the limit
 * and the remedy. docs/errors.md has an entry for each code.
 */
export const ErrorCode = {
  /** An argument or option does not have the documented form. */
  INVALID_ARGUMENT: 'ERR_SHMWIRE_INVALID_ARGUMENT',
  /** The call is not possible at this time, for example while a claim is open; the message says what to do first. */
  INVALID_STATE: 'ERR_SHMWIRE_INVALID_STATE',
  /** A live server already listens at the address. */
  NAME_IN_USE: 'ERR_SHMWIRE_NAME_IN_USE',
  /** No server listens at the address. */
  NOT_LISTENING: 'ERR_SHMWIRE_NOT_LISTENING',
  /** `timeoutMs` passed first. */
  TIMEOUT: 'ERR_SHMWIRE_TIMEOUT',
  /** The AbortSignal fired first; its reason is the `cause`. */
  ABORTED: 'ERR_SHMWIRE_ABORTED',
  /** Either side has closed the channel or server. */
  CLOSED: 'ERR_SHMWIRE_CLOSED',
  /** The peer's process ended, or its connection broke, without a close. */
  PEER_GONE: 'ERR_SHMWIRE_PEER_GONE',
  /** The peer violated the protocol. */
  CORRUPT: 'ERR_SHMWIRE_CORRUPT',
  /** The peer speaks another version of the protocol, or another protocol. */
  VERSION: 'ERR_SHMWIRE_VERSION',
  /** The peer, the directory or the kernel refuses. */
  DENIED: 'ERR_SHMWIRE_DENIED',
  /** A message is longer than the smaller `maxMessageBytes` of the two sides. */
  MESSAGE_TOO_LARGE: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE',
  /** Memory, descriptors or address space ran out. */
  OUT_OF_MEMORY: 'ERR_SHMWIRE_OUT_OF_MEMORY',
  /** More messages arrived during a blocking call than the channel may hold. */
  BACKLOG: 'ERR_SHMWIRE_BACKLOG',
  /** A codec cannot encode the value or decode the bytes; its own error is the `cause`. */
  CODEC: 'ERR_SHMWIRE_CODEC',
  /** The peer's handler threw; `message`, `remoteCode` and `cause` describe what it threw. */
  REMOTE: 'ERR_SHMWIRE_REMOTE',
  /** The peer has no handler for requests, or has no room to hold the request until it has one. */
  NO_HANDLER: 'ERR_SHMWIRE_NO_HANDLER',
  /** The handler of a service threw a `ServiceError`; `status`, `reason` and `details` describe it. */
  SERVICE: 'ERR_SHMWIRE_SERVICE',
  /**
   * The server of a client is absent. Or shared memory is required but not available: there is no addon for this platform, or the kernel
   * lacks it.
   */
  UNAVAILABLE: 'ERR_SHMWIRE_UNAVAILABLE',
  /** A worker does not have the job any more: its time limit passed, or its connection ended. The job runs again. */
  LEASE_LOST: 'ERR_SHMWIRE_LEASE_LOST',
} as const

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

/** The status of an error with this code, unless the error states another one. */
const STATUS_OF: Readonly<Record<ErrorCode, Status>> = {
  ERR_SHMWIRE_INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  ERR_SHMWIRE_INVALID_STATE: 'FAILED_PRECONDITION',
  ERR_SHMWIRE_NAME_IN_USE: 'ALREADY_EXISTS',
  ERR_SHMWIRE_NOT_LISTENING: 'UNAVAILABLE',
  ERR_SHMWIRE_TIMEOUT: 'DEADLINE_EXCEEDED',
  ERR_SHMWIRE_ABORTED: 'CANCELLED',
  ERR_SHMWIRE_CLOSED: 'UNAVAILABLE',
  ERR_SHMWIRE_PEER_GONE: 'UNAVAILABLE',
  ERR_SHMWIRE_CORRUPT: 'INTERNAL',
  ERR_SHMWIRE_VERSION: 'FAILED_PRECONDITION',
  ERR_SHMWIRE_DENIED: 'PERMISSION_DENIED',
  ERR_SHMWIRE_MESSAGE_TOO_LARGE: 'RESOURCE_EXHAUSTED',
  ERR_SHMWIRE_OUT_OF_MEMORY: 'RESOURCE_EXHAUSTED',
  ERR_SHMWIRE_BACKLOG: 'RESOURCE_EXHAUSTED',
  ERR_SHMWIRE_CODEC: 'INVALID_ARGUMENT',
  ERR_SHMWIRE_REMOTE: 'INTERNAL',
  ERR_SHMWIRE_NO_HANDLER: 'UNIMPLEMENTED',
  ERR_SHMWIRE_SERVICE: 'UNKNOWN',
  ERR_SHMWIRE_UNAVAILABLE: 'UNAVAILABLE',
  ERR_SHMWIRE_LEASE_LOST: 'ABORTED',
}

/** Codes of errors that a missing, ending or starting server can cause. After any other error, another attempt would fail the same way. */
export const PASSING_CODES: ReadonlySet<unknown> = new Set([
  ErrorCode.NOT_LISTENING,
  ErrorCode.PEER_GONE,
  ErrorCode.TIMEOUT,
  ErrorCode.UNAVAILABLE,
  ErrorCode.OUT_OF_MEMORY,
])

/** Whether a call that failed may have run: `'no'` if it surely did not. */
export type Executed = 'no' | 'unknown'

export interface ShmwireErrorOptions {
  cause?: unknown
  /** Only with `REMOTE`: the `code` of the value that the peer's handler threw, if it is a string or a number. */
  remoteCode?: string | number | undefined
  /** Default: that of the code. */
  status?: Status | undefined
  executed?: Executed | undefined
}

export class ShmwireError extends Error {
  override readonly name: string = 'ShmwireError'
  readonly code: ErrorCode
  /** The canonical code of gRPC. */
  readonly status: Status
  readonly remoteCode: string | number | undefined
  /** Only of a failed call of a service. */
  readonly executed: Executed | undefined

  /** A message can quote a peer, so hidden characters are escaped. `cause` and `remoteCode` are unchanged. */
  constructor(code: ErrorCode, message: string, options: ShmwireErrorOptions = {}) {
    super(printable(message), 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.status = options.status ?? STATUS_OF[code]
    this.remoteCode = options.remoteCode
    this.executed = options.executed
  }
}

/** The same error with another statement whether the call can have run. */
export function replaceExecuted(error: ShmwireError, executed: Executed): ShmwireError {
  const { code, message, status, remoteCode } = error
  return new ShmwireError(code, message, {
    status,
    remoteCode,
    executed,
    ...('cause' in error ? { cause: error.cause } : {}),
  })
}
