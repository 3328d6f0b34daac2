import type { Server, Socket } from 'node:net'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Peer } from '../link/link.js'
import type { Credentials } from '../native/binding.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings } from '../options.js'
import type { Owner } from './handover-slots.js'
import { mayBeUnmapped } from './unmapped-ids.js'

/** The peer of a control socket. */
export interface Identity {
  /** For the user of the library: an id that identifies nobody is undefined. */
  readonly peer: Peer
  /** The kernel's answer as it is, to be compared with its other answers. Undefined without the addon. */
  readonly credentials: Credentials | undefined
}

/**
 * Identifies the peer: by the kernel where the addon can ask it, else by what the peer says of itself. A client sees its
 * server as it was when it began to listen (unix(7), SO_PEERCRED). Throws `DENIED` when the kernel does not answer.
 */
export function identifyPeer(socket: Socket, native: NativeLoad, claimedPid: number): Identity {
  if (!('binding' in native)) {
    return {
      peer: { pid: claimedPid, uid: undefined, gid: undefined, verified: false },
      credentials: undefined,
    }
  }
  const credentials = askKernel(socket, native)
  const { pid, uid, gid } = credentials
  const known = !mayBeUnmapped('uid', uid)
  return {
    peer: {
      // 0: the process is in a pid namespace that we do not see.
      pid: pid > 0 ? pid : undefined,
      uid: known ? uid : undefined,
      gid: mayBeUnmapped('gid', gid) ? undefined : gid,
      verified: known,
    },
    credentials,
  }
}

function askKernel(socket: Socket, native: Extract<NativeLoad, { binding: unknown }>): Credentials {
  const descriptor = descriptorOf(socket)
  if (descriptor === undefined) {
    throw new ShmwireError(
      ErrorCode.DENIED,
      'the peer cannot be identified: this runtime does not expose the descriptor of its socket; set SHMWIRE_NO_ADDON=1 to rely on the directory alone',
    )
  }
  try {
    return native.binding.peerCredentials(descriptor)
  } catch (cause) {
    throw new ShmwireError(ErrorCode.DENIED, 'the kernel does not identify the peer', { cause })
  }
}

/** By whom the server counts a connection before anything has been checked: the process, or the user of one without a number. */
export function ownerOf(socket: Socket, native: NativeLoad): Owner {
  if (!('binding' in native)) return 'unknown'
  try {
    const { pid, uid, gid } = askKernel(socket, native)
    return pid > 0 ? `process ${pid}` : `user ${uid}, group ${gid}`
  } catch {
    // The handshake refuses it later, with the reason.
    return 'unknown'
  }
}

/** A `DENIED` error unless we may talk to this peer. */
export function peerFault({ peer, credentials }: Identity, settings: Settings): ShmwireError | undefined {
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
  if (credentials === undefined) return undefined
  const ownUid = process.geteuid?.()
  if (peer.uid !== undefined && peer.uid === ownUid) return undefined
  if (peer.uid === undefined) {
    return new ShmwireError(
      ErrorCode.DENIED,
      `${who} cannot be identified: the kernel reports user ${credentials.uid}, as for every user that this user namespace does not map; run both sides as mapped users other than ${credentials.uid}, or pass the option allow on the side that refuses`,
    )
  }
  return new ShmwireError(
    ErrorCode.DENIED,
    `${who} is not of user ${ownUid}; to accept other users, pass the option allow on the side that refuses`,
  )
}

/** Node has no public way to a socket's descriptor. Undefined where a runtime has no such property. */
export function descriptorOf(socket: Socket | Server): number | undefined {
  const descriptor = (socket as { _handle?: { fd?: unknown } | null })._handle?.fd
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined
}
