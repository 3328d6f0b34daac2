import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import type { Admission } from '../admission.js'
import { isFault } from '../public-error.js'
import { admitTunnel, checkTunnelPolicy } from '../tunnel/admit-tunnel.js'
import type { GatewayTunnelOptions } from '../tunnel/tunnel-admission.js'
import { statusOfError } from './call-status.js'
import { refuseCall } from './http-answers.js'
import { type Http2Tunnels, http2Tunnels } from './http2-tunnels.js'
import type { GatewayPeer } from './server-call.js'

/** The tunnels of a gateway. Its policy decides about each of their connections. */
export class GatewayTunnels {
  readonly #admission: Admission
  readonly #tunnels: Http2Tunnels
  readonly #logger: Logger | undefined

  /** Throws `INVALID_ARGUMENT`. */
  constructor(options: GatewayTunnelOptions, admission: Admission, logger: Logger | undefined) {
    this.#admission = admission
    this.#tunnels = http2Tunnels(options, logger)
    this.#logger = logger
    checkTunnelPolicy(admission)
  }

  /** The open sessions, those without a connection included. */
  get sessions(): number {
    return this.#tunnels.sessions
  }

  /** Takes a call of the method, before anything is read from it. */
  open(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: GatewayPeer): void {
    this.#open(stream, headers, peer).catch((error: unknown) => {
      if (stream.closed) return
      // Its client gets no reason.
      if (isFault(error)) log(this.#logger, 'tunnel.failed', () => ({ clientAddress: peer.address, error }))
      refuseCall(stream, statusOfError(error))
    })
  }

  /** Ends all tunnels, and refuses further ones. */
  close(): void {
    this.#tunnels.close()
  }

  /** Rejects with the error of the call. */
  async #open(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { address, certificate }: GatewayPeer,
  ): Promise<void> {
    const client = await admitTunnel(this.#admission, { address, certificate, headers })
    if (!stream.closed) this.#tunnels.accept(stream, client)
  }
}
