import type { TLSSocket } from 'node:tls'
import type { ByteStream } from '../byte-stream.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Settings, TlsOptions } from '../options.js'
import type { StreamTransport } from '../transport.js'

/**
 * Whether the server itself refuses clients without a verified certificate. node:tls would destroy their sockets without a reason, for the
 * client as for the log. Clients with a pre-shared key have no certificate, so node:tls verifies them.
 */
export function verifiesCertificates({ requestCert, rejectUnauthorized, pskCallback }: TlsOptions): boolean {
  return requestCert !== false && rejectUnauthorized !== false && pskCallback === undefined
}

/** A `DENIED` error, unless the client has a verified certificate or needs none. Call it before anything is read from the client. */
export function clientCertificateFault(
  socket: ByteStream,
  transport: StreamTransport,
  { tls = {} }: Settings,
): ShmwireError | undefined {
  if (transport !== 'tls' || !verifiesCertificates(tls)) return undefined
  const { authorized, authorizationError } = socket as TLSSocket
  const certificate = (socket as TLSSocket).getPeerCertificate() as { raw?: Buffer } | undefined
  // Without a certificate, node:tls authorizes a client that resumes a TLS session.
  if (certificate?.raw === undefined)
    return new ShmwireError(
      ErrorCode.DENIED,
      'the client has presented no certificate; pass tls.cert and tls.key to connect',
    )
  if (authorized) return undefined
  return new ShmwireError(
    ErrorCode.DENIED,
    `the certificate of the client is not valid (${String(authorizationError)}); it must not have expired, and an authority of the server's tls.ca must have signed it`,
  )
}
