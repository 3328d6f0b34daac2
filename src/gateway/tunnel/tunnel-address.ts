import { isLoopback, type NetworkAddress, parseHostAndPort } from '../../address/network-address.js'
import { isName } from '../../address/plain-name.js'
import { invalid, misuse, type Settings } from '../../options.js'

/** A server behind a gateway. */
export interface TunnelAddress {
  /** Of the gateway. */
  readonly gateway: NetworkAddress
  /** The path of the URL, with the name. */
  readonly path: string
  /** Of the server, on the gateway's machine. */
  readonly name: string
}

/** The addresses of one carrier. */
export interface AddressForm {
  readonly scheme: string
  readonly kind: NetworkAddress['kind']
  /** Of an address without a port. Undefined: each address has one. */
  readonly defaultPort?: number | undefined
  /** The address can have a path before the name. */
  readonly hasPath?: boolean | undefined
}

/** The characters of a path that are not encoded (RFC 3986, section 3.3), and the encoded ones. */
const PREFIX = /^(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+$/

/** Parses an address and checks that the options fit it. Throws `INVALID_ARGUMENT`. */
export function parseTunnelAddress(text: string, form: AddressForm, settings: Settings): TunnelAddress {
  const { scheme, kind, defaultPort, hasPath = false } = form
  const expected = `'${scheme}host:port${hasPath ? '/path' : ''}/name', with the name of a server on the gateway's machine`
  if (!text.startsWith(scheme)) throw invalid('address', text, expected)
  const [place = '', ...segments] = text.slice(scheme.length).split('/')
  const name = segments.pop() ?? ''
  const isPath = hasPath ? segments.every((segment) => PREFIX.test(segment)) : segments.length === 0
  if (!isName(name) || !isPath) throw invalid('address', text, expected)
  const at = parsePlace(place, defaultPort)
  if (at === undefined)
    throw invalid(
      'address',
      text,
      `${expected}; an IPv6 address is in brackets, as in '${scheme}[::1]:7000/name'`,
    )
  if (at.port === 0) throw misuse(`address ${text} has port 0; use the port at which the gateway listens`)
  if (settings.transport === 'shm')
    throw misuse(`transport 'shm' needs a plain name or a unix: address; ${text} can be on another machine`)
  const gateway: NetworkAddress = { kind, ...at, text }
  if (kind === 'tcp') checkPlain(gateway, settings)
  else checkVerified(gateway, settings)
  return { gateway, path: `/${[...segments, name].join('/')}`, name }
}

function parsePlace(place: string, defaultPort: number | undefined): ReturnType<typeof parseHostAndPort> {
  return (
    parseHostAndPort(place) ??
    (defaultPort === undefined ? undefined : parseHostAndPort(`${place}:${defaultPort}`))
  )
}

function checkPlain({ host, text }: NetworkAddress, { insecure, authorize }: Settings): void {
  if (!insecure && !isLoopback(host))
    throw misuse(
      `${text} without TLS is not encrypted and leaves this machine; use TLS, or pass insecure: true if every host of the network is trusted`,
    )
  if (authorize === undefined)
    throw misuse(
      `nothing identifies the gateway at ${text} without TLS; use TLS, or pass the option authorize`,
    )
}

function checkVerified({ text }: NetworkAddress, { tls, authorize }: Settings): void {
  if (authorize !== undefined || tls?.rejectUnauthorized !== false) return
  throw misuse(
    `tls.rejectUnauthorized is false, so the gateway at ${text} is not verified; pass the option authorize`,
  )
}
