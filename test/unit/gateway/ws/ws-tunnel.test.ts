import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../../../src/channel/channel.js'
import { ErrorCode } from '../../../../src/errors.js'
import type { TunnelOptions } from '../../../../src/gateway/tunnel/tunnel-channel.js'
import {
  type AttachedTunnels,
  type AttachTunnelsOptions,
  attachTunnels,
} from '../../../../src/gateway/ws/attach-tunnels.js'
import { connectTunnel } from '../../../../src/gateway/ws/ws-tunnel.js'
import { type Server as Listener, listen } from '../../../../src/listen.js'
import type { WaitOptions } from '../../../../src/options.js'
import type { Peer } from '../../../../src/peer.js'
import { policy } from '../../../../src/service/auth/policy.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { serve } from '../../../../src/service/serve.js'
import { ServiceError } from '../../../../src/service-error.js'
import { Authority } from '../../../support/certificates.js'
import { failure, testClient } from '../../../support/services.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { eventually } from '../../../support/turns.js'

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

interface Gateway {
  readonly tunnels: AttachedTunnels
  readonly port: number
}

/** A gateway at `server`, which also has an ordinary page. */
async function startGateway(
  tunnels: Partial<AttachTunnelsOptions['tunnels']> = {},
  options: Partial<AttachTunnelsOptions> = {},
  server: Server = createServer(page),
): Promise<Gateway> {
  const attached = attachTunnels(server, {
    tunnels: { allow: ['prices'], authorize, ...tunnels },
    ...options,
  })
  closers.push(() => attached.close())
  return { tunnels: attached, port: await portOf(server) }
}

const page: RequestListener = (_request, response) => void response.end('a page')

const mutual = (): Server => createSecureServer({ ...gatewayCertificate, requestCert: true }, page)

async function startServer(): Promise<Listener> {
  const server = await listen('prices', { authorize })
  server.on('channel', (channel) => channel.handle((question: unknown) => ({ question })))
  closers.push(() => server.close({ timeoutMs: 5_000 }))
  return server
}

async function connectTo(address: string, options: TunnelOptions & WaitOptions = LOCAL): Promise<Channel> {
  const channel = await connectTunnel(address, options)
  closers.push(() => channel.destroy())
  return channel
}

const connectAt = (port: number, options: TunnelOptions & WaitOptions = LOCAL): Promise<Channel> =>
  connectTo(`ws://127.0.0.1:${port}/prices`, options)

