import type { Channel } from '../../channel/channel.js'
import type { WaitOptions } from '../../options.js'
import { parseTunnelAddress } from '../tunnel/tunnel-address.js'
import { connectOver, type TunnelCarrier, type TunnelOptions } from '../tunnel/tunnel-channel.js'
import { GrpcConnection } from './grpc-dial.js'

const CARRIER: TunnelCarrier = {
  transport: 'grpc',
  parseAddress: (text, settings) => {
    const kind = settings.tls === undefined ? 'tcp' : 'tls'
    return parseTunnelAddress(text, { scheme: 'grpc://', kind }, settings)
  },
  dial: ({ gateway }, settings, headers) => new GrpcConnection({ address: gateway, settings }, headers),
}

/**
 * Connects to the server `name` behind a gateway. Resolves to the channel. It survives lost connections to the gateway for up to `resumeMs` each. With the option `tls`,
 * the connection is encrypted. If the server is on this machine, the channel uses shared memory, and `channel.transport` says so.
 *
 * @param address `grpc://host:port/name`
 * @param options see TunnelOptions; `timeoutMs` is 10,000 unless given
 * @throws `INVALID_ARGUMENT`, `NOT_LISTENING`, `DENIED`, `VERSION`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `CORRUPT`, `PEER_GONE`, `TIMEOUT`, `ABORTED`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export function connectTunnel<Incoming = any, Outgoing = any>(
  address: string,
  options: TunnelOptions & WaitOptions = {},
): Promise<Channel<Incoming, Outgoing>> {
  return connectOver(CARRIER, address, options)
}
