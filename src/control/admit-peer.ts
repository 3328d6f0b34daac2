import type { ShmwireError } from '../errors.js'
import type { NativeLoad } from '../native/load-binding.js'
import { isLocal, type StreamTransport } from '../transport.js'
import type { HandshakeConnection } from './handshake-connection.js'
import { type AdmissionSettings, type IdentifiedPeer, identifyPeer, peerFault } from './identity.js'
import { identifyRemotePeer, remotePeerFault } from './remote-identity.js'

/**
 * Identifies the peer of a handshake, which reports the id `pid`, unless it is `known`. Refuses an unknown or unauthorized peer, and throws.
 */
export function admitPeer(
  connection: HandshakeConnection,
  {
    settings,
    native,
    transport,
  }: {
    readonly settings: AdmissionSettings
    readonly native: NativeLoad
    readonly transport: StreamTransport
  },
  pid: number,
  known?: IdentifiedPeer,
): IdentifiedPeer {
  let identity: IdentifiedPeer
  try {
    identity =
      known ??
      (isLocal(transport)
        ? identifyPeer(connection.socket, native, pid)
        : { peer: identifyRemotePeer(connection.socket), credentials: undefined })
  } catch (error) {
    throw connection.refuse(error as ShmwireError)
  }
  const denied = isLocal(transport)
    ? peerFault(identity, settings)
    : remotePeerFault(identity.peer, transport, settings)
  if (denied !== undefined) throw connection.refuse(denied)
  // `authorize` is code of the user, which can end the handshake.
  connection.assertOpen()
  return identity
}
