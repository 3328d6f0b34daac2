import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { apiKeys } from '../../../../src/gateway/auth/api-keys.js'
import type { RestGatewayOptions } from '../../../../src/gateway/rest/rest-options.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { contract, unary } from '../../../../src/service/contract/define-contract.js'
import type { Interceptor } from '../../../../src/service/interceptors.js'
import { ServiceError } from '../../../../src/service-error.js'
import { Users as ProtoUsers, userHandlers } from '../../../support/grpc-gateways.js'
import {
  type Json,
  openPlugin,
  openServer,
  servedChannel,
  startServer,
} from '../../../support/rest-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

const user = z.object({ id: z.string(), name: z.string() })
const Users = contract('user.UserService', {
  getUser: unary({
    input: z.object({ id: z.string() }),
    output: user,
    http: 'GET /api/v1/users/{id}',
    safe: true,
  }),
  createUser: unary({
    input: user,
    output: z.object({ user }),
    http: { route: 'POST /api/v1/users', responseBody: 'user' },
  }),
  deleteUser: unary({ input: z.object({ id: z.string() }), http: 'DELETE /api/v1/users/{id}' }),
})

const handlers = {
  getUser: ({ id }: Json) => ({ id, name: `user ${id}` }),
  createUser: (created: Json) => ({ user: created }),
  deleteUser: () => {},
}
const PATH = '/api/v1/users'

describe('a gateway of REST', () => {
  it('passes a call with its path, and its answer', async () => {
    const { client } = await openServer(Users, handlers)
    const { status, headers, json } = await client.get(`${PATH}/5`)
    expect([status, json]).toEqual([200, { id: '5', name: 'user 5' }])
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
  })

  it('answers with a field of the response, or without a body', async () => {
    const { client } = await openServer(Users, handlers)
    const created = await client.post(PATH, { id: '1', name: 'x' })
    expect([created.status, created.json]).toEqual([200, { id: '1', name: 'x' }])
    const deleted = await client.send({ method: 'DELETE', path: `${PATH}/5` })
    expect([deleted.status, deleted.text]).toEqual([204, ''])
  })

  it('wraps answers in an envelope with the option', async () => {
    const { client } = await openServer(Users, handlers, { envelope: true })
    const { json } = await client.get(`${PATH}/5`)
    expect(json).toEqual({
      data: { id: '5', name: 'user 5' },
      meta: { timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/), version: '1.0' },
    })
    const deleted = await client.send({ method: 'DELETE', path: `${PATH}/5` })
    expect([deleted.status, deleted.json.data]).toEqual([200, null])
    const other = await openServer(Users, handlers, { envelope: { version: '7' } })
    expect((await other.client.get(`${PATH}/5`)).json.meta.version).toBe('7')
  })

  it('passes the correlation id and the trace in, and the correlation id out', async () => {
    const seen: unknown[] = []
    const { client } = await openServer(Users, {
      ...handlers,
      getUser({ id }: Json, { metadata }: CallContext) {
        seen.push(Object.fromEntries(metadata))
        return { id, name: '' }
      },
    })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const sent = { 'x-correlation-id': 'abc', traceparent, cookie: 'a=b', 'x-other': '1' }
    const first = await client.get(`${PATH}/5`, sent)
    expect(first.headers['x-correlation-id']).toBe('abc')
    expect(seen).toEqual([{ 'x-correlation-id': 'abc', traceparent }])
    const second = await client.get(`${PATH}/5`)
    expect(second.headers['x-correlation-id']).toMatch(/^[\da-f-]{36}$/)
    expect(seen[1]).toEqual({ 'x-correlation-id': second.headers['x-correlation-id'] })
    const third = await client.get(`${PATH}/5`, { 'x-correlation-id': 'a b' })
    expect(third.headers['x-correlation-id']).toMatch(/^[\da-f-]{36}$/)
  })

  it('passes further headers in both directions with the option metadata', async () => {
    const { client } = await openServer(
      Users,
      {
        ...handlers,
        getUser({ id }: Json, { metadata, headers }: CallContext) {
          headers.set('x-app-answer', metadata.text('x-app-one') ?? '')
          headers.set('y-other', 'not named')
          headers.set('last-modified', 'Sun, 01 Jan 2023 00:00:00 GMT')
          return { id, name: '' }
        },
      },
      { metadata: ['x-app-*'] },
    )
    const { headers } = await client.get(`${PATH}/5`, { 'x-app-one': '1' })
    expect(headers['x-app-answer']).toBe('1')
    expect(headers['y-other']).toBeUndefined()
    expect(headers['last-modified']).toBe('Sun, 01 Jan 2023 00:00:00 GMT')
  })

  it('runs interceptors', async () => {
    const guard: Interceptor = (next) => (call) => {
      if (call.metadata.get('x-app') === 'no') throw new ServiceError('PERMISSION_DENIED', 'not you')
      return next(call)
    }
    const { client } = await openServer(Users, handlers, { interceptors: [guard], metadata: ['x-app'] })
    expect((await client.get(`${PATH}/5`)).status).toBe(200)
    expect((await client.get(`${PATH}/5`, { 'x-app': 'no' })).status).toBe(403)
  })

  it('cancels the call when the client goes away', async () => {
    let cancelled!: () => void
    const ended = new Promise<void>((resolve) => {
      cancelled = resolve
    })
    const began = vi.fn()
    const { client } = await openServer(Users, {
      ...handlers,
      async getUser(_request: Json, { signal }: CallContext) {
        began()
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve)
        })
        cancelled()
        return { id: '', name: '' }
      },
    })
    const call = client.get(`${PATH}/5`)
    await waitFor(() => expect(began).toHaveBeenCalled())
    await client.close()
    await expect(call).rejects.toThrow()
    await ended
  })

  it('ends a call after its time', async () => {
    const { client } = await openServer(
      Users,
      { ...handlers, getUser: () => new Promise(() => {}) },
      { timeoutMs: 50 },
    )
    const { status, json } = await client.get(`${PATH}/5`)
    expect([status, json.error.code]).toEqual([504, 'DEADLINE_EXCEEDED'])
  })

  it('answers 503 while a service is absent', async () => {
    const target = await servedChannel(Users, handlers)
    const { client } = await startServer({ services: [{ contract: Users, target }] })
    target.destroy()
    await waitFor(async () => {
      const { status, headers, json } = await client.get(`${PATH}/5`)
      expect([status, headers['retry-after'], json.error.code]).toEqual([503, '1', 'UNAVAILABLE'])
    })
  })

  it('takes contracts of both sources', async () => {
    const own = { getUser: ({ id }: Json) => ({ user: { id, name: 'x' } }) }
    const first = await servedChannel(ProtoUsers, userHandlers(own) as Record<string, unknown>)
    const Other = contract('test.Other', { get: unary({ output: z.string(), http: 'GET /other' }) })
    const second = await servedChannel(Other, { get: () => 'here' })
    const { client } = await startServer({
      services: [
        { contract: ProtoUsers, target: first },
        { contract: Other, target: second },
      ],
    })
    expect((await client.get(`${PATH}/9007199254740993`)).json.user).toMatchObject({
      id: '9007199254740993',
      name: 'x',
      role: 'ROLE_UNSPECIFIED',
      emails: [],
    })
    expect((await client.get('/other')).json).toBe('here')
  })

  it('ignores unknown parameters and fields with the option', async () => {
    const own = {
      createUser: ({ user: created }: Json) => ({ user: created }),
      getUser: ({ id }: Json) => ({ user: { id } }),
    }
    const { client } = await openServer(ProtoUsers, userHandlers(own) as Record<string, unknown>, {
      ignoreUnknown: true,
    })
    expect((await client.get(`${PATH}/5?other=1`)).status).toBe(200)
    const created = await client.post(PATH, { name: 'x', other: 1 })
    expect([created.status, created.json.name]).toEqual([200, 'x'])
  })

  it('passes an integer beyond 2^53 of a schema contract as a text', async () => {
    const Big = contract('test.Big', { get: unary({ output: z.any(), http: 'GET /big' }) })
    const { client } = await openServer(Big, { get: () => ({ n: 2n ** 60n }) })
    expect((await client.get('/big')).json).toEqual({ n: '1152921504606846976' })
  })
})

