import type { PeerCertificate } from 'node:tls'
import { isName } from '../../address/plain-name.js'
import { type LocalAddress, parseName } from '../../address.js'
import { ownerOfAddress, remotePeerFault } from '../../control/remote-identity.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Logger } from '../../log/logger.js'
import { checkOptionNames, integer, invalid, resolveOptions, type Settings } from '../../options.js'
import { type Identity, type Peer, UNKNOWN_PROCESS } from '../../peer.js'
import type { TunnelTransport } from '../../transport.js'
import { OwnerCount } from '../owner-count.js'
import type { TunnelConnection } from './tunnel-connection.js'
import { TunnelGateway } from './tunnel-gateway.js'
import { BOUNDS_NAMES, resolveBounds, type TunnelBoundsOptions } from './tunnel-options.js'

/** The tunnels of a gateway. */
export interface GatewayTunnelOptions extends TunnelBoundsOptions {
  /** The names of the servers that tunnels can reach. Each one is on this machine. */
  allow: readonly string[]
  /** Decides which clients may open tunnels. Default: those with an identity. */
  authorize?: ((peer: Peer) => boolean) | undefined
  /** The most sessions, those without a connection included; half of them from one host. 1 to 65,536. Default 256. */
  maxSessions?: number | undefined
}

/** The client of a call, as the gateway knows it. */
export interface CallClient {
  /** Its IP address. */
  readonly address: string | undefined
  /** The certificate that TLS has verified. */
  readonly certificate?: PeerCertificate | undefined
  /** The authenticated identity. A session belongs to it: another identity cannot continue it. Default: the fingerprint of the certificate. */
  readonly identity?: string | undefined
  /** The identity for the server that the tunnel reaches. */
  readonly caller?: Identity | undefined
}

const OPTION_NAMES = [...BOUNDS_NAMES, 'allow', 'authorize', 'maxSessions']
/** Of the names in errors. */
const PREFIX = 'tunnels.'
const SESSIONS_DEFAULT = 256
const SESSIONS_MAX = 65_536
/** A session that continues on another call, while the old one has not ended. */
const CALLS_PER_SESSION = 2

/** Admits the calls of clients to a TunnelGateway. */
export class TunnelAdmission {
  readonly gateway: TunnelGateway
  readonly #settings: Settings
  readonly #calls: OwnerCount

  /** Throws `INVALID_ARGUMENT`. */
  constructor(options: GatewayTunnelOptions, transport: TunnelTransport, logger: Logger | undefined) {
    if (typeof options !== 'object' || options === null)
      throw invalid('tunnels', options, 'an object { allow }')
    checkOptionNames(options, OPTION_NAMES)
    const { maxSessions = SESSIONS_DEFAULT, authorize } = options
    const sessionsMax = integer(`${PREFIX}maxSessions`, maxSessions, 1, SESSIONS_MAX)
    if (authorize !== undefined && typeof authorize !== 'function')
      throw invalid(`${PREFIX}authorize`, authorize, 'a function')
    this.#settings = resolveOptions({ authorize, logger })
    this.#calls = new OwnerCount(CALLS_PER_SESSION * sessionsMax)
    this.gateway = new TunnelGateway({
      ...resolveBounds(options, PREFIX),
      allow: allowedServers(options.allow),
      sessionsMax,
      transport,
      logger,
    })
  }

  /** Counts a call until the returned function is called. Throws `UNAVAILABLE` if there are too many. */
  enter({ address }: CallClient): () => void {
    const owner = ownerOfAddress(address)
    if (this.#calls.enter(owner)) return () => this.#calls.leave(owner)
    const { count, max, ownerMax } = this.#calls
    const counts = `${count} calls of ${max}, and this host ${this.#calls.countOf(owner)} of ${ownerMax}`
    throw new ShmwireError(ErrorCode.UNAVAILABLE, `the gateway has ${counts}; try again later`)
  }

  /** Passes the connection on, or refuses it. */
  accept(connection: TunnelConnection, { address, certificate, identity, caller }: CallClient): void {
    const known = identity ?? certificate?.fingerprint256 ?? ''
    const peer: Peer = { ...UNKNOWN_PROCESS, verified: known !== '', address, certificate }
    const fault = remotePeerFault(peer, 'tcp', this.#settings)
    if (fault !== undefined) this.gateway.refuse(connection, fault)
    else this.gateway.accept(connection, { identity: known, owner: ownerOfAddress(address), address, caller })
  }
}

function allowedServers(allow: unknown): Map<string, LocalAddress> {
  const form = 'an array of names of servers'
  if (!Array.isArray(allow)) throw invalid(`${PREFIX}allow`, allow, form)
  return new Map(
    allow.map((name: unknown) => {
      if (typeof name !== 'string' || !isName(name)) throw invalid(`${PREFIX}allow`, name, form)
      return [name, parseName(name)]
    }),
  )
}
