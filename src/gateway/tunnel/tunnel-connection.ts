import type { ShmwireError } from '../../errors.js'
import type { Peer } from '../../peer.js'

/** The side of a connection that takes its messages. */
export interface ConnectionEvents {
  /** Takes a message, which keeps its memory. */
  message(bytes: Buffer): void
  /** The connection takes messages again. */
  drain(): void
  /** The connection has ended, for the reason `error`. Nothing follows. */
  lost(error: ShmwireError | undefined): void
}

/**
 * Carries whole messages in their order until it breaks: a stream of gRPC, or a WebSocket. Calls its events never during a call of its
 * own methods.
 */
export interface TunnelConnection {
  /** Set it in the turn in which the connection was created. */
  events: ConnectionEvents
  /** The other end, once the connection has checked it. */
  readonly knownPeer?: Peer | undefined
  /** Sends a message. False: it is full, and `drain` follows. Without effect after the end. */
  send(message: Buffer): boolean
  /** Ends after all messages, within a short time. No event follows. */
  end(): void
  /** Ends at once. No event follows. */
  destroy(): void
  /** Whether the connection keeps the process alive. Default true. */
  setReferenced(referenced: boolean): void
}
