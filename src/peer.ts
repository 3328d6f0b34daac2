/**
 * The process at the other end. `verified`: the kernel has reported `pid` and `uid`. An id of a user or group that the user namespace of
 * this process does not map is undefined, and such a user is not verified.
 */
export interface Peer {
  readonly pid: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly verified: boolean
}
