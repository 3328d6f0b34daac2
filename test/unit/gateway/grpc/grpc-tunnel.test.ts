import { once } from 'node:events'
import { createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../../../src/channel/channel.js'
import { ErrorCode } from '../../../../src/errors.js'
import type { GrpcGatewayOptions } from '../../../../src/gateway/grpc/gateway-options.js'
import { type GrpcGateway, grpcGateway } from '../../../../src/gateway/grpc/grpc-gateway.js'
import { connectTunnel } from '../../../../src/gateway/grpc/grpc-tunnel.js'
import type { GatewayTunnelOptions } from '../../../../src/gateway/tunnel/tunnel-admission.js'
import type { TunnelOptions } from '../../../../src/gateway/tunnel/tunnel-channel.js'
import { type Server as Listener, listen } from '../../../../src/listen.js'
import type { WaitOptions } from '../../../../src/options.js'
import type { Peer } from '../../../../src/peer.js'
import { policy } from '../../../../src/service/auth/policy.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { serve } from '../../../../src/service/serve.js'
import { ServiceError } from '../../../../src/service-error.js'
import { Authority } from '../../../support/certificates.js'
import { Users } from '../../../support/grpc-gateways.js'
import { textLogger } from '../../../support/line-logger.js'
import { failure, testClient } from '../../../support/services.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'

const authorize = (): boolean => true
const LOCAL = { authorize, upgrade: false } as const
const authority = new Authority()
const gatewayCertificate = authority.sign('localhost')
const clientCertificate = authority.sign('alice')
afterAll(() => authority.remove())

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})
beforeEach(() => {
  ownRuntimeDirectory()
})

async function startGateway(
  tunnels: Partial<GatewayTunnelOptions> = {},
  options: Partial<GrpcGatewayOptions> = {},
): Promise<GrpcGateway> {
  const gateway = await grpcGateway({
    listen: '127.0.0.1:0',
    tunnels: { allow: ['prices'], authorize, ...tunnels },
    ...options,
  })
  closers.push(() => gateway.close({ timeoutMs: 0 }))
  return gateway
}

async function startServer(): Promise<Listener> {
  const server = await listen('prices', { authorize })
  server.on('channel', (channel) => channel.handle((question: unknown) => ({ question })))
  closers.push(() => server.close({ timeoutMs: 5_000 }))
  return server
}

async function connectAt(
  port: number,
  options: TunnelOptions & WaitOptions = LOCAL,
  host = '127.0.0.1',
): Promise<Channel> {
  const channel = await connectTunnel(`grpc://${host}:${port}/prices`, options)
  closers.push(() => channel.destroy())
  return channel
}

/** The gateway asks its clients for certificates of the authority (mutual TLS). */
const MUTUAL = { tls: { ...gatewayCertificate, requestCert: true } }

