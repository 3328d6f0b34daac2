import type { Socket } from 'node:net'
import { checkConnectAddress } from './address/check-address.js'
import { checkConnectedSocket } from './address/connected-socket.js'
import { type Address, parseAddress } from './address.js'
import type { Channel } from './channel/channel.js'
import type { ChannelDependencies } from './channel/types.js'
import { codecFor } from './codec/codecs.js'
import { CLIENT_HANDSHAKE_TIMEOUT_MS } from './control/handshake.js'
import { establish } from './establish.js'
import { connects } from './observe/diagnostics-channels.js'
import type { ConnectPayload } from './observe/diagnostics-payloads.js'
import { tracePromise } from './observe/diagnostics-trace.js'
import { openChannel } from './open-channel.js'
import { type ChannelOptions, resolveOptions, type Settings, type WaitOptions } from './options.js'
import { incomingMessages } from './schema/incoming-messages.js'

/** A socket of node:net or node:tls that is already connected to a server. The channel owns it from now on. */
export interface ConnectedSocket {
  readonly socket: Socket
}

/**
 * Connects to a server. Resolves to the channel.
 *
 * `connect<Incoming, Outgoing>(…)` gives the channel the types of its messages; see `Channel`.
 *
 * @param address a name, as given to `listen`, `unix:/absolute/path.sock`, `tcp://host:port` or `tls://host:port`; `stdio:` in a child of `spawnChannel`;
 *   or `{ socket }`, which is already connected to a server
 * @param options see ChannelOptions; `timeoutMs` is 10,000 unless given
 * @throws `INVALID_ARGUMENT`, `NOT_LISTENING`, `DENIED`, `VERSION`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `CORRUPT`, `PEER_GONE`, `TIMEOUT`, `ABORTED`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export function connect<Incoming = any, Outgoing = any>(
  address: string | ConnectedSocket,
  options: ChannelOptions & WaitOptions = {},
): Promise<Channel<Incoming, Outgoing>> {
  return connectChannel(address, options)
}

/** Like `connect`. `onClosed` reports the end of the channel even if a listener of the user throws. */
export function connectChannel(
  address: string | ConnectedSocket,
  options: ChannelOptions & WaitOptions,
  onClosed?: ChannelDependencies['onClosed'],
  attempt = 1,
): Promise<Channel> {
  return tracePromise(connects, payloadOf(address, attempt), async (payload) => {
    const channel = await connectUntraced(address, options, onClosed)
    if (payload !== undefined) payload.channel = channel
    return channel
  })
}

function payloadOf(address: unknown, attempt: number): () => ConnectPayload {
  return () => ({ address: typeof address === 'string' ? address : undefined, attempt, channel: undefined })
}

/** Like `connectChannel`, as a part of another operation that reports to `shmwire:connect`. */
export async function connectUntraced(
  address: string | ConnectedSocket,
  options: ChannelOptions & WaitOptions,
  onClosed?: ChannelDependencies['onClosed'],
): Promise<Channel> {
  const settings = resolveOptions(options)
  const target = targetOf(address, settings)
  const codec = codecFor(settings.codec)
  const messages = await incomingMessages(settings.schema)
  // An accessor of the user can throw, so the options are read before there is a connection to close.
  const { signal, timeoutMs = CLIENT_HANDSHAKE_TIMEOUT_MS } = options
  const { name: codecName } = codec
  const { agreement, native } = await establish(target, { settings, codecName, signal, timeoutMs })
  const origin = { role: 'client', address: typeof address === 'string' ? address : '' } as const
  return openChannel(agreement, { settings, codec, native, messages, origin, onClosed })
}

function targetOf(address: string | ConnectedSocket, settings: Settings): Address | Socket {
  if (typeof address === 'object' && address !== null) {
    checkConnectedSocket(address.socket, settings)
    return address.socket
  }
  const target = parseAddress(address)
  checkConnectAddress(target, settings)
  return target
}
