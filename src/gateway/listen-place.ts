import { isLoopback, parseHostAndPort } from '../address/network-address.js'
import { booleanOption, invalid, misuse, type TlsOptions } from '../options.js'

/** The options of a gateway that say where it listens. */
export interface ListenPlaceOptions {
  /** A host and a port, for example `'127.0.0.1:50051'` or `'[::1]:50051'`. Port 0: a free port, see `gateway.port`. */
  listen: string
  /**
   * The options of node:tls: `cert` and `key`, or `pfx`. With `requestCert: true` and `ca`, clients need a certificate that `ca` has signed
   * (mutual TLS). Default: no TLS.
   */
  tls?: TlsOptions | undefined
  /** Listens without TLS beyond this machine, where every host on the way can read and change the messages. Default false. */
  insecure?: boolean | undefined
}

/** Where a gateway listens. */
export interface ListenPlace {
  readonly host: string
  readonly port: number
  readonly tls: TlsOptions | undefined
}

/** Checks the options. Throws `INVALID_ARGUMENT`. */
export function listenPlace({ listen, tls, insecure }: ListenPlaceOptions): ListenPlace {
  const place = typeof listen === 'string' ? parseHostAndPort(listen) : undefined
  if (place === undefined)
    throw invalid(
      'listen',
      listen,
      "a host, a colon and a port from 0 to 65535, as in '127.0.0.1:50051' or '[::1]:50051'",
    )
  if (!booleanOption('insecure', insecure) && tls === undefined && !isLoopback(place.host))
    throw misuse(
      `${listen} is not encrypted and can be reached from other machines; pass the option tls, or insecure: true if every host of the network is trusted`,
    )
  if (tls !== undefined) checkTls(listen, tls)
  return { ...place, tls }
}

function checkTls(listen: string, tls: TlsOptions): void {
  if (typeof tls !== 'object' || tls === null) throw invalid('tls', tls, 'an object with options of node:tls')
  if (!['cert', 'pfx', 'SNICallback'].some((name) => name in tls))
    throw misuse(`the option tls for ${listen} needs a certificate: cert and key, or pfx`)
  // Without it, node:tls accepts the certificates of all public authorities.
  if (tls.requestCert === true && tls.ca === undefined)
    throw misuse(`tls.requestCert for ${listen} needs tls.ca, the authority of the clients' certificates`)
}