describe('connectTunnel', () => {
  it('connects over mutual TLS, without authorize on the client and the gateway', async () => {
    await startServer()
    const { port } = await startGateway({ authorize: undefined }, MUTUAL)
    const channel = await connectAt(port, { tls: clientCertificate, upgrade: false }, 'localhost')
    expect(await channel.request(1)).toEqual({ question: 1 })
    expect(channel.peer).toMatchObject({ verified: true, address: '127.0.0.1', pid: undefined })
    expect(channel.peer.certificate?.subject.CN).toBe('localhost')
    expect(channel.transport).toBe('grpc')
  })

  it('refuses a gateway whose certificate is of another authority', async () => {
    const other = new Authority()
    closers.push(() => other.remove())
    const { port } = await startGateway({}, MUTUAL)
    const tls = { ...clientCertificate, ca: other.ca }
    await expect(connectAt(port, { tls }, 'localhost')).rejects.toMatchObject({ code: ErrorCode.DENIED })
  })

  it('refuses a gateway that authorize does not accept, before it makes a call', async () => {
    const callers: Peer[] = []
    const { port } = await startGateway({ authorize: (peer) => callers.push(peer) > 0 })
    const peers: Peer[] = []
    const refuse = (peer: Peer): boolean => peers.push(peer) < 0
    await expect(connectAt(port, { authorize: refuse })).rejects.toMatchObject({ code: ErrorCode.DENIED })
    expect([peers, callers]).toEqual([[expect.objectContaining({ address: '127.0.0.1' })], []])
  })

  it('reports a client without an identity that the gateway does not accept', async () => {
    const { port } = await startGateway({ authorize: undefined })
    await expect(connectAt(port)).rejects.toMatchObject({
      code: ErrorCode.DENIED,
      message: expect.stringContaining('pass the option authorize'),
    })
  })

  it('calls the function headers for each connection, and reports its errors', async () => {
    await startServer()
    const { port } = await startGateway()
    let calls = 0
    const headers = async () => ({ authorization: `Bearer ${++calls}` })
    await connectAt(port, { ...LOCAL, headers })
    await connectAt(port, { ...LOCAL, headers })
    expect(calls).toBe(2)
    const failing = () => Promise.reject(new Error('no token'))
    await expect(connectAt(port, { ...LOCAL, headers: failing })).rejects.toMatchObject({
      code: ErrorCode.UNAVAILABLE,
      message: expect.stringContaining('no token'),
    })
    const wrong = () => ({ Host: 'x' })
    await expect(connectAt(port, { ...LOCAL, headers: wrong })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })

  it.each<[string, string, () => Promise<number>]>([
    ['no program', ErrorCode.NOT_LISTENING, () => freePort()],
    ['no server behind the gateway', ErrorCode.NOT_LISTENING, async () => (await startGateway()).port],
    ['a gateway without the name', ErrorCode.DENIED, async () => (await startGateway({ allow: [] })).port],
    [
      'a gateway without tunnels',
      ErrorCode.VERSION,
      async () => {
        const services = [{ contract: Users, target: 'users' }]
        return (await startGateway({}, { services, tunnels: undefined })).port
      },
    ],
    [
      'a program that does not speak HTTP/2',
      ErrorCode.VERSION,
      () => listenTcp('220 mail ready\r\n'.repeat(10)),
    ],
    ['a server of HTTP/2 that is not one of gRPC', ErrorCode.VERSION, () => listenHttp2(404)],
    ['a proxy without its server', ErrorCode.NOT_LISTENING, () => listenHttp2(502)],
    ['a program that ends the connection', ErrorCode.PEER_GONE, () => listenTcp('')],
  ])('reports %s', async (_what, code, start) => {
    await expect(connectAt(await start())).rejects.toMatchObject({ code })
  })

  it('ends with TIMEOUT if the gateway does not answer, and with ABORTED', async () => {
    const port = await listenTcp(undefined)
    await expect(connectAt(port, { ...LOCAL, timeoutMs: 50 })).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
    })
    const stopping = new AbortController()
    const connecting = connectAt(port, { ...LOCAL, signal: stopping.signal })
    setTimeout(() => stopping.abort(), 20)
    await expect(connecting).rejects.toMatchObject({ code: ErrorCode.ABORTED })
  })

  it.each<[TunnelOptions]>([
    [{ upgrade: 1 as never }],
    [{ headers: { ':path': 'x' } }],
    [{ bufferBytes: 65_535 }],
    [{ windowBytes: 2 ** 30 + 1 }],
    [{ resumeMs: -1 }],
    [{ resume: 1 } as never],
  ])('rejects the options %j', async (options) => {
    await expect(connectAt(1, { ...LOCAL, ...options })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })

  it('continues when the gateway does not answer pings any more', async () => {
    await startServer()
    const { port } = await startGateway()
    const channel = await connectAt(port, { ...LOCAL, heartbeat: { intervalMs: 20, timeoutMs: 60 } })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await channel.request(2)).toEqual({ question: 2 })
  })

  it('uses shared memory, or a local socket, for a server of this machine', async () => {
    await startServer()
    const { port } = await startGateway()
    const channel = await connectAt(port, { authorize })
    expect(['shm', 'unix']).toContain(channel.transport)
    expect(channel.peer.pid).toBe(process.pid)
  })
})

