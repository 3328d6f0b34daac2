import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ByteStream } from '../../src/byte-stream.js'
import type { Channel } from '../../src/channel/channel.js'
import { GrpcConnection } from '../../src/gateway/grpc/grpc-dial.js'
import { grpcGateway } from '../../src/gateway/grpc/grpc-gateway.js'
import { connectTunnel } from '../../src/gateway/grpc/grpc-tunnel.js'
import { Http2ServerCall } from '../../src/gateway/grpc/http2-server-call.js'
import { ClientTunnel } from '../../src/gateway/tunnel/client-tunnel.js'
import { decodeRequest, encodeMessage, type Start } from '../../src/gateway/tunnel/tunnel-message.js'
import { resolveBounds } from '../../src/gateway/tunnel/tunnel-options.js'
import { TunnelStream } from '../../src/gateway/tunnel/tunnel-stream.js'
import { listen } from '../../src/listen.js'
import { resolveOptions } from '../../src/options.js'
import type { JoinChannels } from './channel-pairs.js'
import type { JoinStreams } from './stream-pairs.js'

/** Both ends of tunnels, whose connections are accepted by one server of node:http2. */
export async function tunnelStreams(): Promise<{ join: JoinStreams; close: () => void }> {
  const bounds = resolveBounds({})
  const accepted = new Map<string, TunnelStream>()
  const server = createServer()
  server.on('stream', (stream) => {
    const connection = new Http2ServerCall(stream)
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
  const text = `grpc://127.0.0.1:${port}`
  const settings = resolveOptions({ authorize: () => true })
  const target = { address: { kind: 'tcp', host: '127.0.0.1', port, text }, settings } as const
  let count = 0
  const joinStreams = async (): Promise<[ByteStream, ByteStream]> => {
    const name = `s${count++}`
    const tunnel = new ClientTunnel({
      ...bounds,
      dial: () => new GrpcConnection(target, async () => ({})),
      name,
      bootId: '',
    })
    await tunnel.accepted
    const pair: [ByteStream, ByteStream] = [tunnel.stream, accepted.get(name) as TunnelStream]
    accepted.delete(name)
    for (const stream of pair) stream.on('error', () => {}).pause()
    return pair
  }
  return { join: joinStreams, close: () => server.close() }
}

const NAMES_MAX = 4_000

/** Channels through a gateway, to servers in a runtime directory of their own. */
export async function tunnelChannels(): Promise<{ join: JoinChannels; close: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'sw-'))
  process.env['SHMWIRE_DIR'] = directory
  const allow = Array.from({ length: NAMES_MAX }, (_, index) => `s${index}`)
  const authorize = (): boolean => true
  const gateway = await grpcGateway({ listen: '127.0.0.1:0', tunnels: { allow, authorize } })
  let count = 0
  const joinChannels: JoinChannels = async (options) => {
    const name = allow[count++] as string
    const server = await listen(name, options)
    const accepted = once(server, 'channel') as Promise<[Channel]>
    const address = `grpc://${gateway.address}/${name}`
    const client = await connectTunnel(address, { ...options, authorize, upgrade: false })
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
