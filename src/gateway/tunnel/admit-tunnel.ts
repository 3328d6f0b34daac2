import type { Admission } from '../admission.js'
import type { GatewayClient } from '../authenticator.js'
import type { CallClient } from './tunnel-admission.js'

/** The service of tunnels, which gateways answer themselves. */
export const TUNNEL_SERVICE = 'shmwire.v1.TunnelService'

/** A connection of a tunnel, as a policy sees it. */
const OPEN = { service: TUNNEL_SERVICE, method: 'Open' }

/** Throws `INVALID_ARGUMENT` if the policy has a rule for another method of the service. */
export function checkTunnelPolicy(admission: Admission): void {
  admission.checkMethods(OPEN.service, [OPEN.method])
}

/** The client of a connection that the policy allows. Rejects with the ServiceError of the policy, or any error of the program. */
export async function admitTunnel(admission: Admission, client: GatewayClient): Promise<CallClient> {
  const { address, certificate } = client
  const identity = await admission.identityOf(client)
  await admission.check(identity, OPEN)
  // A client that the program does not know is anonymous, also with a certificate.
  const subject = admission.identifies ? (identity?.subject ?? '') : undefined
  return { address, certificate, identity: subject, caller: identity }
}
