import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Identity } from '../../peer.js'
import { OwnerCount } from '../owner-count.js'
import type { TunnelStream } from './tunnel-stream.js'

/** The client of a connection, as the gateway knows it. */
export interface TunnelClient {
  /** The authenticated identity. A session belongs to it. Empty: the client is anonymous. */
  readonly identity: string
  /** Counts the sessions of one host; see `ownerOfAddress`. */
  readonly owner: string
  readonly address: string | undefined
  /** The identity for the server. */
  readonly caller?: Identity | undefined
}

export interface GatewaySession {
  readonly client: TunnelClient
  /** Undefined while the gateway connects to the server. */
  stream: TunnelStream | undefined
}

/** The sessions of a gateway, by their ids. Their number is bounded. */
export class SessionTable {
  readonly #counts: OwnerCount
  readonly #sessions = new Map<string, GatewaySession>()

  constructor(sessionsMax: number) {
    this.#counts = new OwnerCount(sessionsMax)
  }

  get size(): number {
    return this.#sessions.size
  }

  values(): Iterable<GatewaySession> {
    return this.#sessions.values()
  }

  /** Throws `DENIED` if the id is used, `UNAVAILABLE` if there are too many. */
  add(id: Buffer, client: TunnelClient): GatewaySession {
    const key = id.toString('hex')
    if (this.#sessions.has(key))
      throw new ShmwireError(
        ErrorCode.DENIED,
        'the id of the new session is that of an open one; choose another',
      )
    const { owner } = client
    if (!this.#counts.enter(owner)) {
      const { count, max, ownerMax } = this.#counts
      const counts = `${count} sessions of ${max}, and this host ${this.#counts.countOf(owner)} of ${ownerMax}`
      throw new ShmwireError(
        ErrorCode.UNAVAILABLE,
        `the gateway has ${counts}; close a tunnel, or raise maxSessions`,
      )
    }
    const session: GatewaySession = { client, stream: undefined }
    this.#sessions.set(key, session)
    return session
  }

  /** Throws `PEER_GONE` unless the client has this session. Another client gets the same error, and cannot guess an id. */
  find(id: Buffer, { identity }: TunnelClient): TunnelStream {
    const session = this.#sessions.get(id.toString('hex'))
    const stream = session?.stream
    if (stream !== undefined && !stream.session.isClosed && session?.client.identity === identity)
      return stream
    const reason = 'it has ended, was without a connection for too long, or the gateway was restarted'
    throw new ShmwireError(ErrorCode.PEER_GONE, `the gateway does not know the session: ${reason}`)
  }

  remove(id: Buffer): void {
    const key = id.toString('hex')
    const session = this.#sessions.get(key)
    if (session === undefined) return
    this.#sessions.delete(key)
    this.#counts.leave(session.client.owner)
  }
}
