import type { ServerHttp2Stream } from 'node:http2'
import type { ShmwireError } from '../../errors.js'
import type { Logger } from '../../log/logger.js'
import { type CallClient, type GatewayTunnelOptions, TunnelAdmission } from '../tunnel/tunnel-admission.js'
import { statusOf } from './call-status.js'
import { refuseCall } from './http-answers.js'
import { Http2ServerCall } from './http2-server-call.js'

/** The tunnels of a server of node:http2, which passes it the calls of OPEN_PATH. */
export interface Http2Tunnels {
  /** Takes a POST of content type `application/grpc`, before anything is read from it. */
  accept(stream: ServerHttp2Stream, client: CallClient): void
  /** The open sessions, those without a connection included. */
  readonly sessions: number
  /** Ends all tunnels, and refuses further ones. */
  close(): void
}

/** The server's part of `connectTunnel`. Throws `INVALID_ARGUMENT`. */
export function http2Tunnels(options: GatewayTunnelOptions, logger?: Logger): Http2Tunnels {
  const admission = new TunnelAdmission(options, 'grpc', logger)
  return {
    accept: (stream, client) => {
      try {
        stream.once('close', admission.enter(client))
      } catch (error) {
        refuseCall(stream, statusOf('RESOURCE_EXHAUSTED', (error as ShmwireError).message))
        return
      }
      admission.accept(new Http2ServerCall(stream), client)
    },
    get sessions() {
      return admission.gateway.sessions
    },
    close: () => admission.gateway.close(),
  }
}