describe('the plugin of Fastify', () => {
  it('answers below its prefix, and leaves the rest of the program alone', async () => {
    const { client } = await openPlugin(Users, handlers, { prefix: '/x' }, (app) => {
      app.get('/own', () => ({ own: true }))
      app.post('/own', (request) => ({ own: request.body }))
      app.setErrorHandler((error, _request, reply) => reply.code(418).send(String(error)))
      app.get('/fails', () => {
        throw new Error('mine')
      })
    })
    expect((await client.get(`/x${PATH}/5`)).json).toEqual({ id: '5', name: 'user 5' })
    expect((await client.get('/x/nothing')).json.error.code).toBe('NOT_FOUND')
    expect((await client.get('/own')).json).toEqual({ own: true })
    expect((await client.get('/own')).headers['content-security-policy']).toBeUndefined()
    expect((await client.post('/own', { a: 1 })).json).toEqual({ own: { a: 1 } })
    expect((await client.post('/own', 'text', { 'content-type': 'text/plain' })).json).toEqual({
      own: 'text',
    })
    expect((await client.get('/fails')).status).toBe(418)
    expect((await client.get('/nothing')).json).toMatchObject({ statusCode: 404, error: 'Not Found' })
  })

  it.each(['/x/', '/'])('takes the prefix %s', async (prefix) => {
    const { client } = await openPlugin(Users, handlers, { prefix })
    expect((await client.get(`${prefix}${PATH.slice(1)}/5`)).status).toBe(200)
  })

  it('has only the paths of its routes without a prefix', async () => {
    const { client } = await openPlugin(Users, handlers, {}, (app) => {
      app.get('/api/v1/other', () => 'mine')
    })
    expect((await client.get(`${PATH}/5`)).status).toBe(200)
    expect((await client.get('/api/v1/other')).text).toBe('mine')
    expect((await client.get(`${PATH}/5/6`)).json.error.code).toBe('NOT_FOUND')
    expect((await client.get('/api/v2')).json).toMatchObject({ statusCode: 404, error: 'Not Found' })
    expect((await client.get('/health')).json.status).toBe('healthy')
  })

  it('runs the hooks of the program, and answers their errors in its own form', async () => {
    const { client } = await openPlugin(Users, handlers, {}, (app) => {
      app.addHook('onRequest', async ({ headers }) => {
        if (headers['x-refuse'] !== undefined)
          throw Object.assign(new Error('slow down'), { statusCode: 429 })
      })
      app.addHook('onSend', async (_request, reply) => {
        reply.header('x-hook', 'ran')
      })
    })
    expect((await client.get(`${PATH}/5`)).headers['x-hook']).toBe('ran')
    const { status, json } = await client.get(`${PATH}/5`, { 'x-refuse': '1' })
    expect([status, json.error]).toEqual([
      429,
      { code: 'RESOURCE_EXHAUSTED', message: 'slow down', details: {} },
    ])
  })

  it('closes with its application', async () => {
    const { app, client } = await openPlugin(Users, handlers)
    expect((await client.get(`${PATH}/5`)).status).toBe(200)
    await app.close()
    await expect(client.get(`${PATH}/5`)).rejects.toThrow()
  })

  it.each<[string, Partial<RestGatewayOptions> & Record<string, unknown>, RegExp]>([
    ['an unknown option', { error: 'envelope' }, /unknown option "error"; did you mean "errors"/],
    [
      'another form of errors',
      { errors: 'xml' as 'problem' },
      /errors is "xml"; it must be one of envelope, problem/,
    ],
    ['no services', { services: [] }, /nothing to pass on/],
    ['a wrong envelope', { envelope: 'x' as unknown as true }, /envelope is "x"/],
    ['a wrong size of a body', { maxBodyBytes: 0 }, /maxBodyBytes is 0/],
    ['a short time between comments', { heartbeatMs: 5 }, /heartbeatMs is 5/],
    ['a check that is not a function', { checks: { db: 1 as never } }, /checks\.db is 1/],
    ['a name of HTTP as metadata', { metadata: ['content-type'] }, /uses itself/],
    [
      'a rule of caching for another method',
      { cache: { 'user.UserService/createUser': 'no-store' } },
      /createUser/,
    ],
    ['a key for a safe method', { idempotency: { required: ['user.UserService/getUser'] } }, /getUser/],
  ])('refuses %s', async (_name, options, message) => {
    await expect(openPlugin(Users, handlers, options)).rejects.toThrow(message)
  })
})

