import type { PeerCertificate } from 'node:tls'
import type { Admission } from '../admission.js'
import type { CallClient } from './tunnel-admission.js'

/** The service of tunnels, which gateways answer themselves. */
export const TUNNEL_SERVICE = 'shmwire.v1.TunnelService'

/** A connection of a tunnel, as a policy sees it. */
const OPEN = { service: TUNNEL_SERVICE, method: 'Open' }

/** The client of a connection, before the gateway knows its identity. */
export interface UnknownClient {
  readonly address: string
  /** The certificate that TLS has verified. */
  readonly certificate: PeerCertificate | undefined
}

/** Throws `INVALID_ARGUMENT` if the policy has a rule for another method of the service. */
export function checkTunnelPolicy(admission: Admission): void {
  admission.checkMethods(OPEN.service, [OPEN.method])
}

/** The client of a connection that the policy allows. Rejects with the ServiceError of the policy, or any error of the program. */
export async function admitTunnel(admission: Admission, client: UnknownClient): Promise<CallClient> {
  const { address, certificate } = client
  const identity = admission.identityOf(client)
  await admission.check(identity, OPEN)
  // A client that the program does not know is anonymous, also with a certificate.
  const subject = admission.identifies ? (identity?.subject ?? '') : undefined
  return { address, certificate, identity: subject, caller: identity }
}
