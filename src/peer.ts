import type { PeerCertificate } from 'node:tls'

/**
 * The process at the other end. `verified`: the kernel has reported `pid` and `uid`, or TLS has verified `certificate`. An id of a user or
 * group that the user namespace of this process does not map is undefined, and such a user is not verified. Beyond this machine, no id is known.
 */
export interface Peer {
  readonly pid: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly verified: boolean
  /** Over TCP, TLS and tunnels: the IP address. */
  readonly address?: string | undefined
  /** Over TLS, and of the gateway of a tunnel: the certificate that the peer has presented. */
  readonly certificate?: PeerCertificate | undefined
  /** Of the client of a tunnel: the identity that its gateway has found. */
  readonly identity?: Identity | undefined
}

/** The user or program that makes a call, as the gateway or the service has found it. */
export interface Identity {
  /** For example the name of a user, of a service, or of a certificate. 1 to 256 characters. */
  readonly subject: string
  /** For example `'users:read'`. Default: none. */
  readonly scopes?: readonly string[] | undefined
  /** For example `'admin'`. Default: none. */
  readonly roles?: readonly string[] | undefined
}

/** Of a peer whose process is not known. */
export const UNKNOWN_PROCESS = { pid: undefined, uid: undefined, gid: undefined } as const

/**
 * Peers that count as processes of this user, although no uid says so: without the addon, only the directory of the socket keeps other
 * users out, and on Windows only the access list of the pipe.
 */
export const assumedOwnUser = new WeakSet<Peer>()

/** Whether the peer is a process of the same user on this machine. */
export function isOwnUser(peer: Peer): boolean {
  const { verified, uid } = peer
  return assumedOwnUser.has(peer) || (verified && uid !== undefined && uid === process.getuid?.())
}
