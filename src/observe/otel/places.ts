import type { Attributes } from '@opentelemetry/api'
import { parseHostAndPort } from '../../address/network-address.js'
import type { Channel } from '../../channel/channel.js'
import type { Transport } from '../../transport.js'
import {
  GRPC,
  NETWORK_PEER_ADDRESS,
  NETWORK_TRANSPORT,
  SERVER_ADDRESS,
  SERVER_PORT,
  SHMWIRE,
} from './names.js'

const NETWORK = /^(?:tcp|tls):\/\//
const UNIX = 'unix:'
const PIPE = 'pipe:'

/** The carriers over TCP. Those that the conventions do not name keep their own: `shm`, `stdio`, `stream`. */
const TRANSPORTS: Partial<Record<Transport, string>> = { tls: 'tcp', grpc: 'tcp', ws: 'tcp' }

/** The address that the program has passed: a host and a port, the path of a socket, or a name. */
export function serverOf(address: string | undefined): Attributes {
  if (address === undefined) return {}
  const place = hostAndPort(address.replace(NETWORK, ''))
  if (place !== undefined) return { [SERVER_ADDRESS]: place.host, [SERVER_PORT]: place.port }
  return { [SERVER_ADDRESS]: address.startsWith(UNIX) ? address.slice(UNIX.length) : address }
}

/** The carrier of a channel, and the address of its peer. */
export function networkOf(channel: Channel | undefined): Attributes {
  if (channel === undefined) return {}
  const { transport, peer } = channel
  const attributes: Attributes = { [NETWORK_TRANSPORT]: TRANSPORTS[transport] ?? transport }
  if (peer.address !== undefined) attributes[NETWORK_PEER_ADDRESS] = peer.address
  return attributes
}

/** Only clients of gRPC have a host and a port without a scheme. */
export function systemOf(address: string | undefined): typeof SHMWIRE | typeof GRPC {
  return address !== undefined && hostAndPort(address) !== undefined ? GRPC : SHMWIRE
}

function hostAndPort(text: string): ReturnType<typeof parseHostAndPort> {
  // Most addresses are plain names. A pipe can have a name of digits.
  return text.includes(':') && !text.startsWith(PIPE) ? parseHostAndPort(text) : undefined
}
