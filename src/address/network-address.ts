import { BlockList, isIP } from 'node:net'
import { invalid } from '../options.js'

/** A port of a host, with TLS or without. */
export interface NetworkAddress {
  readonly kind: 'tcp' | 'tls'
  /** A name or an IP address, without brackets. */
  readonly host: string
  /** 0: `listen` chooses a free port. */
  readonly port: number
  readonly text: string
}

const PORT_MAX = 65_535
const HOST_AND_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:/[\]]+)):(\d{1,5})$/
/** A host name, or an IPv4 address (RFC 1123). */
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Throws `INVALID_ARGUMENT` unless the text is `tcp://host:port` or `tls://host:port`. */
export function parseNetworkAddress(text: string, kind: NetworkAddress['kind']): NetworkAddress {
  const place = text.startsWith(`${kind}://`) ? parseHostAndPort(text.slice(`${kind}://`.length)) : undefined
  if (place === undefined) {
    const form = `'${kind}://' with a host, a colon and a port from 0 to ${PORT_MAX}`
    throw invalid('address', text, `${form}; an IPv6 address is in brackets, as in '${kind}://[::1]:7000'`)
  }
  return { kind, ...place, text }
}

/** A host and a port, as in `localhost:7000` and `[::1]:7000`. Undefined for another form. */
export function parseHostAndPort(text: string): Pick<NetworkAddress, 'host' | 'port'> | undefined {
  const [, bracketed, name, digits] = HOST_AND_PORT.exec(text) ?? []
  const host = bracketed ?? name ?? ''
  const port = Number(digits)
  const isHost = bracketed === undefined ? HOST_NAME.test(host) : isIP(host) === 6
  return isHost && port <= PORT_MAX ? { host, port } : undefined
}

/** The address of a host and a port, as `parseNetworkAddress` reads it. */
export function formatNetworkAddress(kind: NetworkAddress['kind'], host: string, port: number): string {
  return `${kind}://${formatHostAndPort(host, port)}`
}

/** A host and a port, as `parseHostAndPort` reads them. */
export function formatHostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Whether only processes of this machine can use the host. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true
  const family = isIP(host)
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}
