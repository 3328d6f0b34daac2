import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import type { TunnelOptions } from '../../../../src/gateway/tunnel/tunnel-channel.js'
import type { Peer } from '../../../../src/peer.js'
import { Authority } from '../../../support/certificates.js'
import { eventsOf, observedTraces, SUCCESS } from '../../../support/observed.js'
import { failure } from '../../../support/services.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import {
  authority,
  authorize,
  clientCertificate,
  closeAll,
  closers,
  connectAt,
  connectTo,
  LOCAL,
  mutual,
  page,
  portOf,
  startGateway,
  startServer,
} from '../../../support/web-socket-gateways.js'

afterAll(() => authority.remove())
afterEach(closeAll)
beforeEach(() => {
  ownRuntimeDirectory()
})

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
    const connects = observedTraces('shmwire:connect')
    const channel = await connectAt(port, { authorize })
    expect(['shm', 'unix']).toContain(channel.transport)
    expect(channel.peer.pid).toBe(process.pid)
    // One connection is reported, not also that to the server of this machine.
    expect(eventsOf(connects)).toEqual(SUCCESS)
    expect(connects[0]?.payload.address).toMatch(/^wss?:/)
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