it('refuses a route with a variable for a method without an input', async () => {
  const Wrong = contract('test.Wrong', { get: unary({ http: 'GET /items/{id}' }) })
  await expect(openPlugin(Wrong, { get: () => undefined })).rejects.toThrow(
    /the route GET \/items\/\{id\} of test\.Wrong\.get has the variable "id", and the method has no input/,
  )
})

it('calls the method that has a route for HEAD', async () => {
  const head = vi.fn(() => ({}))
  const Heads = contract('test.Heads', {
    get: unary({ input: z.object({ id: z.string() }), output: z.object({}), http: 'GET /heads/{id}' }),
    head: unary({
      input: z.object({ id: z.string() }),
      output: z.object({}),
      http: ['HEAD /heads/{id}', 'HEAD /only/{id}'],
    }),
  })
  const { client } = await openServer(Heads, { get: () => ({}), head })
  expect((await client.send({ method: 'HEAD', path: '/heads/1' })).status).toBe(200)
  expect((await client.send({ method: 'HEAD', path: '/only/1' })).status).toBe(200)
  expect(head).toHaveBeenCalledTimes(2)
})

it('passes credentials to services only if the option metadata names them', async () => {
  const auth = apiKeys([{ key: 'k'.repeat(32), identity: { subject: 'ann' } }])
  const seen: unknown[] = []
  const getUser = ({ id }: Json, { metadata }: CallContext): unknown => {
    seen.push([metadata.get('x-other'), metadata.get('x-api-key'), metadata.get('cookie')])
    return { id, name: 'Ann' }
  }
  const headers = { 'x-api-key': 'k'.repeat(32), 'x-other': '1', cookie: 'a=b' }
  for (const metadata of [
    ['x-*', 'c*'],
    ['x-*', 'x-api-key', 'cookie'],
  ]) {
    const { client } = await openServer(Users, { ...handlers, getUser }, { auth, metadata })
    expect((await client.get('/api/v1/users/1', headers)).status).toBe(200)
  }
  expect(seen).toEqual([
    ['1', undefined, undefined],
    ['1', 'k'.repeat(32), 'a=b'],
  ])
})
