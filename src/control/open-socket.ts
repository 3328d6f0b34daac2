import { createConnection, isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { NetworkAddress } from '../address/network-address.js'
import type { PipeAddress } from '../address/pipe-address.js'
import type { ByteStream } from '../byte-stream.js'
import type { Settings } from '../options.js'
import { withTlsOptions } from './tls-options.js'

/** A socket that begins to connect to the address. */
export async function openSocket(
  target: NetworkAddress | PipeAddress,
  { tls }: Settings,
): Promise<ByteStream> {
  if (target.kind === 'pipe') return createConnection({ path: target.path })
  const { host, port } = target
  if (target.kind === 'tcp') return createConnection({ host, port, noDelay: true })
  const { connect } = await import('node:tls')
  // An IP address is not allowed as a server name (RFC 6066).
  const servername = isIP(host) === 0 ? host : ''
  // The type of the option has the callbacks of servers too, which differ.
  const options = { servername, ...tls, host, port, allowHalfOpen: false } as ConnectionOptions
  const socket = withTlsOptions(target.text, () => connect(options))
  return socket.setNoDelay(true)
}
