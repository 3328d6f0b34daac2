import { isLoopback, type NetworkAddress, parseHostAndPort } from '../../address/network-address.js'
import { isName } from '../../address/unix-address.js'
import { invalid, misuse, type Settings } from '../../options.js'

/** A server behind a gateway. */
export interface GrpcTunnelAddress {
  /** Of the gateway. */
  readonly gateway: NetworkAddress
  /** Of the server, on the gateway's machine. */
  readonly name: string
}

const SCHEME = 'grpc://'
const FORM = "'grpc://host:port/name', with the name of a server on the gateway's machine"

/** Parses an address and checks that the options fit it. With `tls`, the connection is encrypted. Throws `INVALID_ARGUMENT`. */
export function parseTunnelAddress(text: string, settings: Settings): GrpcTunnelAddress {
  if (typeof text !== 'string' || !text.startsWith(SCHEME)) throw invalid('address', text, FORM)
  const [place = '', name = '', ...more] = text.slice(SCHEME.length).split('/')
  if (!isName(name) || more.length > 0) throw invalid('address', text, FORM)
  const kind = settings.tls === undefined ? 'tcp' : 'tls'
  const at = parseHostAndPort(place)
  if (at === undefined)
    throw invalid('address', text, `${FORM}; an IPv6 address is in brackets, as in 'grpc://[::1]:7000/name'`)
  if (at.port === 0) throw misuse(`address ${text} has port 0; use the port at which the gateway listens`)
  if (settings.transport === 'shm')
    throw misuse(`transport 'shm' needs a plain name or a unix: address; ${text} can be on another machine`)
  const gateway: NetworkAddress = { kind, ...at, text }
  if (kind === 'tcp') checkPlain(gateway, settings)
  else checkVerified(gateway, settings)
  return { gateway, name }
}

function checkPlain({ host, text }: NetworkAddress, { insecure, authorize }: Settings): void {
  if (!insecure && !isLoopback(host))
    throw misuse(
      `${text} without the option tls is not encrypted and leaves this machine; pass tls, or insecure: true if every host of the network is trusted`,
    )
  if (authorize === undefined)
    throw misuse(
      `nothing identifies the gateway at ${text} without the option tls; pass tls, or the option authorize`,
    )
}

function checkVerified({ text }: NetworkAddress, { tls, authorize }: Settings): void {
  if (authorize !== undefined || tls?.rejectUnauthorized !== false) return
  throw misuse(
    `tls.rejectUnauthorized is false, so the gateway at ${text} is not verified; pass the option authorize`,
  )
}
