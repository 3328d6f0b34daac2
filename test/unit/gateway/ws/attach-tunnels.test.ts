import { createServer } from 'node:http'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { type AttachTunnelsOptions, attachTunnels } from '../../../../src/gateway/ws/attach-tunnels.js'
import { policy } from '../../../../src/service/auth/policy.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { serve } from '../../../../src/service/serve.js'
import { ServiceError } from '../../../../src/service-error.js'
import { textLogger } from '../../../support/line-logger.js'
import { failure, testClient } from '../../../support/services.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { eventually } from '../../../support/turns.js'
import {
  answerTo,
  authority,
  clientCertificate,
  closeAll,
  closers,
  connectAt,
  connectTo,
  LOCAL,
  mutual,
  page,
  startGateway,
  startServer,
} from '../../../support/web-socket-gateways.js'

afterAll(() => authority.remove())
afterEach(closeAll)
beforeEach(() => {
  ownRuntimeDirectory()
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
    const logger = textLogger(lines)
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
    expect(lines.join()).toMatch(/^tunnel\.failed .*"error":"a secret"/)
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

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['an application of Fastify', { server: createServer() }],
    ['an application of Express', Object.assign(() => {}, { on: () => {}, listenerCount: () => 0 })],
  ])('rejects %s as the server', (_name, server) => {
    expect(() => attachTunnels(server as never, { tunnels: { allow: [] } })).toThrow(
      expect.objectContaining({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining('a server of node:http or node:https') as string,
      }),
    )
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
