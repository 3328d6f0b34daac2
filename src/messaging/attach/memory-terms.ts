import { ErrorCode, ShmwireError } from '../../errors.js'
import type { Credentials } from '../../native/binding.js'
import type { Peer } from '../../peer.js'

/** The ids that the kernel states for the peer, which the sender of its descriptors must have. Undefined: a secret token alone identifies it. */
export function credentialsOf({ verified, pid, uid, gid }: Peer): Credentials | undefined {
  if (!verified || pid === undefined || uid === undefined || gid === undefined) return undefined
  return { pid, uid, gid }
}

/** The error of a side that insists on shared memory. */
export function memoryRequired(reason: string): ShmwireError {
  return new ShmwireError(ErrorCode.UNAVAILABLE, `transport 'shm' cannot be used here: ${reason}`)
}
