import type { ListenOptions } from '../listen.js'
import type { Identify } from '../service/auth/identity.js'
import type { Policy } from '../service/auth/policy.js'
import type { Transport } from '../transport.js'

/** The carrier of the messages of a topic or the values of a cell. `'nats'`: the servers of the engine `jetStream`. */
export type MessageTransport = Transport | 'nats'

/**
 * The headers of a message, which travel beside it: at most 64, with names and values of at most 4 KiB and 16 KiB in all.
 * These names have a meaning in the field: `correlation-id`, `reply-to`, `content-type`, `traceparent`, `tracestate`, `baggage`.
 */
export type MessageHeaders = Readonly<Record<string, string>>

/** The options of topics, cells and queues that listen at an address of this machine. */
export interface ServedOptions {
  /** The name on a server that has several of one sort. Default: the empty name. */
  name?: string | undefined
  /** Says who may use what. Its methods are those of the page of each pattern. Default: everyone who can connect. */
  policy?: Policy | undefined
  /** Finds the identity of a peer; see `serve`. */
  identify?: Identify | undefined
  /** The options of `listen`, if the target is an address. */
  channel?: ListenOptions | undefined
}
