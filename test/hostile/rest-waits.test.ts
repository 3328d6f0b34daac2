import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Authenticator } from '../../src/gateway/authenticator.js'
import { jsonSchema } from '../../src/schema/json-schema.js'
import { policy } from '../../src/service/auth/policy.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { contract, serverStream, unary } from '../../src/service/contract/define-contract.js'
import { usersPort } from '../support/awkward-requests.js'
import { rawRequest, sendRaw } from '../support/raw-http.js'
import { type Json, openPlugin, openServer } from '../support/rest-gateways.js'
import { waitFor } from '../support/wait-for.js'

const ANY = jsonSchema<unknown>({})
const Echo = contract('test.Echo', {
  get: unary({ input: ANY, output: ANY, http: 'GET /items/{id}', safe: true }),
  save: unary({ input: ANY, output: ANY, http: 'POST /items' }),
  watch: serverStream({ input: ANY, output: ANY, http: 'GET /watch', safe: true }),
})

/** The handlers, and the number of streams that run. */
function counted() {
  const running = { streams: 0, saved: 0 }
  const handlers = {
    get: (message: Json): Json => message,
    save: (message: Json): Json => {
      running.saved += 1
      return message
    },
    async *watch(_message: Json, { signal }: CallContext) {
      running.streams += 1
      try {
        while (!signal.aborted) {
          yield { a: 1 }
          await wait(20)
        }
      } finally {
        running.streams -= 1
      }
    },
  }
  return { handlers, running }
}

/** Finds the identity of a request with the header x-slow when the test says so. */
function slowAuth() {
  const waiting: (() => void)[] = []
  const auth: Authenticator = {
    securityScheme: { type: 'http', scheme: 'slow' },
    challenge: 'Slow',
    authenticate: ({ headers }) =>
      headers['x-slow'] === undefined
        ? { subject: 'someone' }
        : new Promise((resolve) => {
            waiting.push(() => resolve({ subject: 'someone' }))
          }),
  }
  return { auth, waiting }
}

function sent(port: number, bytes: Uint8Array): Socket {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  socket.on('error', () => {})
  socket.write(bytes)
  return socket
}

describe('the streams of clients that leave', () => {
  it('do not begin if the client has left before it was authenticated', async () => {
    const { auth, waiting } = slowAuth()
    const { handlers, running } = counted()
    const { server, client } = await openServer(Echo, handlers, { auth, maxStreams: 2 })
    const request = rawRequest({ target: '/watch', headers: ['x-slow: 1'] })
    const sockets = [sent(server.port, request), sent(server.port, request)]
    await waitFor(() => expect(waiting.length).toBe(2))
    for (const socket of sockets) socket.destroy()
    // The gateway has got the end of the connections that were opened before this one.
    await client.get('/items/1')
    await client.get('/items/1')
    for (const found of waiting) found()
    await client.get('/items/1')
    expect(running.streams).toBe(0)
    const other = sent(server.port, rawRequest({ target: '/watch' }))
    const text = await new Promise((resolve) => {
      other.once('data', (chunk) => resolve(String(chunk)))
    })
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('end also behind an earlier request of the same connection', async () => {
    const { handlers, running } = counted()
    const { server } = await openServer(Echo, handlers)
    const request = rawRequest({ target: '/watch', headers: ['connection: keep-alive'] })
    const socket = sent(server.port, Buffer.concat(Array.from({ length: 20 }, () => request)))
    await waitFor(() => expect(running.streams).toBe(20))
    socket.destroy()
    await waitFor(() => expect(running.streams).toBe(0))
  })
})

describe('a decision about a call', () => {
  it.each(['authenticator', 'policy'])(
    'ends with 504 if the %s needs longer than the call may take',
    async (who) => {
      const never = () => new Promise<never>(() => {})
      const { handlers } = counted()
      const options = who === 'policy' ? { policy: policy({ '*': never }) } : { auth: slowAuth().auth }
      const { client } = await openServer(Echo, handlers, { ...options, timeoutMs: 300 })
      const { status, json } = await client.get('/items/1', { 'x-slow': '1' })
      expect([status, json.error.code]).toEqual([504, 'DEADLINE_EXCEEDED'])
    },
  )

  it('ends with 503 when the gateway closes', async () => {
    const { auth, waiting } = slowAuth()
    const { handlers } = counted()
    const { server, client } = await openServer(Echo, handlers, { auth })
    const reply = client.get('/items/1', { 'x-slow': '1' })
    await waitFor(() => expect(waiting.length).toBe(1))
    await server.close({ timeoutMs: 100 })
    expect((await reply).status).toBe(503)
  })
})

describe('a request with an idempotency key', () => {
  it('can be repeated if its client left before it ran', async () => {
    const { auth, waiting } = slowAuth()
    const { handlers, running } = counted()
    const { server, client } = await openServer(Echo, handlers, { auth })
    const headers = ['x-slow: 1', 'idempotency-key: a', 'content-type: application/json']
    const socket = sent(server.port, rawRequest({ method: 'POST', target: '/items', headers, body: '{}' }))
    await waitFor(() => expect(waiting.length).toBe(1))
    socket.destroy()
    await client.get('/items/1')
    for (const found of waiting) found()
    const { status } = await client.post('/items', {}, { 'idempotency-key': 'a' })
    expect([status, running.saved]).toEqual([200, 1])
  })
})

describe('a client that does not read its reply', () => {
  const text = 'x'.repeat(10_000_000)
  const { handlers } = counted()
  const large = { ...handlers, get: () => ({ text }) }

  it('is disconnected', async () => {
    const { app, client } = await openPlugin(Echo, large, { stallMs: 1_000 })
    const port = Number(new URL(client.origin).port)
    const connections = promisify(app.server.getConnections.bind(app.server))
    const socket = sent(port, rawRequest({ target: '/items/1', headers: ['connection: keep-alive'] }))
    await new Promise((resolve) => {
      socket.once('readable', resolve)
    })
    expect(await connections()).toBe(1)
    await waitFor(async () => expect(await connections()).toBe(0))
  })

  it('gets all of it if it reads slowly, and further replies on the same connection', async () => {
    const { server } = await openServer(Echo, large, { stallMs: 1_000 })
    const request = rawRequest({ target: '/items/1', headers: ['connection: keep-alive'] })
    const socket = sent(server.port, Buffer.concat([request, request, rawRequest({ target: '/items/1' })]))
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      socket.pause()
      setTimeout(() => socket.resume(), 3)
    })
    await new Promise((resolve) => {
      socket.once('close', resolve)
    })
    expect(bytes).toBeGreaterThan(3 * text.length)
  })
})

describe('a message of a client with a type that is not known', () => {
  const port = usersPort()

  it('does not keep the gateway busy, whatever the name of the type is', async () => {
    const name = ': key "'.repeat(120_000)
    const reply = await sendRaw(port(), {
      method: 'POST',
      target: '/api/v1/users',
      headers: ['content-type: application/json'],
      body: JSON.stringify({ detail: { '@type': name } }),
    })
    expect(reply.status).toBe(400)
  }, 20_000)
})
