import type { ByteStream } from '../byte-stream.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { log } from '../log/log.js'
import type { Credentials } from '../native/binding.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings } from '../options.js'
import { assumedOwnUser, type Peer } from '../peer.js'
import { descriptorOf } from '../socket-descriptor.js'
import { isThenable } from '../thenable.js'
import type { Owner } from './handover-slots.js'
import { mayBeUnmapped } from './unmapped-ids.js'

/** The peer of a control socket. */
export interface IdentifiedPeer {
  /** For the user of the library: an id that identifies no user is undefined. */
  readonly peer: Peer
  /** The unchanged answer of the kernel, to compare with its other answers. Undefined without the addon. */
  readonly credentials: Credentials | undefined
}

/** The settings that decide whether a peer is accepted. */
export type AdmissionSettings = Pick<Settings, 'authorize' | 'logger'>

/**
 * Identifies the peer: with the addon by the kernel, else by the peer's own message. A client sees the credentials that its server had
 * when it began to listen (unix(7), SO_PEERCRED). On Windows the access list of the pipe lets only this user write to it, and Node does
 * not expose the handle by which the system identifies the client. Throws `DENIED` if the kernel does not answer.
 */
export function identifyPeer(socket: ByteStream, native: NativeLoad, claimedPid: number): IdentifiedPeer {
  if (!('binding' in native) || process.platform === 'win32') {
    const peer = { pid: claimedPid, uid: undefined, gid: undefined, verified: false }
    assumedOwnUser.add(peer)
    return { peer, credentials: undefined }
  }
  const credentials = askKernel(socket, native)
  const { pid, uid, gid } = credentials
  const known = !mayBeUnmapped('uid', uid)
  return {
    peer: {
      // 0: the process is in a pid namespace that is not visible here.
      pid: pid > 0 ? pid : undefined,
      uid: known ? uid : undefined,
      gid: mayBeUnmapped('gid', gid) ? undefined : gid,
      verified: known,
    },
    credentials,
  }
}

function askKernel(socket: ByteStream, native: Extract<NativeLoad, { binding: unknown }>): Credentials {
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

/** The owner of a connection before any check: its process, or its user if the process has no id here. */
export function ownerOf(socket: ByteStream, native: NativeLoad): Owner {
  if (!('binding' in native) || process.platform === 'win32') return 'unknown'
  try {
    const { pid, uid, gid } = askKernel(socket, native)
    return pid > 0 ? `process ${pid}` : `user ${uid}, group ${gid}`
  } catch {
    // The handshake refuses the peer later, with the reason.
    return 'unknown'
  }
}

/** A `DENIED` error, unless this peer is authorized. */
export function peerFault(
  { peer, credentials }: IdentifiedPeer,
  settings: AdmissionSettings,
): ShmwireError | undefined {
  const who = `process ${peer.pid ?? 'unknown'} of user ${peer.uid ?? 'unknown'}`
  if (settings.authorize !== undefined) return authorizeFault(settings.authorize, peer, who, settings)
  if (credentials === undefined) return undefined
  const ownUid = process.geteuid?.()
  if (peer.uid !== undefined && peer.uid === ownUid) return undefined
  if (peer.uid === undefined) {
    return new ShmwireError(
      ErrorCode.DENIED,
      `${who} cannot be identified: the kernel reports user ${credentials.uid}, as for every user that this user namespace does not map; run both sides as mapped users other than ${credentials.uid}, or pass the option authorize on the side that refuses`,
    )
  }
  return new ShmwireError(
    ErrorCode.DENIED,
    `${who} is not of user ${ownUid}; to accept other users, pass the option authorize on the side that refuses`,
  )
}

/** A `DENIED` error, unless the user's function returns true for the peer, which messages call `who`. */
export function authorizeFault(
  authorize: NonNullable<AdmissionSettings['authorize']>,
  peer: Peer,
  who: string,
  { logger }: AdmissionSettings,
): ShmwireError | undefined {
  try {
    const answer: unknown = authorize(peer)
    // Only exactly true, because the promise of an async `authorize` must not authorize a peer.
    if (answer === true) return undefined
    if (!isThenable(answer))
      return new ShmwireError(ErrorCode.DENIED, `the option authorize did not return true for ${who}`)
    // A rejection would be unhandled, which ends the process.
    answer.then(ignore, ignore)
    const message = `the option authorize returned a promise for ${who}; it must return true or false at once`
    // A mistake of this program, and not only of one client.
    const error = new ShmwireError(ErrorCode.DENIED, message)
    log(logger, 'authorize.promise', () => ({ peerPid: peer.pid, error }))
    return error
  } catch (cause) {
    return new ShmwireError(ErrorCode.DENIED, `the option authorize threw for ${who}`, { cause })
  }
}

function ignore(): void {}
