import type { Duplex } from 'node:stream'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import { certificateOf } from '../control/remote-identity.js'

/** The certificate of a client that TLS has verified. */
export function verifiedCertificate(socket: Duplex): PeerCertificate | undefined {
  return socket instanceof TLSSocket && socket.authorized ? certificateOf(socket) : undefined
}
