import { connect } from 'node:net'
import { Agent, request } from 'undici'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { createRestServer } from '../../../../src/gateway/rest/rest-server.js'
import { jsonSchema } from '../../../../src/schema/json-schema.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { clientStream, contract, unary } from '../../../../src/service/contract/define-contract.js'
import { Authority } from '../../../support/certificates.js'
import { rawRequest } from '../../../support/raw-http.js'
import {
  type Json,
  openServer,
  restClient,
  servedChannel,
  startServer,
} from '../../../support/rest-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

const ANY = jsonSchema<unknown>({})
const Echo = contract('test.Echo', {
  get: unary({ input: ANY, output: ANY, http: 'GET /items/{id}', safe: true }),
  save: unary({ input: ANY, output: ANY, http: 'POST /items' }),
})
const echo = { get: (message: Json) => message, save: (message: Json) => message }

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

describe('a server of REST', () => {
  it('has security headers on all replies', async () => {
    const { client } = await openServer(Echo, echo)
    for (const path of ['/items/1', '/nothing', '/%zz', '/health']) {
      const { headers } = await client.get(path)
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
      })
      expect(headers['strict-transport-security']).toBeUndefined()
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  it('listens with TLS, and demands it of browsers', async () => {
    const authority = new Authority()
    onTestFinished(() => authority.remove())
    const { server } = await openServer(Echo, echo, { tls: authority.sign('server') })
    const agent = new Agent({ connect: { ca: authority.ca } })
    onTestFinished(() => agent.destroy())
    const { statusCode, headers, body } = await request(`https://${server.address}/items/1`, {
      dispatcher: agent,
    })
    expect([statusCode, await body.json()]).toEqual([200, { id: '1' }])
    expect(headers['strict-transport-security']).toBe('max-age=63072000')
  })

  it('knows a client by its certificate', async () => {
    const authority = new Authority()
    onTestFinished(() => authority.remove())
    const own = { ...echo, get: (_request: Json, { identity }: CallContext) => identity?.subject ?? null }
    const tls = { ...authority.sign('server'), requestCert: true, rejectUnauthorized: true }
    const { server } = await openServer(Echo, own, { tls })
    const { cert, key } = authority.sign('ann')
    const agent = new Agent({ connect: { ca: authority.ca, cert, key } })
    onTestFinished(() => agent.destroy())
    const { body } = await request(`https://${server.address}/items/1`, { dispatcher: agent })
    expect(await body.json()).toBe('ann')
  })

  it('gives no identity to a client whose certificate is not verified', async () => {
    const [authority, stranger] = [new Authority(), new Authority()]
    onTestFinished(() => authority.remove())
    onTestFinished(() => stranger.remove())
    const own = { ...echo, get: (_request: Json, { identity }: CallContext) => identity?.subject ?? null }
    const tls = { ...authority.sign('server'), requestCert: true, rejectUnauthorized: false }
    const { server } = await openServer(Echo, own, { tls })
    for (const [{ cert, key }, subject] of [
      [stranger.sign('ann'), null],
      [authority.sign('ann'), 'ann'],
    ] as const) {
      const agent = new Agent({ connect: { ca: authority.ca, cert, key } })
      onTestFinished(() => agent.destroy())
      const { body } = await request(`https://${server.address}/items/1`, { dispatcher: agent })
      expect(await body.json()).toBe(subject)
    }
  })

  it.each([
    ['a place without a port', { listen: '127.0.0.1' }, /listen is "127.0.0.1"/],
    ['an open place without TLS', { listen: '0.0.0.0:0' }, /is not encrypted/],
    ['an unknown option', { port: 80 }, /unknown option "port"/],
    ['headers of no size', { maxHeaderBytes: 1 }, /maxHeaderBytes is 1/],
    ['no connections', { maxConnections: 0 }, /maxConnections is 0/],
    ['a short time for headers', { headersTimeoutMs: 1 }, /headersTimeoutMs is 1/],
  ])('refuses %s', async (_name, options, message) => {
    const target = await servedChannel(Echo, echo)
    const services = [{ contract: Echo, target }]
    await expect(createRestServer({ listen: '127.0.0.1:0', services, ...options })).rejects.toThrow(message)
  })

  it('refuses a stream of the caller with a route', async () => {
    const Upload = contract('test.Upload', { up: clientStream({ input: ANY, http: 'POST /up' }) })
    const target = await servedChannel(Upload, { up: () => {} })
    await expect(startServer({ services: [{ contract: Upload, target }] })).rejects.toThrow(
      'services[0].contract: test.Upload.up has an HTTP route, and is a stream of the caller',
    )
  })

  it('refuses two methods with the same route, and one with the route of its own', async () => {
    const Other = contract('test.Other', { get: unary({ input: ANY, http: 'GET /items/{name}' }) })
    const Health = contract('test.Health', { get: unary({ http: 'GET /health' }) })
    const services = await Promise.all(
      [Echo, Other, Health].map(async (one) => ({
        contract: one,
        target: await servedChannel(one, { ...echo }),
      })),
    )
    await expect(startServer({ services: services.slice(0, 2) })).rejects.toThrow(
      'test.Echo/get and test.Other/get have the HTTP route GET /items/{name}; use different routes',
    )
    await expect(startServer({ services: services.slice(2) })).rejects.toThrow('pass health: false')
    const { client } = await startServer({ services: services.slice(2), health: false })
    expect((await client.get('/health')).status).toBe(204)
  })

  it('reports a port that is in use', async () => {
    const { server } = await openServer(Echo, echo)
    const target = await servedChannel(Echo, echo)
    const services = [{ contract: Echo, target }]
    await expect(createRestServer({ listen: server.address, services })).rejects.toMatchObject({
      code: ErrorCode.NAME_IN_USE,
    })
  })

  it('waits for open requests when it closes, and is not ready meanwhile', async () => {
    const begun = deferred()
    const go = deferred()
    const { server, client } = await openServer(Echo, {
      ...echo,
      async get(message: Json) {
        begun.resolve()
        await go.promise
        return message
      },
    })
    // A connection that stays open, with a request that the server has begun to read.
    const socket = connect(server.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    const ready = rawRequest({ target: '/ready' })
    socket.write(ready.subarray(0, 10))
    const call = client.get('/items/1')
    await begun.promise
    let closed = false
    const closing = server.close().then(() => {
      closed = true
    })
    socket.write(ready.subarray(10))
    await waitFor(() => expect(text).toMatch(/^HTTP\/1\.1 503 [\s\S]*"status":"not ready"/))
    await expect(restClient(`http://${server.address}`).get('/items/2')).rejects.toThrow()
    expect(closed).toBe(false)
    go.resolve()
    expect((await call).json).toEqual({ id: '1' })
    await closing
    await server.close()
  })

  it('cancels requests after its time, with the error 503', async () => {
    const begun = deferred()
    const { server, client } = await openServer(Echo, {
      ...echo,
      get() {
        begun.resolve()
        return new Promise(() => {})
      },
    })
    const call = client.get('/items/1')
    await begun.promise
    await server.close({ timeoutMs: 10 })
    const { status, json } = await call
    expect([status, json.error]).toEqual([
      503,
      { code: 'UNAVAILABLE', message: 'the gateway has closed', details: {} },
    ])
  })

  it('ends idle connections when it closes', async () => {
    const { server, client } = await openServer(Echo, echo)
    await client.get('/items/1')
    const idle = connect(server.port, '127.0.0.1')
    const ended = new Promise((resolve) => {
      idle.once('close', resolve)
    })
    await new Promise((resolve) => {
      idle.once('connect', resolve)
    })
    const begun = performance.now()
    await server.close({ timeoutMs: 60_000 })
    await ended
    // Without waiting for them.
    expect(performance.now() - begun).toBeLessThan(50_000)
  })

  it('can let the process end', async () => {
    const { server, client } = await openServer(Echo, echo)
    expect((await client.get('/items/1')).status).toBe(200)
    expect(server.unref()).toBe(server)
    expect((await client.get('/items/1')).status).toBe(200)
    expect(server.ref()).toBe(server)
  })
})

describe('the health of a server of REST', () => {
  it('is that of its services and checks', async () => {
    const { client } = await openServer(Echo, echo, {
      checks: { database: async () => {}, disk: () => 'full' },
    })
    const { status, json } = await client.get('/health')
    expect([status, json]).toEqual([
      200,
      {
        status: 'healthy',
        checks: [
          { name: 'test.Echo', status: 'ok' },
          { name: 'database', status: 'ok' },
          { name: 'disk', status: 'ok' },
        ],
      },
    ])
    expect((await client.get('/ready')).json).toEqual({ status: 'ready' })
  })

  it('is 503 with a check that fails or takes too long, without its reason', async () => {
    let aborted = false
    const { client } = await openServer(Echo, echo, {
      checks: {
        throws: () => {
          throw new Error('secret')
        },
        hangs: (signal) =>
          new Promise(() => {
            signal.addEventListener('abort', () => {
              aborted = true
            })
          }),
      },
    })
    const { status, text, json } = await client.get('/health')
    expect([status, json.status]).toEqual([503, 'unhealthy'])
    expect(json.checks.map((check: Json) => check.status)).toEqual(['ok', 'failed', 'failed'])
    expect(text).not.toContain('secret')
    expect(aborted).toBe(true)
  })

  it('is 503 while a service is absent', async () => {
    const target = await servedChannel(Echo, echo)
    const { client } = await startServer({ services: [{ contract: Echo, target }] })
    target.destroy()
    await waitFor(async () => expect((await client.get('/ready')).status).toBe(503))
    const { status, json } = await client.get('/health')
    expect([status, json.checks]).toEqual([503, [{ name: 'test.Echo', status: 'failed' }]])
  })

  it('runs its checks once for requests at the same time', async () => {
    const go = deferred()
    const check = vi.fn(() => go.promise)
    const { client } = await openServer(Echo, echo, { checks: { check } })
    const replies = Promise.all([client.get('/health'), client.get('/health'), client.get('/health')])
    await waitFor(() => expect(check).toHaveBeenCalled())
    go.resolve()
    expect((await replies).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(check.mock.calls.length).toBeLessThan(4)
  })
})
