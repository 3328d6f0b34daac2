import { checkIdentity } from '../../identity.js'
import { invalid, misuse } from '../../options.js'
import { type Identity, isOwnUser, type Peer } from '../../peer.js'
import { isThenable } from '../../thenable.js'
import type { Metadata } from '../call/metadata.js'

/** Finds the identity of a peer. Undefined: it has none. */
export type Identify = (peer: Peer) => Identity | undefined

/** The role of processes of the same user on this machine. */
export const LOCAL_ROLE = 'local'

/** The header with the identity on whose behalf a process of this machine calls. It does not leave the machine through a gateway. */
export const IDENTITY_HEADER = 'shmwire-identity-bin'

const SUBJECT_CHARACTERS_MAX = 256
const BYTES_MAX = 8 * 1024
/** JSON. */
const NOBODY = Buffer.from('null')

/** The value of the header; null states that the caller has no identity. Throws `INVALID_ARGUMENT`. */
export function encodeIdentity(identity: Identity | null): Buffer {
  if (identity === null) return NOBODY
  const bytes = Buffer.from(JSON.stringify(checkIdentity(identity)))
  if (bytes.length > BYTES_MAX)
    throw misuse(
      `the identity is ${bytes.length} bytes, more than ${BYTES_MAX}; give it fewer scopes and roles`,
    )
  return bytes
}

/** Removes the statement of a caller from the headers of its call. */
export function takeIdentity(metadata: Metadata | undefined): Uint8Array | undefined {
  const stated = metadata?.get(IDENTITY_HEADER)
  if (stated !== undefined) metadata?.delete(IDENTITY_HEADER)
  return stated as Uint8Array | undefined
}

/**
 * The identity of the caller: the one that a process of the same user on this machine states for its call, else that of the peer. A statement
 * of any other peer is ignored, and so is a malformed one; that it calls for a caller without an identity is always believed, because this gains nothing.
 */
export function identityOf(
  peer: Peer,
  stated: Uint8Array | undefined,
  identify: Identify,
): Identity | undefined {
  if (stated !== undefined && (isOwnUser(peer) || NOBODY.equals(stated))) return decodeIdentity(stated)
  return foundIdentity(identify(peer))
}

/** The result of `identify`. Throws `INVALID_ARGUMENT`. */
export function foundIdentity(found: Identity | undefined): Identity | undefined {
  if (found === undefined) return undefined
  if (isThenable(found)) {
    // A rejection would be unhandled, which ends the process.
    Promise.resolve(found).catch(() => {})
    throw invalid('the result of identify', found, 'an identity or undefined, not a promise')
  }
  return checkIdentity(found, 'the result of identify')
}

function decodeIdentity(bytes: Uint8Array): Identity | undefined {
  if (bytes.length > BYTES_MAX) return undefined
  try {
    const identity: unknown = JSON.parse(Buffer.from(bytes).toString())
    return identity === null ? undefined : checkIdentity(identity)
  } catch {
    // The caller has no identity then, and a policy refuses it.
    return undefined
  }
}

/**
 * The identity of a peer without `identify`. A process of the same user on this machine has the role `local`; the client of a tunnel has
 * the identity that its gateway has found; a verified certificate has the common name of its subject, and no scopes or roles.
 */
export function defaultIdentify(peer: Peer): Identity | undefined {
  if (isOwnUser(peer)) return { subject: `uid:${peer.uid ?? 'own'}`, roles: [LOCAL_ROLE] }
  return peer.identity ?? identityOfCertificate(peer)
}

/** The common name of a verified certificate. */
export function identityOfCertificate({ verified, certificate }: Peer): Identity | undefined {
  if (!verified) return undefined
  const names: unknown = certificate?.subject?.CN
  const name: unknown = Array.isArray(names) ? names[0] : names
  if (typeof name !== 'string' || name === '' || name.length > SUBJECT_CHARACTERS_MAX) return undefined
  return { subject: name }
}
