import type { AnnouncedService, Description } from '../control/description.js'
import type { Peer } from '../peer.js'
import type { PublishedName } from './place.js'

export type ServerKind = 'channel' | 'service'

/** A server that has answered. It does not change; a later state of the server is another object. */
export interface ServerInfo {
  /** The plain name, or the last part of the path without `.sock`. */
  readonly name: string
  /** For `connect`. */
  readonly address: string
  /** The process, as `Peer.pid`. */
  readonly pid: number | undefined
  /** The user, as `Peer.uid`. */
  readonly uid: number | undefined
  /** When the server began to listen, by its own clock. */
  readonly startedAt: Date
  /** `'service'` if it announces services, else `'channel'`. */
  readonly kind: ServerKind
  /** The services that it announces. */
  readonly services: readonly AnnouncedService[]
}

export function serverInfo(
  { name, address }: PublishedName,
  peer: Peer,
  description: Description,
): ServerInfo {
  const { startedAtMs, services } = description
  const kind = services.length > 0 ? 'service' : 'channel'
  return { name, address, pid: peer.pid, uid: peer.uid, startedAt: new Date(startedAtMs), kind, services }
}
