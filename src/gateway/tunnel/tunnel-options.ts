import { integer } from '../../options.js'
import { type SessionBounds, TUNNEL_BYTES_MIN } from './tunnel-session.js'

/** The bounds of a tunnel, for both sides. */
export interface TunnelBoundsOptions {
  /**
   * The most bytes that this side keeps until the other one has received them. When they are used up, senders wait. 64 KiB to 1 GiB. Default
   * 4 MiB.
   */
  bufferBytes?: number | undefined
  /** The most bytes that the other side may send before this program has read them. 64 KiB to 1 GiB. Default 4 MiB. */
  windowBytes?: number | undefined
  /** The longest time without a connection, in milliseconds. Then the tunnel ends with `PEER_GONE`. 0 to 3,600,000. Default 30,000. */
  resumeMs?: number | undefined
}

export const BOUNDS_NAMES: readonly string[] = [
  'bufferBytes',
  'windowBytes',
  'resumeMs',
] satisfies (keyof TunnelBoundsOptions)[]

const BYTES_DEFAULT = 4 * 1024 * 1024
const BYTES_MAX = 1024 * 1024 * 1024
const RESUME_MS_DEFAULT = 30_000
const RESUME_MS_MAX = 3_600_000

/** Throws `INVALID_ARGUMENT`, with the names of the options after `prefix`. */
export function resolveBounds(options: TunnelBoundsOptions, prefix = ''): SessionBounds {
  const { bufferBytes = BYTES_DEFAULT, windowBytes = BYTES_DEFAULT, resumeMs = RESUME_MS_DEFAULT } = options
  return {
    bufferBytes: integer(`${prefix}bufferBytes`, bufferBytes, TUNNEL_BYTES_MIN, BYTES_MAX),
    windowBytes: integer(`${prefix}windowBytes`, windowBytes, TUNNEL_BYTES_MIN, BYTES_MAX),
    resumeMs: integer(`${prefix}resumeMs`, resumeMs, 0, RESUME_MS_MAX),
  }
}
