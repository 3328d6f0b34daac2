import { printable } from './printable.js'

/**
 * Every error that shmwire raises, by code. The code is stable and is what programs test;
 * the message holds the value, the bound and the cure, and is for people.
 * docs/errors.md has an entry for each.
 */
export const ErrorCode = {
  /** An argument or option is not of the documented form. */
  INVALID_ARGUMENT: 'ERR_SHMWIRE_INVALID_ARGUMENT',
  /** A live server already listens at the address. */
  NAME_IN_USE: 'ERR_SHMWIRE_NAME_IN_USE',
  /** Nobody listens at the address. */
  NOT_LISTENING: 'ERR_SHMWIRE_NOT_LISTENING',
  /** `timeoutMs` passed first. */
  TIMEOUT: 'ERR_SHMWIRE_TIMEOUT',
  /** The AbortSignal fired first; its reason is the `cause`. */
  ABORTED: 'ERR_SHMWIRE_ABORTED',
  /** The channel or server was closed in order, by either side. */
  CLOSED: 'ERR_SHMWIRE_CLOSED',
  /** The peer's process ended, or its connection broke, without a close. */
  PEER_GONE: 'ERR_SHMWIRE_PEER_GONE',
  /** The peer wrote what the protocol does not allow. */
  CORRUPT: 'ERR_SHMWIRE_CORRUPT',
  /** The other end speaks another protocol version, or is no shmwire at all. */
  VERSION: 'ERR_SHMWIRE_VERSION',
  /** The peer, the directory or the kernel refuses. */
  DENIED: 'ERR_SHMWIRE_DENIED',
  /** A message is longer than the smaller `maxMessageBytes` of the two sides. */
  MESSAGE_TOO_LARGE: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE',
  /** Memory, descriptors or address space ran out. */
  OUT_OF_MEMORY: 'ERR_SHMWIRE_OUT_OF_MEMORY',
  /** While a blocking call waited, more messages came than it may hold for whoever takes them. */
  BACKLOG: 'ERR_SHMWIRE_BACKLOG',
  /** A codec cannot encode the value or decode the bytes; its own error is the `cause`. */
  CODEC: 'ERR_SHMWIRE_CODEC',
  /** The peer's handler threw; `message` and `remoteCode` are the peer's. */
  REMOTE: 'ERR_SHMWIRE_REMOTE',
  /** Shared memory is asked for but cannot be had here: no addon for this platform, or a kernel without it. */
  UNAVAILABLE: 'ERR_SHMWIRE_UNAVAILABLE',
} as const

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

export interface ShmwireErrorOptions {
  cause?: unknown
  /** `code` property of what the peer's handler threw, where it is a string. Only with `REMOTE`. */
  remoteCode?: string | undefined
}

export class ShmwireError extends Error {
  override readonly name = 'ShmwireError'
  readonly code: ErrorCode
  readonly remoteCode: string | undefined

  /** Messages may quote what a peer wrote, so each one is made printable. `cause` and `remoteCode` stay as they are. */
  constructor(code: ErrorCode, message: string, options: ShmwireErrorOptions = {}) {
    super(printable(message), 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.remoteCode = options.remoteCode
  }
}
