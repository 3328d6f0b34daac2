import type { Channel } from '../../channel/channel.js'
import { invalid } from '../../options.js'
import type { Identity, Peer } from '../../peer.js'
import type { Metadata, MetadataInit } from './metadata.js'

/** The context of one call, for its handler. */
export interface CallContext {
  /** The full name of the service, and the name of the method. */
  readonly service: string
  readonly method: string
  /** Fires when the caller cancels the call, its deadline passes, or the caller is gone. Its reason is that error. */
  readonly signal: AbortSignal
  /** When the caller stops waiting; undefined: never. */
  readonly deadline: Date | undefined
  /** The time until the deadline, in milliseconds, at least 0; Infinity without a deadline. */
  readonly remainingMs: number
  /** The headers of the caller. */
  readonly metadata: Metadata
  /** The headers of the answer: they are sent with its first message. */
  readonly headers: Metadata
  /** The trailers of the answer: they are sent with its end. */
  readonly trailers: Metadata
  /** Of a stream that continues: the id of the last message that the caller has. */
  readonly lastEventId: string | undefined
  readonly channel: Channel
  /** The process of the caller. */
  readonly peer: Peer
  /**
   * The caller: the one for whom a gateway or another process of the same user calls, else that of `identify`. Undefined: it is not known.
   * A result of `identify` that is not an identity throws `INVALID_ARGUMENT` here.
   */
  readonly identity: Identity | undefined
}

/** The options of one call. */
export interface CallOptions {
  /** How long the call may take, in milliseconds, from 0; Infinity: no limit. Default: that of the client. */
  timeoutMs?: number | undefined
  /** Cancels the call. */
  signal?: AbortSignal | undefined
  /** Headers for the handler. */
  metadata?: MetadataInit | undefined
  /**
   * The context of the handler that makes this call. The call then ends with it: it has at most the remaining time, and is cancelled with it.
   * The headers `traceparent`, `tracestate`, `baggage` and `x-correlation-id` pass on.
   */
  context?: CallContext | undefined
  /**
   * On whose behalf the call is made; null: a caller without an identity. Services believe it if this process has the same user, on the same
   * machine. Default: this process.
   */
  identity?: Identity | null | undefined
  /** Continues a stream after this message; see `tracked`. */
  lastEventId?: string | undefined
  /** Called with the headers of the answer, before its first message. */
  onHeaders?: ((headers: Metadata) => void) | undefined
  /** Called with the trailers of the answer, before the call ends. */
  onTrailers?: ((trailers: Metadata) => void) | undefined
}

/** The header with the id of the last message that a caller has. */
export const LAST_EVENT_ID = 'last-event-id'

/** The headers that pass from a call to the calls of its handler. */
export const INHERITED_HEADERS = ['traceparent', 'tracestate', 'baggage', 'x-correlation-id'] as const

/** A message of a stream with an id, after which a caller can continue. It comes from `tracked`. */
export class Tracked<T> {
  readonly id: string
  readonly message: T

  constructor(id: string, message: T) {
    this.id = id
    this.message = message
  }
}

/** Gives a message of a stream an id. The caller gets the message; `stream.lastEventId` has the id. At most 255 bytes. */
export function tracked<T>(id: string, message: T): Tracked<T> {
  if (typeof id !== 'string') throw invalid('the id of a tracked message', id, 'a string')
  return new Tracked(id, message)
}
