import type { ShmwireError } from '../errors.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings } from '../options.js'
import type { HandshakeConnection } from './handshake-connection.js'
import { type Identity, identifyPeer, peerFault } from './identity.js'

/** Identifies the peer of a handshake, which reports the id `pid`. Refuses an unknown or unauthorized peer, and throws. */
export function admitPeer(
  connection: HandshakeConnection,
  { settings, native }: { readonly settings: Settings; readonly native: NativeLoad },
  pid: number,
): Identity {
  let identity: Identity
  try {
    identity = identifyPeer(connection.socket, native, pid)
  } catch (error) {
    throw connection.refuse(error as ShmwireError)
  }
  const denied = peerFault(identity, settings)
  if (denied !== undefined) throw connection.refuse(denied)
  // `authorize` is code of the user, which can end the handshake.
  connection.assertOpen()
  return identity
}