describe('connectTunnel over a WebSocket', () => {
  it('connects over mutual TLS, without authorize on the client and the gateway', async () => {
    await startServer()
    const { port } = await startGateway({ authorize: undefined }, {}, mutual())
    const options = { tls: clientCertificate, upgrade: false }
    const channel = await connectTo(`wss://localhost:${port}/prices`, options)
    expect(await channel.request(1)).toEqual({ question: 1 })
    expect(channel.peer).toMatchObject({ verified: true, address: '127.0.0.1', pid: undefined })
    expect(channel.peer.certificate?.subject.CN).toBe('localhost')
    expect([channel.transport, channel.fallbackReason]).toEqual([
      'ws',
      'the client has the option upgrade: false',
    ])
  })

  it('refuses a gateway whose certificate is of another authority', async () => {
    const other = new Authority()
    closers.push(() => other.remove())
    const { port } = await startGateway({}, {}, mutual())
    const tls = { ...clientCertificate, ca: other.ca }
    await expect(connectTo(`wss://localhost:${port}/prices`, { tls })).rejects.toMatchObject({
      code: ErrorCode.DENIED,
    })
  })

  it('refuses a gateway that authorize does not accept, before it sends its headers', async () => {
    let requests = 0
    const server = createServer(page).on('upgrade', () => (requests += 1))
    const { port } = await startGateway({}, {}, server)
    const peers: Peer[] = []
    const refuse = (peer: Peer): boolean => peers.push(peer) < 0
    await expect(connectAt(port, { authorize: refuse })).rejects.toMatchObject({ code: ErrorCode.DENIED })
    expect([peers, requests]).toEqual([[expect.objectContaining({ address: '127.0.0.1' })], 0])
  })

  it('uses shared memory, or a local socket, for a server of this machine', async () => {
    await startServer()
    const { port } = await startGateway()
    const channel = await connectAt(port, { authorize })
    expect(['shm', 'unix']).toContain(channel.transport)
    expect(channel.peer.pid).toBe(process.pid)
  })

  it('sends a token for each connection', async () => {
    await startServer()
    const received: unknown[] = []
    const server = createServer().on('upgrade', (request) => received.push(request.headers.authorization))
    const { port } = await startGateway({}, {}, server)
    let calls = 0
    const token = async (): Promise<string> => `t${++calls}`
    await connectAt(port, { ...LOCAL, token })
    await connectAt(port, { ...LOCAL, token, headers: { 'x-id': '1' } })
    await connectAt(port, { ...LOCAL, token: 'fixed' })
    expect(received).toEqual(['Bearer t1', 'Bearer t2', 'Bearer fixed'])
    const failing = (): Promise<string> => Promise.reject(new Error('a secret'))
    await expect(connectAt(port, { ...LOCAL, token: failing })).rejects.toMatchObject({
      code: ErrorCode.UNAVAILABLE,
      message: 'the token source failed',
    })
    const twice = { token: 'a', headers: { authorization: 'b' } }
    await expect(connectAt(port, { ...LOCAL, ...twice })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })

  it.each<[string, string, () => Promise<number>]>([
    ['no program', ErrorCode.NOT_LISTENING, () => freePort()],
    ['no server behind the gateway', ErrorCode.NOT_LISTENING, async () => (await startGateway()).port],
    ['a gateway without the name', ErrorCode.DENIED, async () => (await startGateway({ allow: [] })).port],
    ['a server without WebSockets', ErrorCode.VERSION, () => portOf(createServer(page))],
    [
      'a program that does not speak HTTP',
      ErrorCode.VERSION,
      () => listenTcp('220 mail ready\r\n'.repeat(10)),
    ],
    ['a program that ends the connection', ErrorCode.PEER_GONE, () => listenTcp('')],
    ['a redirection', ErrorCode.VERSION, () => listenAnswer(301)],
    ['an answer 401', ErrorCode.DENIED, () => listenAnswer(401)],
    ['an answer 403', ErrorCode.DENIED, () => listenAnswer(403)],
    ['an answer 404', ErrorCode.VERSION, () => listenAnswer(404)],
    ['an answer 429', ErrorCode.UNAVAILABLE, () => listenAnswer(429)],
    ['an answer 503', ErrorCode.UNAVAILABLE, () => listenAnswer(503)],
    ['an answer 500', ErrorCode.PEER_GONE, () => listenAnswer(500)],
    ['a proxy without its server', ErrorCode.NOT_LISTENING, () => listenAnswer(502)],
    [
      'an upgrade to another subprotocol',
      ErrorCode.VERSION,
      () => listenTcp('HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    ],
  ])('reports %s', async (_what, code, start) => {
    await expect(connectAt(await start())).rejects.toMatchObject({ code })
  })

  it('shows the beginning of an answer that refuses it, without control characters', async () => {
    const port = await listenAnswer(403, `no\u001b[31m entry ${'x'.repeat(100_000)}`)
    const error = await failure(connectAt(port))
    const message = String(error['message'])
    expect(message).toMatch(/HTTP status 403: no\\u001b\[31m entry x+… \(1024 characters\); check/)
    expect(message.length).toBeLessThan(1_000)
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

  it('gives up a gateway that is silent for longer than the heartbeat allows, before the upgrade too', async () => {
    const port = await listenTcp(undefined)
    const heartbeat = { intervalMs: 20, timeoutMs: 60 }
    await expect(connectAt(port, { ...LOCAL, heartbeat })).rejects.toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: expect.stringContaining('was silent for 60 ms'),
    })
  })

  it.each<[string, TunnelOptions]>([
    ['ws://127.0.0.1:1/prices', { ...LOCAL, tls: {} }],
    ['ws://192.0.2.1/prices', LOCAL],
    ['ws://127.0.0.1:1/prices', {}],
    ['wss://a/prices', { tls: { rejectUnauthorized: false } }],
    ['http://127.0.0.1/prices', LOCAL],
    [7 as never, LOCAL],
    ['ws://127.0.0.1:1/prices', { ...LOCAL, upgrade: 1 as never }],
    ['ws://127.0.0.1:1/prices', { ...LOCAL, token: '' }],
    ['ws://127.0.0.1:1/prices', { ...LOCAL, headers: { 'sec-websocket-key': 'x' } }],
    ['ws://127.0.0.1:1/prices', { ...LOCAL, resume: 1 } as never],
  ])('rejects %s with the options %j', async (address, options) => {
    await expect(connectTo(address, options)).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
  })
})

describe('attachTunnels', () => {
  it('takes the WebSockets of its path, beside the pages and WebSockets of the program', async () => {
    await startServer()
    const others: string[] = []
    const server = createServer(page).on('upgrade', (request, socket) => {
      if (request.url?.startsWith('/tunnels/') === true) return
      others.push(request.url ?? '')
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    })
    const { port } = await startGateway({}, { path: '/tunnels' }, server)
    const channel = await connectTo(`ws://127.0.0.1:${port}/tunnels/any/prices`)
    expect(await channel.request(1)).toEqual({ question: 1 })
    await expect(connectAt(port)).rejects.toMatchObject({ code: ErrorCode.DENIED })
    expect(others).toEqual(['/prices'])
    expect(await (await fetch(`http://127.0.0.1:${port}/prices`)).text()).toBe('a page')
  })

  it('answers with 404 to a WebSocket of another path, without other listeners', async () => {
    const { port } = await startGateway({}, { path: '/tunnels/' })
    await expect(connectAt(port)).rejects.toMatchObject({
      code: ErrorCode.VERSION,
      message: expect.stringContaining('no WebSocket has this path'),
    })
  })

  it('forgets a session when its channel closes', async () => {
    await startServer()
    const { port, tunnels } = await startGateway()
    const channel = await connectAt(port)
    expect([await channel.request(1), tunnels.sessions]).toEqual([{ question: 1 }, 1])
    await channel.close()
    await eventually(() => tunnels.sessions === 0)
  })

  it('bounds the connections of one host', async () => {
    await startServer()
    const { port } = await startGateway({ maxSessions: 1 })
    await connectAt(port)
    await expect(connectAt(port)).rejects.toMatchObject({
      code: ErrorCode.UNAVAILABLE,
      message: expect.stringContaining('this host 1 of 1'),
    })
  })

  it('ends its channels when it closes, and takes no further ones', async () => {
    await startServer()
    const { port, tunnels } = await startGateway()
    const channel = await connectAt(port)
    const closed = new Promise<unknown>((resolve) => channel.once('close', resolve))
    tunnels.close()
    expect(await closed).toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: expect.stringContaining('closing'),
    })
    await expect(connectAt(port)).rejects.toMatchObject({ code: ErrorCode.VERSION })
  })

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
    const { port } = await startGateway({ authorize: undefined }, { policy: rules }, mutual())
    const options = { tls: clientCertificate, upgrade: false }
    const channel = await connectTo(`wss://localhost:${port}/prices`, options)
    const calls = await testClient<'read' | 'write'>(channel, { name: 's' })
    expect(await calls.read()).toBe('alice')
    expect(await failure(calls.write())).toMatchObject({ status: 'PERMISSION_DENIED' })
  })

  it('accepts a client with a token that an authenticator knows, and refuses others with its challenge', async () => {
    await startServer()
    const auth = {
      securityScheme: { type: 'http', scheme: 'bearer' },
      challenge: 'Bearer realm="prices"',
      authenticate: async ({ headers }: { headers: { authorization?: string | undefined } }) => {
        if (headers.authorization === undefined) return undefined
        if (headers.authorization === 'Bearer good') return { subject: 'alice' }
        throw new ServiceError('UNAUTHENTICATED', 'the token has expired')
      },
    }
    const { port } = await startGateway(
      { authorize: undefined },
      { auth, policy: policy({ '*': () => true }) },
    )
    const channel = await connectAt(port, { ...LOCAL, token: 'good' })
    expect(await channel.request(1)).toEqual({ question: 1 })
    await expect(connectAt(port, { ...LOCAL, token: 'old' })).rejects.toMatchObject({
      code: ErrorCode.DENIED,
      message: expect.stringContaining('401: the token has expired'),
    })
    expect(await answerTo(port, { authorization: 'Bearer old' })).toMatch(
      /^HTTP\/1.1 401 [\s\S]*www-authenticate: Bearer realm="prices"\r\n/,
    )
    await expect(connectAt(port)).rejects.toMatchObject({ code: ErrorCode.DENIED })
  })

  it('refuses a client that the policy does not allow, and reports a policy that fails to its log only', async () => {
    const denied = policy({ 'shmwire.v1.TunnelService/Open': async () => false })
    const identify = (): { subject: string } => ({ subject: 'alice' })
    const { port } = await startGateway({}, { policy: denied, identify })
    await expect(connectAt(port)).rejects.toMatchObject({
      code: ErrorCode.DENIED,
      message: expect.stringContaining('may not call shmwire.v1.TunnelService/Open'),
    })
    const lines: string[] = []
    const logger = { warn: (line: string) => lines.push(line), debug() {} }
    const failing = policy({
      '*': () => {
        throw new Error('a secret')
      },
    })
    const other = await startGateway({}, { policy: failing, logger })
    await expect(connectAt(other.port)).rejects.toMatchObject({
      code: ErrorCode.PEER_GONE,
      message: expect.not.stringContaining('secret'),
    })
    expect(lines.join()).toContain('a tunnel failed: a secret')
  })

  it.each<[string, string, Record<string, string>]>([
    ['101', 'no Origin', {}],
    ['101', 'its own host as Origin', { origin: 'http://PAGE.example', host: 'page.example' }],
    ['101', 'an Origin that the option has', { origin: 'https://app.example' }],
    ['403', 'another host as Origin', { origin: 'https://other.example', host: 'page.example' }],
    ['403', 'another port as Origin', { origin: 'http://page.example:81', host: 'page.example' }],
    ['403', 'an Origin of a sandboxed page', { origin: 'null', host: 'null' }],
    ['400', 'another subprotocol', { 'sec-websocket-protocol': 'chat' }],
    ['400', 'a wrong version', { 'sec-websocket-version': '7' }],
    ['400', 'a wrong key', { 'sec-websocket-key': 'x' }],
  ])('answers with %s to an upgrade with %s', async (status, _what, headers) => {
    const { port } = await startGateway({}, { origins: ['https://app.example'] })
    expect(await answerTo(port, headers)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })

  it('does not compress, also if the client offers it', async () => {
    const { port } = await startGateway()
    const answer = await answerTo(port, { 'sec-websocket-extensions': 'permessage-deflate' })
    expect(answer.toLowerCase()).not.toContain('sec-websocket-extensions')
  })

  it.each<[Partial<AttachTunnelsOptions>]>([
    [{ path: 'tunnels' }],
    [{ origins: 'https://a' as never }],
    [{ insecure: 1 as never }],
    [{ heartbeat: { intervalMs: 1 } }],
    [{ tunnels: undefined as never }],
    [{ tunnels: { allow: ['a/b'] } }],
    [{ policy: policy({ 'shmwire.v1.TunnelService/Close': () => true }) }],
    [{ tunnel: 1 } as never],
  ])('rejects the options %j', (options) => {
    expect(() => attachTunnels(createServer(), { tunnels: { allow: [] }, ...options })).toThrow(
      expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
    )
  })
})

/** The beginning of the answer to an upgrade with further headers. */
async function answerTo(port: number, further: Record<string, string>): Promise<string> {
  const { createConnection } = await import('node:net')
  const headers = {
    host: 'localhost',
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-protocol': 'shmwire.v1',
    ...further,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const socket = createConnection({ port, host: '127.0.0.1' })
  socket.write(`GET /prices HTTP/1.1\r\n${lines.join('')}\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString()
}

async function listenTcp(answer: string | undefined): Promise<number> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {}).resume()
    closers.push(() => socket.destroy())
    if (answer !== undefined) socket.end(answer)
  })
  return portOf(server)
}

function listenAnswer(status: number, body = ''): Promise<number> {
  return portOf(
    createServer((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' })
      response.end(body)
    }),
  )
}

async function freePort(): Promise<number> {
  const port = await portOf(createTcpServer())
  await closers.pop()?.()
  return port
}

async function portOf(server: TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        ;(server as Partial<Server>).closeAllConnections?.()
      }),
  )
  return (server.address() as AddressInfo).port
}
