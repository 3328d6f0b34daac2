import type { Heartbeat } from '../options.js'
import type { StreamTransport } from '../transport.js'
import type { HandshakeOptions } from './handshake.js'

/** The kernel does not report the end of every peer of these. */
const WITH_HEARTBEAT: ReadonlySet<StreamTransport> = new Set(['tcp', 'tls', 'stream'])

/** Signs of life in the time after which the peer gives this side up: one may be lost in a busy moment. */
const BEATS_PER_TIMEOUT = 3

type Side = Pick<HandshakeOptions, 'settings' | 'transport'>

/** The members of HELLO and OFFER with which a side announces its heartbeat. */
export function heartbeatMembers({ settings, transport }: Side): object {
  return WITH_HEARTBEAT.has(transport) ? { heartbeatTimeoutMs: settings.heartbeat.timeoutMs } : {}
}

/** The heartbeat of this side: often enough for the peer. Undefined if one of the two has none. */
export function agreeOnHeartbeat(
  { settings, transport }: Side,
  peer: { readonly heartbeatTimeoutMs?: number | undefined },
): Heartbeat | undefined {
  const { heartbeatTimeoutMs } = peer
  if (!WITH_HEARTBEAT.has(transport) || heartbeatTimeoutMs === undefined) return undefined
  const { intervalMs, timeoutMs } = settings.heartbeat
  return { intervalMs: Math.min(intervalMs, Math.floor(heartbeatTimeoutMs / BEATS_PER_TIMEOUT)), timeoutMs }
}
