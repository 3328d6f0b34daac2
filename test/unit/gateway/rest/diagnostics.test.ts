import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { request } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { contract, serverStream, unary } from '../../../../src/service/contract/define-contract.js'
import { ServiceError } from '../../../../src/service-error.js'
import { boundStore, eventsOf, FAILURE, observedTraces, SUCCESS } from '../../../support/observed.js'
import { type Json, openPlugin, openServer } from '../../../support/rest-gateways.js'
import { eventually } from '../../../support/turns.js'

const user = z.object({ id: z.string(), name: z.string() })
const Users = contract('user.UserService', {
  getUser: unary({
    input: z.object({ id: z.string() }),
    output: user,
    http: 'GET /api/v1/users/{id}',
    safe: true,
  }),
  createUser: unary({ input: user, output: user, http: 'POST /api/v1/users' }),
  listUsers: serverStream({ input: z.object({}), output: user, http: 'GET /api/v1/users' }),
})

const handlers = {
  getUser: ({ id }: Json) => {
    if (id === 'none') throw new ServiceError('NOT_FOUND', 'no such user')
    return id === 'slow' ? new Promise(() => {}) : { id, name: `user ${id}` }
  },
  createUser: (created: Json) => created,
  async *listUsers() {
    yield { id: '1', name: 'a' }
    throw new ServiceError('ABORTED', 'broken')
  },
}

describe('diagnostics of a gateway of REST', () => {
  it('report a request once, with its route and its status', async () => {
    const { client } = await openServer(Users, handlers, { ignoreUnknown: true })
    const requests = observedTraces('shmwire:gateway.request')
    await client.get('/api/v1/users/5?secret=1', { 'x-own': '1' })
    await eventually(() => requests.length === SUCCESS.length)
    expect(eventsOf(requests)).toEqual(SUCCESS)
    const common = {
      gateway: 'rest',
      httpMethod: 'GET',
      scheme: 'http',
      path: '/api/v1/users/5',
      headers: expect.objectContaining({ 'x-own': '1' }),
      correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      clientAddress: '127.0.0.1',
      grpcStatus: undefined,
    }
    const unknown = { service: undefined, method: undefined, route: undefined, statusCode: undefined }
    expect(requests[0]?.payload).toEqual({ ...common, ...unknown })
    expect(requests[3]?.payload).toEqual({
      ...common,
      service: 'user.UserService',
      method: 'getUser',
      route: '/api/v1/users/{id}',
      statusCode: 200,
    })
  })

  it.each([
    ['/api/v1/users/none', 404, 'getUser'],
    ['/api/v1/other', 404, undefined],
    ['/elsewhere', 404, undefined],
  ])('report the error of a request of %s', async (path, statusCode, method) => {
    const { client } = await openServer(Users, handlers)
    const requests = observedTraces('shmwire:gateway.request')
    expect((await client.get(path)).status).toBe(statusCode)
    await eventually(() => requests.length === FAILURE.length)
    expect(eventsOf(requests)).toEqual(FAILURE)
    expect(requests[4]?.payload).toMatchObject({ statusCode, method, error: { status: 'NOT_FOUND' } })
  })

  it('report a request of the gateway itself', async () => {
    const { client } = await openServer(Users, handlers)
    const requests = observedTraces('shmwire:gateway.request')
    await client.get('/health')
    await eventually(() => requests.length === SUCCESS.length)
    expect(requests[3]?.payload).toMatchObject({ path: '/health', statusCode: 200, service: undefined })
  })

  it('report a stream that fails after its headers', async () => {
    const { client } = await openServer(Users, handlers)
    const requests = observedTraces('shmwire:gateway.request')
    // The end of the connection is all that the client of a broken JSON array gets.
    await client.get('/api/v1/users').catch(() => {})
    await eventually(() => requests.length === FAILURE.length)
    expect(requests[4]?.payload).toMatchObject({ statusCode: 200, error: { status: 'ABORTED' } })
  })

  it('report a client that goes away', async () => {
    const { client } = await openServer(Users, handlers)
    const requests = observedTraces('shmwire:gateway.request')
    const sent = request(`${client.origin}/api/v1/users/slow`).on('error', () => {})
    sent.end()
    await eventually(() => requests.length === 2)
    sent.destroy()
    await eventually(() => requests.length === FAILURE.length)
    expect(requests[4]?.payload).toMatchObject({
      statusCode: undefined,
      error: { code: 'ERR_SHMWIRE_ABORTED' },
    })
  })

  it.each(['GET', 'POST'])('run the call of a %s in the context that a tracer binds', async (method) => {
    const seen: unknown[] = []
    const trace = (_request: unknown, { metadata }: CallContext): object => {
      seen.push(metadata.text('traceparent'))
      return { id: '1', name: '' }
    }
    const { client } = await openPlugin(Users, { ...handlers, getUser: trace, createUser: trace })
    const storage = boundStore('shmwire:gateway.request', ({ headers }) => headers['x-trace'])
    observedTraces('shmwire:client.call', ({ metadata }) =>
      metadata.set('traceparent', String(storage.getStore())),
    )
    const headers = { 'x-trace': 'a' }
    // Two parts, so that the body arrives after the hooks of the request.
    const body = JSON.stringify({ id: '1', name: 'x'.repeat(500_000) })
    const reply =
      method === 'GET'
        ? await client.get('/api/v1/users/1', headers)
        : await client.send({
            method,
            path: '/api/v1/users',
            headers: { ...headers, 'content-type': 'application/json' },
            body,
          })
    expect(reply.status).toBe(200)
    expect(seen).toEqual(['a'])
    expect(storage.getStore()).toBeUndefined()
  })

  it('report the end of a request after its subscriber has left', async () => {
    const { client } = await openServer(Users, handlers)
    const ends: unknown[] = []
    const started = (): void => {}
    const ended = (payload: unknown): void => {
      ends.push(payload)
    }
    subscribe('tracing:shmwire:gateway.request:start', started)
    subscribe('tracing:shmwire:gateway.request:asyncEnd', ended)
    onTestFinished(() => {
      unsubscribe('tracing:shmwire:gateway.request:asyncEnd', ended)
    })
    const reply = client.get('/api/v1/users/5')
    unsubscribe('tracing:shmwire:gateway.request:start', started)
    await reply
    await eventually(() => ends.length === 1)
  })
})
