import type { Socket } from 'node:net'
import type { Peer } from '../link/link.js'
import type { NativeEndpoint, NativeHandoverSocket } from '../native/binding.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings, WaitOptions } from '../options.js'
import type { FrameParser } from './frame-parser.js'
import { HalfOpenConnections } from './half-open.js'
import { HandoverSlots } from './handover-slots.js'

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
  readonly inbox: NativeHandoverSocket | undefined
  /** One and the same object for all clients of the server. */
  readonly limits: HandshakeLimits
  /** Why there is no inbox, where the addon is there. */
  readonly inboxUnavailable?: string | undefined
}

/** A client that says nothing for so long holds a descriptor of the server for nothing. */
export const SERVER_HANDSHAKE_TIMEOUT_MS = 5_000
/** Longer than the server's, so that its REJECT is seen rather than our own impatience. */
export const CLIENT_HANDSHAKE_TIMEOUT_MS = 10_000

/**
 * Bounds of the handshakes of one server (decision 21). Slots: below the 256 tokens that the addon's inbox holds, and few
 * enough that clients that never finish hold little memory. A process can hold an eighth of them.
 */
export const SLOT_BOUNDS = {
  slots: 128,
  slotsPerOwner: 16,
  waiting: 2048,
  waitingPerOwner: 512,
  waitMs: 1_000,
  // Leaves the client some of its 5 s for the socket.
  waitMaxMs: 4_000,
} as const
export const HALF_OPEN_MAX = 1024
export const HALF_OPEN_PER_OWNER_MAX = 512

/** What the handshakes of one server share. */
export interface HandshakeLimits {
  readonly slots: HandoverSlots
  readonly halfOpen: HalfOpenConnections
}

export function newHandshakeLimits(): HandshakeLimits {
  return {
    slots: new HandoverSlots(SLOT_BOUNDS),
    halfOpen: new HalfOpenConnections(HALF_OPEN_MAX, HALF_OPEN_PER_OWNER_MAX),
  }
}

/** Messages that one `receive` of an endpoint can hand over; 16 KiB of descriptors. */
export const RECORDS_MAX = 1024
