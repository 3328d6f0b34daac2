import type { NativeHandoverSocket } from '../native/binding.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings, WaitOptions } from '../options.js'
import type { StreamTransport } from '../transport.js'
import { ConnectionLimit } from './connection-limit.js'
import { HandoverSlots } from './handover-slots.js'
import type { IdentifiedPeer } from './identity.js'

/** The options of both sides. */
export interface HandshakeOptions extends WaitOptions {
  readonly settings: Settings
  /** The name of the channel's codec. */
  readonly codecName: string
  /** Without shared memory for a connection that cannot lead to it. */
  readonly native: NativeLoad
  readonly transport: StreamTransport
}

export interface ClientHandshakeOptions extends HandshakeOptions {
  /** The path of the server's handover socket, if it has one. Not used without shared memory. */
  readonly handoverPath: string
  /** The address, for errors of a socket that connects. */
  readonly place?: string | undefined
  /** Identifies the server of a named pipe. Rejects with a ShmwireError. */
  readonly identify?: (() => Promise<IdentifiedPeer | undefined>) | undefined
}

export interface ServerHandshakeOptions extends HandshakeOptions {
  readonly handoverSocket: NativeHandoverSocket | undefined
  /** The same object for all clients of the server. */
  readonly limits: HandshakeLimits
  /** The reason why there is no handover socket although the addon is loaded. */
  readonly handoverUnavailable?: string | undefined
}

/** After this time, a silent client loses its connection, which uses a descriptor of the server. */
export const SERVER_HANDSHAKE_TIMEOUT_MS = 5_000
/** Longer than the server's, so that the client gets the server's REJECT instead of its own timeout. */
export const CLIENT_HANDSHAKE_TIMEOUT_MS = 10_000

/**
 * Limits for the handshakes of one server (decision 21). The slots are fewer than the 256 tokens that the addon's handover socket
 * holds, and few enough that clients that never finish use little memory. One process can hold an eighth of them.
 */
export const SLOT_BOUNDS = {
  slots: 128,
  slotsPerOwner: 16,
  waiting: 2048,
  waitingPerOwner: 512,
  waitMs: 1_000,
  // The client has 5 s, and needs some of them for the socket.
  waitMaxMs: 4_000,
} as const
export const HALF_OPEN_MAX = 1024
export const HALF_OPEN_PER_OWNER_MAX = 512

/** The limits that the handshakes of one server share. */
export interface HandshakeLimits {
  readonly slots: HandoverSlots
  /** The connections whose handshake waits for the client. Silent clients displace each other, and not the clients that answer. */
  readonly halfOpen: ConnectionLimit
}

export function newHandshakeLimits(): HandshakeLimits {
  return {
    slots: new HandoverSlots(SLOT_BOUNDS),
    halfOpen: new ConnectionLimit(HALF_OPEN_MAX, HALF_OPEN_PER_OWNER_MAX),
  }
}

/** The most messages of one `receive` of an endpoint: 16 KiB of descriptors. */
export const RECORDS_MAX = 1024
