import type { Channel } from '../../channel/channel.js'
import { codecFor } from '../../codec/codecs.js'
import { CLIENT_HANDSHAKE_TIMEOUT_MS } from '../../control/handshake.js'
import { handshakeAsClient } from '../../control/handshake-client.js'
import { checkMayUseNetwork } from '../../control/permission-model.js'
import { waitWithin } from '../../deadline.js'
import { withoutMemory } from '../../establish.js'
import { nowMs } from '../../host.js'
import { openChannel } from '../../open-channel.js'
import {
  type ChannelOptions,
  invalid,
  OPTION_NAMES,
  resolveOptions,
  type Settings,
  type WaitOptions,
} from '../../options.js'
import { incomingMessages } from '../../schema/incoming-messages.js'
import { ownBootId } from '../tunnel/boot-id.js'
import { ClientTunnel } from '../tunnel/client-tunnel.js'
import { connectOnSameMachine } from '../tunnel/same-machine.js'
import type { Accepted } from '../tunnel/tunnel-message.js'
import { BOUNDS_NAMES, resolveBounds, type TunnelBoundsOptions } from '../tunnel/tunnel-options.js'
import { checkHeadersSource, type HeadersSource } from './call-headers.js'
import { GrpcConnection } from './grpc-dial.js'
import { type GrpcTunnelAddress, parseTunnelAddress } from './grpc-tunnel-address.js'

/** The options of `connectTunnel`. */
export interface TunnelOptions extends ChannelOptions, TunnelBoundsOptions {
  /** Connect to the server itself, through shared memory, if it is on this machine. Default true. */
  upgrade?: boolean | undefined
  /** Headers of each call, such as `authorization`; or a function that returns them, which is called for each connection. */
  headers?: HeadersSource | undefined
}

const TUNNEL_NAMES: readonly string[] = [...BOUNDS_NAMES, 'upgrade', 'headers']

/**
 * Connects to the server `name` behind a gateway. Resolves to the channel. It survives lost connections to the gateway for up to `resumeMs` each. With the option `tls`,
 * the connection is encrypted. If the server is on this machine, the channel uses shared memory, and `channel.transport` says so.
 *
 * @param address `grpc://host:port/name`
 * @param options see TunnelOptions; `timeoutMs` is 10,000 unless given
 * @throws `INVALID_ARGUMENT`, `NOT_LISTENING`, `DENIED`, `VERSION`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `CORRUPT`, `PEER_GONE`, `TIMEOUT`, `ABORTED`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export async function connectTunnel<Incoming = any, Outgoing = any>(
  address: string,
  options: TunnelOptions & WaitOptions = {},
): Promise<Channel<Incoming, Outgoing>> {
  const settings = resolveOptions(options, [...OPTION_NAMES, ...TUNNEL_NAMES])
  const { upgrade = true, headers = {}, signal, timeoutMs = CLIENT_HANDSHAKE_TIMEOUT_MS } = options
  if (typeof upgrade !== 'boolean') throw invalid('upgrade', upgrade, 'true or false')
  checkHeadersSource(headers)
  const bounds = resolveBounds(options)
  const target = parseTunnelAddress(address, settings)
  checkMayUseNetwork(`connect to ${address}`)
  const endMs = nowMs() + timeoutMs
  const bootId = upgrade ? ownBootId() : ''
  const dial = (): GrpcConnection => new GrpcConnection({ address: target.gateway, settings }, headers)
  const begin = (): ClientTunnel => new ClientTunnel({ ...bounds, dial, name: target.name, bootId })
  const { tunnel, instanceId } = await openTunnel(begin, { signal, timeoutMs }, address)
  const connection: Connection = { tunnel, target, options, settings }
  const leftMs = (): number => Math.max(0, Math.ceil(endMs - nowMs()))
  try {
    const direct = await upgraded(connection, instanceId, leftMs())
    if (typeof direct !== 'string') {
      tunnel.stream.destroy()
      return direct
    }
    return await channelOver(connection, direct, leftMs())
  } catch (error) {
    tunnel.stream.destroy()
    throw error
  }
}

interface Connection {
  readonly tunnel: ClientTunnel
  readonly target: GrpcTunnelAddress
  readonly options: TunnelOptions & WaitOptions
  readonly settings: Settings
}

function openTunnel(
  begin: () => ClientTunnel,
  bounds: WaitOptions,
  address: string,
): Promise<{ tunnel: ClientTunnel } & Accepted> {
  return waitWithin(bounds, `connecting to ${address}`, (resolve, reject) => {
    const tunnel = begin()
    // The session reports the errors.
    tunnel.stream.on('error', () => {})
    tunnel.accepted.then((accepted) => resolve({ tunnel, ...accepted }), reject)
    return () => tunnel.stream.destroy()
  })
}

/** The channel to the server itself, or the reason why it needs the tunnel. */
async function upgraded(
  { target, options, settings }: Connection,
  instanceId: string,
  timeoutMs: number,
): Promise<Channel | string> {
  if (options.upgrade === false) return 'the client has the option upgrade: false'
  if (instanceId === '')
    return 'the gateway is on another machine, or does not know the instance of the server'
  const channelOptions = Object.fromEntries(
    Object.entries(options).filter(([name]) => ![...TUNNEL_NAMES, 'tls', 'insecure'].includes(name)),
  )
  return connectOnSameMachine(target.name, { instanceId, options: channelOptions, settings, timeoutMs })
}

async function channelOver(
  { tunnel, options, settings }: Connection,
  fallbackReason: string,
  timeoutMs: number,
): Promise<Channel> {
  const codec = codecFor(settings.codec)
  const messages = await incomingMessages(settings.schema)
  const native = withoutMemory('grpc')
  // Each connection of the tunnel has been checked.
  const checked = { ...settings, authorize: undefined }
  const agreement = await handshakeAsClient(tunnel.stream, {
    settings: { ...checked, transport: 'socket' },
    codecName: codec.name,
    native,
    transport: 'grpc',
    handoverPath: '',
    signal: options.signal,
    timeoutMs,
  })
  return openChannel({ ...agreement, fallbackReason }, { settings, codec, native, messages })
}
