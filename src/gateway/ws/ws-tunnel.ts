import type { Channel } from '../../channel/channel.js'
import { misuse, type Settings, type WaitOptions } from '../../options.js'
import { parseTunnelAddress, type TunnelAddress } from '../tunnel/tunnel-address.js'
import { connectOver, type TunnelCarrier, type TunnelOptions } from '../tunnel/tunnel-channel.js'
import { dialWebSocket } from './web-socket-dial.js'

const PLAIN = { scheme: 'ws://', kind: 'tcp', defaultPort: 80, hasPath: true } as const
const ENCRYPTED = { scheme: 'wss://', kind: 'tls', defaultPort: 443, hasPath: true } as const

const CARRIER: TunnelCarrier = {
  transport: 'ws',
  parseAddress,
  dial: dialWebSocket,
}

/**
 * Connects to the server `name` behind a gateway, over a WebSocket. Resolves to the channel. It survives lost connections to the gateway
 * for up to `resumeMs` each. With `wss://`, the connection is encrypted. If the server is on this machine, the channel uses shared memory, and
 * `channel.transport` says so.
 *
 * @param address `wss://host:port/path/name` or `ws://host:port/path/name`; the port and the path can be missing
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

function parseAddress(text: string, settings: Settings): TunnelAddress {
  if (text.startsWith(ENCRYPTED.scheme)) return parseTunnelAddress(text, ENCRYPTED, settings)
  const address = parseTunnelAddress(text, PLAIN, settings)
  if (settings.tls !== undefined) throw misuse(`the option tls does not apply to ${text}; use wss://`)
  return address
}
