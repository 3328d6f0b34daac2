import type { IncomingHttpHeaders } from 'node:http'
import type { PeerCertificate } from 'node:tls'
import type { Identity } from '../peer.js'

/** A client of a gateway, with the headers of one of its requests. */
export interface GatewayClient {
  /** Its IP address. */
  readonly address: string
  /** The certificate that TLS has verified. */
  readonly certificate: PeerCertificate | undefined
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders
}

/** Finds the identity of a client from the credentials of a request: the result of `jwtAuth` or `apiKeys`, or an object of the program. */
export interface Authenticator {
  /** A Security Scheme Object of OpenAPI 3.1. */
  readonly securityScheme: Readonly<Record<string, unknown>>
  /** The challenge for a request without valid credentials, in the header `www-authenticate`: for example `Bearer realm="shmwire"`. */
  readonly challenge: string
  /**
   * The identity of the client; undefined if the request has no credentials of this kind. Throws or rejects with a ServiceError of the status
   * UNAUTHENTICATED for wrong credentials.
   */
  authenticate(client: GatewayClient): Identity | undefined | Promise<Identity | undefined>
}
