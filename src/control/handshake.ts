import type { Socket } from 'node:net'
import type { Peer } from '../link/link.js'
import type { NativeEndpoint, NativeInbox } from '../native/binding.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings, WaitOptions } from '../options.js'
import type { FrameParser } from './frame-parser.js'
import type { Turns } from './turns.js'

/**
 * What the two sides have agreed on. The socket is paused and belongs to the caller; one `error` listener that
 * does nothing stays on it, so that a late ECONNRESET is no uncaught exception. It may have ended in the
 * meantime: look at `socket.destroyed` and `socket.readableEnded` before waiting for its events.
 */
export interface Agreement {
  readonly socket: Socket
  /** It may hold the first bytes of the data plane: set its `bound` and parse before reading the socket. */
  readonly parser: FrameParser
  readonly transport: 'shm' | 'unix'
  /** With `'shm'`: both segments are mapped. The caller closes it. */
  readonly endpoint: NativeEndpoint | undefined
  /** With `'unix'`: why it is not shared memory. */
  readonly fallbackReason: string | undefined
  readonly peer: Peer
  /** The smaller one of the two sides. */
  readonly maxMessageBytes: number
}

/** What both sides need. */
export interface HandshakeOptions extends WaitOptions {
  readonly settings: Settings
  /** The name of the channel's codec. */
  readonly codecName: string
  readonly native: NativeLoad
}

export interface ClientHandshakeOptions extends HandshakeOptions {
  /** Where the server's inbox is, if it has one. */
  readonly inboxPath: string
}

export interface ServerHandshakeOptions extends HandshakeOptions {
  readonly inbox: NativeInbox | undefined
  /** Who may hand descriptors over at present: one and the same object for all clients of the inbox. */
  readonly handovers: Turns
  /** Why there is no inbox, where the addon is there. */
  readonly inboxUnavailable?: string | undefined
}

/** A client that says nothing for so long holds a descriptor of the server for nothing. */
export const SERVER_HANDSHAKE_TIMEOUT_MS = 5_000
/** Longer than the server's, so that its REJECT is seen rather than our own impatience. */
export const CLIENT_HANDSHAKE_TIMEOUT_MS = 10_000

/**
 * Clients that may hand descriptors over to an inbox at once. Below the 256 tokens that the addon's inbox holds,
 * and little enough that clients which never finish hold few descriptors.
 */
export const HANDOVERS_MAX = 128

/** Messages that one `receive` of an endpoint can hand over; 16 KiB of descriptors. */
export const RECORDS_MAX = 1024
