import type { Address, StdioAddress } from '../address.js'
import { misuse, type Settings } from '../options.js'
import { isLoopback, type NetworkAddress } from './network-address.js'

/** Throws `INVALID_ARGUMENT` if the options do not fit the address, or leave a decision about safety open (decision 40). */
export function checkListenAddress(
  address: Address,
  settings: Settings,
): asserts address is Exclude<Address, StdioAddress> {
  const { kind, text } = address
  if (kind === 'stdio')
    throw misuse("listen cannot use 'stdio:'; call spawnChannel in the parent, and connect in the child")
  checkCommon(address, settings)
  if (kind === 'tls') checkServerCertificates(text, settings)
}

/** The same for `connect`. */
export function checkConnectAddress(address: Address, settings: Settings): void {
  checkCommon(address, settings)
  if ((address.kind === 'tcp' || address.kind === 'tls') && address.port === 0)
    throw misuse(
      `address ${address.text} has port 0, which is for listen only; use the port of server.address`,
    )
  if (address.kind === 'tls') checkVerified(address.text, settings)
}

function checkCommon(address: Address, settings: Settings): void {
  const { kind, text } = address
  if (settings.tls !== undefined && kind !== 'tls')
    throw misuse(`the option tls is for tls:// addresses, and the address is ${text}`)
  if (kind === 'unix' || (kind === 'pipe' && address.isPrivate)) return
  if (settings.transport === 'shm')
    throw misuse(`transport 'shm' needs a plain name or a unix: address; ${text} carries no shared memory`)
  if (kind === 'tcp') checkNetwork(address, settings)
  if (kind === 'tcp' || kind === 'pipe') checkAuthorize(text, settings)
}

function checkNetwork({ host, text }: NetworkAddress, { insecure }: Settings): void {
  if (insecure || isLoopback(host)) return
  throw misuse(
    `${text} is not encrypted and leaves this machine; use tls://, or pass insecure: true if every host of the network is trusted`,
  )
}

function checkAuthorize(text: string, { authorize }: Settings): void {
  if (authorize !== undefined) return
  throw misuse(
    `the kernel does not identify the peer of ${text}, which any user of this machine can be; pass the option authorize, or use a unix: or tls:// address`,
  )
}

function checkServerCertificates(text: string, settings: Settings): void {
  const { tls = {} } = settings
  if (!['cert', 'pfx', 'secureContext', 'SNICallback'].some((name) => name in tls))
    throw misuse(`listen at ${text} needs the option tls with a certificate: cert and key, or pfx`)
  checkVerified(text, settings)
  if (settings.authorize !== undefined) return
  if (tls.requestCert === false)
    throw misuse(`tls.requestCert is false, so the clients of ${text} are unknown; pass the option authorize`)
  // Without it, node:tls accepts the certificates of all public authorities.
  if (tls.ca === undefined && tls.secureContext === undefined)
    throw misuse(
      `listen at ${text} needs tls.ca, the authority of its clients' certificates; without it, pass the option authorize`,
    )
}

/** Without a verified certificate, the peer can be any program. */
function checkVerified(text: string, { authorize, tls = {} }: Settings): void {
  if (authorize !== undefined || tls.rejectUnauthorized !== false) return
  throw misuse(
    `tls.rejectUnauthorized is false, so the peer of ${text} is not verified; pass the option authorize`,
  )
}
