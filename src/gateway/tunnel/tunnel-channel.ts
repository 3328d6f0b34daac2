import type { Channel } from '../../channel/channel.js'
import { codecFor } from '../../codec/codecs.js'
import { CLIENT_HANDSHAKE_TIMEOUT_MS } from '../../control/handshake.js'
import { handshakeAsClient } from '../../control/handshake-client.js'
import { checkMayUseNetwork } from '../../control/permission-model.js'
import { waitWithin } from '../../deadline.js'
import { withoutMemory } from '../../establish.js'
import { nowMs } from '../../host.js'
import { connects } from '../../observe/diagnostics-channels.js'
import type { ConnectPayload } from '../../observe/diagnostics-payloads.js'
import { tracePromise } from '../../observe/diagnostics-trace.js'
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
import type { TunnelTransport } from '../../transport.js'
import type { TokenSource } from '../tokens.js'
import { ownBootId } from './boot-id.js'
import type { CallHeaders, HeadersSource } from './call-headers.js'
import { ClientTunnel } from './client-tunnel.js'
import { requestHeaders } from './request-headers.js'
import { connectOnSameMachine } from './same-machine.js'
import type { TunnelAddress } from './tunnel-address.js'
import type { TunnelConnection } from './tunnel-connection.js'
import type { Accepted } from './tunnel-message.js'
import { BOUNDS_NAMES, resolveBounds, type TunnelBoundsOptions } from './tunnel-options.js'

/** The options of `connectTunnel`. */
export interface TunnelOptions extends ChannelOptions, TunnelBoundsOptions {
  /** Connect to the server itself, through shared memory, if it is on this machine. Default true. */
  upgrade?: boolean | undefined
  /** Headers of each connection, such as `x-api-key`; or a function that returns them, which is called for each connection. Default: none. */
  headers?: HeadersSource | undefined
  /** For the header `authorization` of each connection: `Bearer` and the token. A function is called for each connection. Default: none. */
  token?: TokenSource | undefined
}

/** How a tunnel reaches its gateway. */
export interface TunnelCarrier {
  readonly transport: TunnelTransport
  /** Throws `INVALID_ARGUMENT`. */
  parseAddress(text: string, settings: Settings): TunnelAddress
  /** Begins a connection, with the headers that `headers` resolves to. */
  dial(target: TunnelAddress, settings: Settings, headers: () => Promise<CallHeaders>): TunnelConnection
}

const TUNNEL_NAMES: readonly string[] = [...BOUNDS_NAMES, 'upgrade', 'headers', 'token']

/** The channel to a server behind a gateway. Rejects as `connectTunnel` does. */
export function connectOver(
  carrier: TunnelCarrier,
  address: string,
  options: TunnelOptions & WaitOptions,
): Promise<Channel> {
  const payloadOf = (): ConnectPayload => ({ address, channel: undefined })
  return tracePromise(connects, payloadOf, async (payload) => {
    const channel = await openOne(carrier, address, options)
    if (payload !== undefined) payload.channel = channel
    return channel
  })
}

async function openOne(
  carrier: TunnelCarrier,
  address: string,
  options: TunnelOptions & WaitOptions,
): Promise<Channel> {
  const settings = resolveOptions(options, [...OPTION_NAMES, ...TUNNEL_NAMES])
  const { upgrade = true, signal, timeoutMs = CLIENT_HANDSHAKE_TIMEOUT_MS } = options
  if (typeof upgrade !== 'boolean') throw invalid('upgrade', upgrade, 'true or false')
  const headers = requestHeaders(options.headers, options.token)
  const bounds = resolveBounds(options)
  if (typeof address !== 'string') throw invalid('address', address, 'a text')
  const target = carrier.parseAddress(address, settings)
  checkMayUseNetwork(`connect to ${address}`)
  const endMs = nowMs() + timeoutMs
  const bootId = upgrade ? ownBootId() : ''
  const dial = (): TunnelConnection => carrier.dial(target, settings, headers)
  const begin = (): ClientTunnel => new ClientTunnel({ ...bounds, dial, name: target.name, bootId })
  const { tunnel, instanceId } = await openTunnel(begin, { signal, timeoutMs }, address)
  const connection: Connection = { tunnel, carrier, target, options, settings }
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
  readonly carrier: TunnelCarrier
  readonly target: TunnelAddress
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
  { tunnel, target, carrier: { transport }, options, settings }: Connection,
  fallbackReason: string,
  timeoutMs: number,
): Promise<Channel> {
  const codec = codecFor(settings.codec)
  const messages = await incomingMessages(settings.schema)
  const native = withoutMemory(transport)
  // Each connection of the tunnel has been checked.
  const checked = { ...settings, authorize: undefined }
  const agreement = await handshakeAsClient(tunnel.stream, {
    settings: { ...checked, transport: 'socket' },
    codecName: codec.name,
    native,
    transport,
    handoverPath: '',
    signal: options.signal,
    timeoutMs,
  })
  const origin = { role: 'client', address: `${target.gateway.text}/${target.name}` } as const
  return openChannel({ ...agreement, fallbackReason }, { settings, codec, native, messages, origin })
}
