import { once } from 'node:events'
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../../../src/channel/channel.js'
import { ErrorCode } from '../../../../src/errors.js'
import { connectTunnel } from '../../../../src/gateway/grpc/grpc-tunnel.js'
import { type Http2Tunnels, http2Tunnels } from '../../../../src/gateway/grpc/http2-tunnels.js'
import type { CallClient, GatewayTunnelOptions } from '../../../../src/gateway/tunnel/tunnel-admission.js'
import type { TunnelOptions } from '../../../../src/gateway/tunnel/tunnel-channel.js'
import { listen } from '../../../../src/listen.js'
import { Authority } from '../../../support/certificates.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { eventually } from '../../../support/turns.js'

const authorize = (): boolean => true
const authority = new Authority()
const certificate = authority.sign('localhost')
afterAll(() => authority.remove())

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})
beforeEach(async () => {
  ownRuntimeDirectory()
  const server = await listen('prices')
  server.on('channel', (channel) => channel.handle((question: unknown) => ({ question })))
  closers.push(() => server.close({ timeoutMs: 5_000 }))
})

function clientOf(stream: ServerHttp2Stream): CallClient {
  const socket = stream.session?.socket as TLSSocket
  const given = socket.getPeerCertificate?.() as PeerCertificate | undefined
  return { address: socket.remoteAddress, certificate: given }
}

async function startGateway(
  options: Partial<GatewayTunnelOptions> = {},
  server: Http2Server | Http2SecureServer = createServer(),
  identityOf: (headers: IncomingHttpHeaders) => string | undefined = () => undefined,
): Promise<{ tunnels: Http2Tunnels; port: number }> {
  const tunnels = http2Tunnels({ allow: ['prices'], ...options })
  const sockets = new Set<{ destroy(): unknown }>()
  server.on('session', (session) => sockets.add(session))
  server.on('stream', (stream, headers) =>
    tunnels.accept(stream, { ...clientOf(stream), identity: identityOf(headers) }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    tunnels.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { tunnels, port: (server.address() as AddressInfo).port }
}

async function connectAt(port: number, options: TunnelOptions = {}): Promise<Channel> {
  const address = `grpc://localhost:${port}/prices`
  const channel = await connectTunnel(address, { authorize, upgrade: false, ...options })
  closers.push(() => channel.destroy())
  return channel
}

describe('http2Tunnels', () => {
  it('carries channels, and forgets a session when its channel closes', async () => {
    const { tunnels, port } = await startGateway({ authorize })
    const channel = await connectAt(port)
    expect(await channel.request(1)).toEqual({ question: 1 })
    expect(tunnels.sessions).toBe(1)
    await channel.close()
    await eventually(() => tunnels.sessions === 0)
  })

  it('accepts a client with a certificate, and refuses one without an identity', async () => {
    const secure = createSecureServer({ ...certificate, requestCert: true })
    const { port } = await startGateway({}, secure)
    const channel = await connectAt(port, { tls: certificate, authorize: undefined })
    expect(await channel.request(2)).toEqual({ question: 2 })
    const { port: plain } = await startGateway()
    await expect(connectAt(plain)).rejects.toMatchObject({ code: ErrorCode.DENIED })
  })

  it('accepts a client whose headers identify it', async () => {
    const identityOf = ({ authorization }: IncomingHttpHeaders): string | undefined =>
      authorization === 'Bearer good' ? 'alice' : undefined
    const { port } = await startGateway({}, createServer(), identityOf)
    const channel = await connectAt(port, { headers: { authorization: 'Bearer good' } })
    expect(channel.open).toBe(true)
    await expect(connectAt(port, { headers: { authorization: 'bad' } })).rejects.toMatchObject({
      code: ErrorCode.DENIED,
    })
  })

  it('bounds the calls', async () => {
    const { port } = await startGateway({ authorize, maxSessions: 1 })
    await connectAt(port)
    await expect(connectAt(port)).rejects.toMatchObject({
      code: ErrorCode.UNAVAILABLE,
      message: expect.stringContaining('this host 1 of 1'),
    })
  })

  it('ends its channels when it closes', async () => {
    const { tunnels, port } = await startGateway({ authorize })
    const channel = await connectAt(port)
    const closed = new Promise<unknown>((resolve) => channel.once('close', resolve))
    tunnels.close()
    expect(await closed).toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: expect.stringContaining('closing'),
    })
    await expect(connectAt(port)).rejects.toMatchObject({ code: ErrorCode.CLOSED })
  })
})
