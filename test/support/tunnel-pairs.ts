import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:http2'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import type { ByteStream } from '../../src/byte-stream.js'
import type { Channel } from '../../src/channel/channel.js'
import { GrpcConnection } from '../../src/gateway/grpc/grpc-dial.js'
import { grpcGateway } from '../../src/gateway/grpc/grpc-gateway.js'
import { connectTunnel } from '../../src/gateway/grpc/grpc-tunnel.js'
import { Http2ServerCall } from '../../src/gateway/grpc/http2-server-call.js'
import { ClientTunnel } from '../../src/gateway/tunnel/client-tunnel.js'
import type { GatewayTunnelOptions } from '../../src/gateway/tunnel/tunnel-admission.js'
import type { TunnelOptions } from '../../src/gateway/tunnel/tunnel-channel.js'
import type { TunnelConnection } from '../../src/gateway/tunnel/tunnel-connection.js'
import { decodeRequest, encodeMessage, type Start } from '../../src/gateway/tunnel/tunnel-message.js'
import { resolveBounds } from '../../src/gateway/tunnel/tunnel-options.js'
import { TunnelStream } from '../../src/gateway/tunnel/tunnel-stream.js'
import { attachTunnels } from '../../src/gateway/ws/attach-tunnels.js'
import { WebSocketConnection } from '../../src/gateway/ws/web-socket-connection.js'
import { dialWebSocket } from '../../src/gateway/ws/web-socket-dial.js'
import { SUBPROTOCOL, WEB_SOCKET_OPTIONS } from '../../src/gateway/ws/web-socket-protocol.js'
import { connectTunnel as connectWebSocketTunnel } from '../../src/gateway/ws/ws-tunnel.js'
import { listen } from '../../src/listen.js'
import { resolveOptions, type WaitOptions } from '../../src/options.js'
import type { JoinChannels } from './channel-pairs.js'
import type { JoinStreams } from './stream-pairs.js'

const authorize = (): boolean => true
const settings = resolveOptions({ authorize })
const noHeaders = async (): Promise<Record<string, string>> => ({})

/** The server's side of a carrier, whose connections a test takes. */
interface CarrierServer {
  readonly server: NetServer
  readonly dial: (port: number) => TunnelConnection
}

type Take = (connection: TunnelConnection) => void

function http2Carrier(take: Take): CarrierServer {
  const server = createServer()
  server.on('stream', (stream) => take(new Http2ServerCall(stream)))
  return {
    server,
    dial: (port) => {
      const address = { kind: 'tcp', host: '127.0.0.1', port, text: `grpc://127.0.0.1:${port}` } as const
      return new GrpcConnection({ address, settings }, noHeaders)
    },
  }
}

function webSocketCarrier(take: Take): CarrierServer {
  const server = createHttpServer()
  const upgrades = new WebSocketServer({
    ...WEB_SOCKET_OPTIONS,
    noServer: true,
    handleProtocols: () => SUBPROTOCOL,
  })
  server.on('upgrade', (request, socket, head) =>
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new WebSocketConnection('the client', settings.heartbeat)
      connection.useSocket(socket)
      connection.open(webSocket)
      take(connection)
    }),
  )
  return {
    server,
    dial: (port) => {
      const gateway = { kind: 'tcp', host: '127.0.0.1', port, text: `ws://127.0.0.1:${port}` } as const
      return dialWebSocket({ gateway, path: '/s', name: 's' }, settings, noHeaders)
    },
  }
}

/** Both ends of tunnels, whose connections are accepted by one server. */
async function streamsOver(
  carrier: (take: Take) => CarrierServer,
): Promise<{ join: JoinStreams; close: () => void }> {
  const bounds = resolveBounds({})
  const accepted = new Map<string, TunnelStream>()
  const { server, dial } = carrier((connection) => {
    connection.events.message = (bytes) => {
      const start = decodeRequest(bytes) as Start
      const end = new TunnelStream(bounds)
      const announced = end.session.progress
      connection.send(encodeMessage({ kind: 'accepted', ...announced, instanceId: '' }))
      end.session.attach(connection, announced, start)
      accepted.set(start.name, end)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let count = 0
  const joinStreams = async (): Promise<[ByteStream, ByteStream]> => {
    const name = `s${count++}`
    const tunnel = new ClientTunnel({ ...bounds, dial: () => dial(port), name, bootId: '' })
    await tunnel.accepted
    const pair: [ByteStream, ByteStream] = [tunnel.stream, accepted.get(name) as TunnelStream]
    accepted.delete(name)
    for (const stream of pair) stream.on('error', () => {}).pause()
    return pair
  }
  return { join: joinStreams, close: () => server.close() }
}

export const tunnelStreams = (): ReturnType<typeof streamsOver> => streamsOver(http2Carrier)
export const webSocketStreams = (): ReturnType<typeof streamsOver> => streamsOver(webSocketCarrier)

const NAMES_MAX = 4_000

/** A gateway, and the client's function for it. */
interface RunningGateway {
  connect(name: string, options: TunnelOptions & WaitOptions): Promise<Channel>
  close(): unknown
}

async function grpcTunnels(tunnels: GatewayTunnelOptions): Promise<RunningGateway> {
  const gateway = await grpcGateway({ listen: '127.0.0.1:0', tunnels })
  return {
    connect: (name, options) => connectTunnel(`grpc://${gateway.address}/${name}`, options),
    close: () => gateway.close(),
  }
}

async function webSocketTunnels(tunnels: GatewayTunnelOptions): Promise<RunningGateway> {
  const server = createHttpServer()
  const attached = attachTunnels(server, { tunnels })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    connect: (name, options) => connectWebSocketTunnel(`ws://127.0.0.1:${port}/${name}`, options),
    close: () => {
      attached.close()
      server.close()
    },
  }
}

/** Channels through a gateway, to servers in a runtime directory of their own. */
async function channelsOver(
  start: (tunnels: GatewayTunnelOptions) => Promise<RunningGateway>,
): Promise<{ join: JoinChannels; close: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'sw-'))
  process.env['SHMWIRE_DIR'] = directory
  const allow = Array.from({ length: NAMES_MAX }, (_, index) => `s${index}`)
  const gateway = await start({ allow, authorize })
  let count = 0
  const joinChannels: JoinChannels = async (options) => {
    const name = allow[count++] as string
    const server = await listen(name, options)
    const accepted = once(server, 'channel') as Promise<[Channel]>
    const client = await gateway.connect(name, { ...options, authorize, upgrade: false })
    const [served] = await accepted
    server.unref()
    served.once('close', () => void server.close())
    return [client, served]
  }
  const close = async (): Promise<void> => {
    await gateway.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return { join: joinChannels, close }
}

export const tunnelChannels = (): ReturnType<typeof channelsOver> => channelsOver(grpcTunnels)
export const webSocketChannels = (): ReturnType<typeof channelsOver> => channelsOver(webSocketTunnels)
