/** The identity of a peer that the kernel does not identify: beyond this machine, or at the other end of any stream. */
import { isIPv6, type Socket } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { ByteStream } from '../byte-stream.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { type Peer, UNKNOWN_PROCESS } from '../peer.js'
import type { StreamTransport } from '../transport.js'
import type { Owner } from './handover-slots.js'
import { type AdmissionSettings, authorizeFault } from './identity.js'

const TRUSTED: ReadonlySet<StreamTransport> = new Set(['stream', 'stdio', 'grpc', 'ws'])

/** Without the pid that the peer states: on another machine, it is another process. */
export function identifyRemotePeer(socket: ByteStream): Peer {
  if (socket.knownPeer !== undefined) return socket.knownPeer
  const address = (socket as Partial<Socket>).remoteAddress
  if (!isEncrypted(socket)) return { ...UNKNOWN_PROCESS, verified: false, address }
  const certificate = certificateOf(socket)
  // node:tls also authorizes a resumed session of a client that has presented none.
  return {
    ...UNKNOWN_PROCESS,
    verified: socket.authorized && certificate !== undefined,
    address,
    certificate,
  }
}

/**
 * A `DENIED` error, unless this peer is authorized. The user has created a stream, and has started a child: both are trusted. A tunnel has checked
 * its gateway.
 */
export function remotePeerFault(
  peer: Peer,
  transport: StreamTransport,
  settings: AdmissionSettings,
): ShmwireError | undefined {
  const who = peer.address === undefined ? 'the peer' : `the peer at ${peer.address}`
  if (settings.authorize !== undefined) return authorizeFault(settings.authorize, peer, who, settings)
  if (peer.verified || TRUSTED.has(transport)) return undefined
  return new ShmwireError(
    ErrorCode.DENIED,
    `${who} is not verified by the kernel or by a certificate; pass the option authorize on the side that refuses`,
  )
}

/** Half-open connections are counted for each address. One host can have all addresses of an IPv6 subnet of 64 bits. */
export function ownerOfAddress(address: string | undefined): Owner {
  if (address === undefined) return 'unknown'
  if (!isIPv6(address) || address.includes('.')) return `host ${address}`
  const [before = '', after] = address.replace(/%.*/, '').split('::')
  const groups = groupsOf(before)
  const last = groupsOf(after)
  const zeros = after === undefined ? 0 : 8 - groups.length - last.length
  return `subnet ${[...groups, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':')}`
}

function groupsOf(part = ''): string[] {
  return part === '' ? [] : part.split(':')
}

function isEncrypted(socket: ByteStream): socket is TLSSocket {
  return 'encrypted' in socket
}

/** Undefined if the peer has presented none: node:tls returns an empty object. */
export function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate() as PeerCertificate | undefined
  return certificate?.raw === undefined ? undefined : certificate
}
