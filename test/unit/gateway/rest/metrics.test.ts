import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { apiKeys } from '../../../../src/gateway/auth/api-keys.js'
import type { MetricsClient } from '../../../../src/gateway/rest/rest-options.js'
import { snapshot } from '../../../../src/observe/snapshot.js'
import { jsonSchema } from '../../../../src/schema/json-schema.js'
import { contract, serverStream, unary } from '../../../../src/service/contract/define-contract.js'
import { ServiceError } from '../../../../src/service-error.js'
import type { Status } from '../../../../src/status.js'
import { openPlugin, openServer } from '../../../support/rest-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

const ANY = jsonSchema<unknown>({})
const Echo = contract('test.Echo', {
  get: unary({ input: ANY, output: ANY, http: 'GET /items/{id}', safe: true }),
  fail: serverStream({ input: ANY, output: ANY, http: 'GET /failing/{status}' }),
  list: serverStream({ input: ANY, output: ANY, http: 'GET /items' }),
})
const echo = {
  get: ({ id }: { id: string }) => {
    if (id === 'bad') throw new ServiceError('NOT_FOUND', 'no')
    if (id === 'broken') throw new Error('secret')
    return id
  },
  async *fail({ status }: { status: Status }) {
    yield 1
    throw new ServiceError(status, 'no')
  },
  async *list() {
    yield 1
    await new Promise(() => {})
  },
}

describe('GET /metrics', () => {
  it('is not there unless the program says who gets it', async () => {
    const { client } = await openServer(Echo, echo)
    expect((await client.get('/metrics')).status).toBe(404)
  })

  it('answers the clients that the program admits, by their address', async () => {
    const clients: MetricsClient[] = []
    const { client } = await openServer(Echo, echo, {
      metrics: (one) => clients.push(one) > 0,
      trustedProxies: ['127.0.0.1'],
    })
    const reply = await client.get('/metrics', { 'x-forwarded-for': '192.0.2.7' })
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    expect(reply.text).toMatch(/^shmwire_process_resident_memory_bytes \d+$/m)
    expect(clients).toEqual([{ identity: undefined, address: '192.0.2.7' }])
  })

  it('needs the identity that the program demands', async () => {
    const auth = apiKeys([
      { key: 'k'.repeat(32), identity: { subject: 'monitor', roles: ['monitor'] } },
      { key: 'o'.repeat(32), identity: { subject: 'other' } },
    ])
    const { client } = await openServer(Echo, echo, {
      auth,
      metrics: ({ identity }) => identity?.roles?.includes('monitor') === true,
    })
    const statusOf = async (headers: Record<string, string>): Promise<number> =>
      (await client.get('/metrics', headers)).status
    expect(await statusOf({ 'x-api-key': 'k'.repeat(32) })).toBe(200)
    expect(await statusOf({ 'x-api-key': 'o'.repeat(32) })).toBe(403)
    expect(await statusOf({ 'x-api-key': 'wrong'.repeat(8) })).toBe(401)
    const anonymous = await client.get('/metrics')
    expect(anonymous.status).toBe(401)
    expect(anonymous.headers['www-authenticate']).toBeDefined()
  })

  it.each<[string, () => unknown]>([
    ['false', () => false],
    ['a promise', () => Promise.resolve(true)],
    ['a promise that rejects', () => Promise.reject(new Error('secret'))],
    ['another value', () => 1],
  ])('is refused if the program returns %s', async (_what, metrics) => {
    const { client } = await openServer(Echo, echo, { metrics: metrics as () => boolean })
    const { status, text } = await client.get('/metrics')
    expect([status, text.includes('shmwire_')]).toEqual([403, false])
  })

  it('fails without the text of an error that the program throws', async () => {
    const { client } = await openServer(Echo, echo, {
      metrics: () => {
        throw new Error('secret')
      },
    })
    const { status, text } = await client.get('/metrics')
    expect([status, text.includes('secret')]).toEqual([500, false])
  })

  it('is below the prefix of a plugin', async () => {
    const { client } = await openPlugin(Echo, echo, { prefix: '/api', metrics: () => true })
    expect([(await client.get('/api/metrics')).status, (await client.get('/metrics')).status]).toEqual([
      200, 404,
    ])
  })

  it('refuses an option that is not a function', async () => {
    await expect(openServer(Echo, echo, { metrics: true as never })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })
})

describe('a gateway of REST', () => {
  it('counts a stream that fails after its first message, by the side that caused it', async () => {
    const { server, client } = await openServer(Echo, echo)
    const figures = () => snapshot().gateways.find(({ address }) => address === server.address)
    for (const status of ['NOT_FOUND', 'INTERNAL']) await client.get(`/failing/${status}`).catch(() => {})
    await waitFor(() => expect(figures()).toMatchObject({ latency: { count: 2 } }))
    expect(figures()).toMatchObject({ clientErrors: 1, serverErrors: 1 })
  })

  it('counts its requests, errors and streams', async () => {
    const { server, client } = await openServer(Echo, echo)
    const figures = () => snapshot().gateways.find(({ address }) => address === server.address)
    await client.get('/items/1')
    await client.get('/items/bad')
    await client.get('/items/broken')
    await client.get('/nothing')
    await waitFor(() =>
      expect(figures()).toMatchObject({
        gateway: 'rest',
        running: 0,
        streams: 0,
        clientErrors: 1,
        serverErrors: 1,
        latency: { count: 3 },
      }),
    )
    const stream = client.get('/items').catch(() => {})
    await waitFor(() => expect(figures()).toMatchObject({ running: 1, streams: 1 }))
    await client.close()
    await stream
    await waitFor(() => expect(figures()).toMatchObject({ running: 0, streams: 0, latency: { count: 4 } }))
    await server.close()
    expect(figures()).toBeUndefined()
  })
})
