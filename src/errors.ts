import { printable } from './printable.js'

/**
 * The codes of all errors of shmwire. Programs test the code, which is stable. The message is for people: it states the value, the limit
 * and the remedy. docs/errors.md has an entry for each code.
 */
export const ErrorCode = {
  /** An argument or option does not have the documented form. */
  INVALID_ARGUMENT: 'ERR_SHMWIRE_INVALID_ARGUMENT',
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
  /** The peer's handler threw; `message` and `remoteCode` are the peer's. */
  REMOTE: 'ERR_SHMWIRE_REMOTE',
  /** Shared memory is required but not available: there is no addon for this platform, or the kernel lacks it. */
  UNAVAILABLE: 'ERR_SHMWIRE_UNAVAILABLE',
} as const

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

export interface ShmwireErrorOptions {
  cause?: unknown
  /** Only with `REMOTE`: the `code` of the error that the peer's handler threw, if it is a string. */
  remoteCode?: string | undefined
}

export class ShmwireError extends Error {
  override readonly name = 'ShmwireError'
  readonly code: ErrorCode
  readonly remoteCode: string | undefined

  /** A message can quote a peer, so hidden characters are escaped. `cause` and `remoteCode` are unchanged. */
  constructor(code: ErrorCode, message: string, options: ShmwireErrorOptions = {}) {
    super(printable(message), 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.remoteCode = options.remoteCode
  }
}
