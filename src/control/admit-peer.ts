import type { ShmwireError } from '../errors.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings } from '../options.js'
import type { Conversation } from './conversation.js'
import { type Identity, identifyPeer, peerFault } from './peer.js'

/** The peer of a handshake, which says that it is process `pid`. Refuses it, and throws, where it is unknown or not allowed. */
export function admitPeer(
  conversation: Conversation,
  { settings, native }: { readonly settings: Settings; readonly native: NativeLoad },
  pid: number,
): Identity {
  let identity: Identity
  try {
    identity = identifyPeer(conversation.socket, native, pid)
  } catch (error) {
    throw conversation.refuse(error as ShmwireError)
  }
  const denied = peerFault(identity, settings)
  if (denied !== undefined) throw conversation.refuse(denied)
  // `allow` is code of the user, which may have ended the handshake.
  conversation.assertGoing()
  return identity
}