describe('a gateway with tunnels', () => {
  it('passes the identity of its client to the services of the server', async () => {
    const rules = policy({
      's/read': (identity) => identity?.subject === 'alice',
      'shmwire.v1.TunnelService/Open': (identity) => identity?.subject === 'alice',
    })
    const handlers = {
      read: (_request: unknown, { identity }: CallContext) => identity?.subject,
      write: () => 1,
    }
    const service = await serve('prices', handlers, { name: 's', policy: rules })
    closers.push(() => service.close({ timeoutMs: 1_000 }))
    const { port } = await startGateway({ authorize: undefined }, { ...MUTUAL, policy: rules })
    const channel = await connectAt(port, { tls: clientCertificate, upgrade: false }, 'localhost')
    const calls = await testClient<'read' | 'write'>(channel, { name: 's' })
    expect(await calls.read()).toBe('alice')
    // Also not with another identity, which only processes of this machine may state.
    expect(await calls.read(0, { identity: { subject: 'bob' } })).toBe('alice')
    expect(await failure(calls.write())).toMatchObject({ status: 'PERMISSION_DENIED' })
  })

  it('ends its channels when it closes, and does not wait for them', async () => {
    await startServer()
    const gateway = await startGateway()
    const channel = await connectAt(gateway.port)
    const closed = new Promise<unknown>((resolve) => channel.once('close', resolve))
    await gateway.close()
    expect(await closed).toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: expect.stringContaining('closing'),
    })
    await expect(connectAt(gateway.port)).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
  })

  it('keeps tunnels on connections that are old', async () => {
    await startServer()
    const { port } = await startGateway({}, { maxConnectionAgeMs: 1_000, maxConnectionIdleMs: 1_000 })
    const heartbeat = { intervalMs: 100, timeoutMs: 300 }
    const channel = await connectAt(port, { ...LOCAL, heartbeat })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await channel.request(3)).toEqual({ question: 3 })
  })

  it.each([
    ['at once', () => false, 'may not call shmwire.v1.TunnelService/Open'],
    ['later', async () => false, 'may not call shmwire.v1.TunnelService/Open'],
    [
      'with an error',
      () => Promise.reject(new ServiceError('PERMISSION_DENIED', 'closed today')),
      'closed today',
    ],
  ])('refuses a client that the policy does not allow, %s', async (_when, rule, text) => {
    await startServer()
    const rules = policy({ 'shmwire.v1.TunnelService/Open': rule })
    const { port } = await startGateway({}, { policy: rules, identify: () => ({ subject: 'alice' }) })
    await expect(connectAt(port)).rejects.toMatchObject({
      code: ErrorCode.DENIED,
      message: expect.stringContaining(text),
    })
  })

  it('refuses a client without an identity, if the policy has no rule that allows it', async () => {
    const { port } = await startGateway({}, { policy: policy({ '*': ['admin'] }) })
    await expect(connectAt(port)).rejects.toMatchObject({
      code: ErrorCode.DENIED,
      message: expect.stringContaining('has no identity'),
    })
  })

  it('accepts a client that identify knows and the policy allows', async () => {
    await startServer()
    const calls: unknown[] = []
    const rule = async (identity: unknown, call: unknown): Promise<boolean> =>
      calls.push([identity, call]) > 0
    const { port } = await startGateway(
      { authorize: undefined },
      { policy: policy({ '*': rule }), identify: ({ address }) => ({ subject: `host ${address}` }) },
    )
    const channel = await connectAt(port)
    expect(await channel.request(4)).toEqual({ question: 4 })
    const identity = { subject: 'host 127.0.0.1', scopes: [], roles: [] }
    expect(calls).toEqual([[identity, { service: 'shmwire.v1.TunnelService', method: 'Open' }]])
  })

  it('takes a certificate that identify does not know for no identity', async () => {
    const { port } = await startGateway({ authorize: undefined }, { ...MUTUAL, identify: () => undefined })
    const options = { tls: clientCertificate, upgrade: false }
    await expect(connectAt(port, options, 'localhost')).rejects.toMatchObject({ code: ErrorCode.DENIED })
  })

  it('reports a policy that fails to its log, and not to the client', async () => {
    const lines: string[] = []
    const logger = textLogger(lines)
    const rules = policy({
      '*': () => {
        throw new Error('a secret')
      },
    })
    const { port } = await startGateway({}, { policy: rules, logger })
    await expect(connectAt(port)).rejects.toMatchObject({ message: expect.not.stringContaining('secret') })
    expect(lines.join()).toMatch(/^tunnel\.failed .*"error":"a secret"/)
  })

  it('forgets a client that has left before the policy decides', async () => {
    let decide: (() => void) | undefined
    const rule = (): Promise<boolean> =>
      new Promise((resolve) => {
        decide = () => resolve(true)
      })
    const callers: Peer[] = []
    const record = (peer: Peer): boolean => callers.push(peer) > 0
    const { port } = await startGateway({ authorize: record }, { policy: policy({ '*': rule }) })
    await expect(connectAt(port, { ...LOCAL, timeoutMs: 300 })).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    decide?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(callers).toEqual([])
  })
})

async function listenTcp(answer: string | undefined): Promise<number> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {}).resume()
    closers.push(() => socket.destroy())
    if (answer !== undefined) socket.end(answer)
  })
  return portOf(server)
}

async function listenHttp2(status: number): Promise<number> {
  const server = createHttp2Server((_request, response) => {
    response.writeHead(status)
    response.end()
  })
  return portOf(server)
}

async function freePort(): Promise<number> {
  const port = await portOf(createTcpServer())
  await closers.pop()?.()
  return port
}

async function portOf(server: TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}
