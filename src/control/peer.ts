import type { Socket } from 'node:net'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Peer } from '../link/link.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings } from '../options.js'

/**
 * Who is at the other end: from the kernel where the addon is there to ask it, else only what the peer says of
 * itself. A client sees its server as it was when it began to listen (unix(7), SO_PEERCRED).
 */
export function identifyPeer(socket: Socket, native: NativeLoad, claimedPid: number): Peer {
  const descriptor = descriptorOf(socket)
  if (!('binding' in native) || descriptor === undefined) {
    return { pid: claimedPid, uid: undefined, gid: undefined, verified: false }
  }
  try {
    const { pid, uid, gid } = native.binding.peerCredentials(descriptor)
    // 0: the process is in a pid namespace that we do not see.
    return { pid: pid > 0 ? pid : undefined, uid, gid, verified: true }
  } catch (cause) {
    throw new ShmwireError(ErrorCode.DENIED, 'the kernel does not say who the peer is', { cause })
  }
}

/** A `DENIED` error unless we may talk to this peer. */
export function peerFault(peer: Peer, settings: Settings): ShmwireError | undefined {
  const who = `process ${peer.pid ?? 'unknown'} of user ${peer.uid ?? 'unknown'}`
  if (settings.allow !== undefined) {
    try {
      // Exactly true: a promise, which an async `allow` would return, must not open the door.
      const answer: unknown = settings.allow(peer)
      if (answer === true) return undefined
      return new ShmwireError(ErrorCode.DENIED, `the option allow did not return true for ${who}`)
    } catch (cause) {
      return new ShmwireError(ErrorCode.DENIED, `the option allow threw for ${who}`, { cause })
    }
  }
  const ownUid = process.geteuid?.()
  if (!peer.verified || ownUid === undefined || peer.uid === ownUid) return undefined
  return new ShmwireError(
    ErrorCode.DENIED,
    `${who} is not of user ${ownUid}; to talk to other users, pass the option allow on the side that refuses`,
  )
}

/** Node has no public way to a socket's descriptor. Undefined where a runtime has no such property. */
export function descriptorOf(socket: Socket): number | undefined {
  const descriptor = (socket as Socket & { _handle?: { fd?: unknown } | null })._handle?.fd
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined
}
