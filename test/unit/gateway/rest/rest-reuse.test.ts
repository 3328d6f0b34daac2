import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { Agent, request } from 'undici'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { jsonSchema } from '../../../../src/schema/json-schema.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { contract, unary } from '../../../../src/service/contract/define-contract.js'
import { ServiceError } from '../../../../src/service-error.js'
import { type Json, openServer } from '../../../support/rest-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

const ANY = jsonSchema<unknown>({})
const Items = contract('test.Items', {
  get: unary({ input: ANY, output: ANY, http: 'GET /items/{id}', safe: true }),
  save: unary({ input: ANY, output: ANY, http: 'POST /items' }),
})
const handlers = {
  get: ({ id }: Json) => ({ id, text: 'x'.repeat(id === 'long' ? 5_000 : 1) }),
  save: (message: Json) => message,
}

describe('the entity tags of a gateway of REST', () => {
  it('saves the body of an answer that the client has', async () => {
    const { client } = await openServer(Items, handlers)
    const first = await client.get('/items/1')
    const etag = first.headers.etag as string
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    expect(first.headers['cache-control']).toBe('private, no-cache')
    const second = await client.get('/items/1', { 'if-none-match': etag })
    expect([second.status, second.text, second.headers.etag]).toEqual([304, '', etag])
    expect((await client.get('/items/2', { 'if-none-match': etag })).status).toBe(200)
  })

  it('are weak with an envelope, whose time changes', async () => {
    const { client } = await openServer(Items, handlers, { envelope: true })
    const etag = (await client.get('/items/1')).headers.etag as string
    expect(etag).toMatch(/^W\/"/)
    expect((await client.get('/items/1', { 'if-none-match': etag })).status).toBe(304)
  })

  it('can come from the service', async () => {
    const { client } = await openServer(Items, {
      ...handlers,
      get(message: Json, { headers }: CallContext) {
        headers.set('etag', '"v7"')
        headers.set('cache-control', 'max-age=5')
        return message
      },
    })
    const { headers } = await client.get('/items/1')
    expect([headers.etag, headers['cache-control']]).toEqual(['"v7"', 'max-age=5'])
    expect((await client.get('/items/1', { 'if-none-match': '"v7"' })).status).toBe(304)
  })

  it('have no effect on other methods, whose conditions are refused', async () => {
    const save = vi.fn(handlers.save)
    const { client } = await openServer(Items, { ...handlers, save })
    const created = await client.post('/items', { a: 1 })
    expect([created.headers.etag, created.headers['cache-control']]).toEqual([undefined, 'no-store'])
    const { status, json } = await client.post('/items', { a: 1 }, { 'if-match': '"x"' })
    expect([status, json.error.code]).toEqual([501, 'PRECONDITION_UNSUPPORTED'])
    expect(save).toHaveBeenCalledTimes(1)
  })

  it('takes the declared caching', async () => {
    const cache = { 'test.Items/get': 'public, max-age=60' }
    const { client } = await openServer(Items, handlers, { cache })
    expect((await client.get('/items/1')).headers['cache-control']).toBe('public, max-age=60')
  })
})

describe('the compression of a gateway of REST', () => {
  it('compresses long answers for clients that accept it', async () => {
    const { server } = await openServer(Items, handlers, { compression: true })
    const agent = new Agent()
    onTestFinished(() => agent.destroy())
    const get = async (path: string, accepted: string) => {
      const { headers, body } = await request(`http://${server.address}${path}`, {
        headers: { 'accept-encoding': accepted },
        dispatcher: agent,
      })
      return { headers, bytes: Buffer.from(await body.arrayBuffer()) }
    }
    const brotli = await get('/items/long', 'gzip, br')
    expect(brotli.headers).toMatchObject({ 'content-encoding': 'br', vary: 'accept-encoding' })
    expect(JSON.parse(brotliDecompressSync(brotli.bytes).toString()).id).toBe('long')
    const gzip = await get('/items/long', 'gzip')
    expect(JSON.parse(gunzipSync(gzip.bytes).toString()).id).toBe('long')
    expect(gzip.headers.etag).not.toBe(brotli.headers.etag)
    expect((await get('/items/1', 'gzip, br')).headers['content-encoding']).toBeUndefined()
    const refused = await get('/items/1', 'identity;q=0, *;q=0')
    expect(JSON.parse(refused.bytes.toString()).error.code).toBe('NOT_ACCEPTABLE')
  })
})

describe('a request whose answer could not be sent', () => {
  it('does not run', async () => {
    const save = vi.fn(handlers.save)
    const { client } = await openServer(Items, { ...handlers, save }, { compression: true })
    const { status } = await client.post('/items', {}, { 'accept-encoding': 'identity;q=0' })
    expect([status, save.mock.calls.length]).toEqual([406, 0])
  })
})

describe('the idempotency keys of a gateway of REST', () => {
  it('run a request once, and repeat its answer', async () => {
    let runs = 0
    const save = (): unknown => {
      runs += 1
      return { run: runs }
    }
    const { client } = await openServer(Items, { ...handlers, save })
    const key = { 'idempotency-key': '"k1"' }
    const first = await client.post('/items', { a: 1 }, key)
    const second = await client.post('/items', { a: 1 }, key)
    expect([first.json, second.json]).toEqual([{ run: 1 }, { run: 1 }])
    expect([first.headers['idempotency-replayed'], second.headers['idempotency-replayed']]).toEqual([
      undefined,
      'true',
    ])
    expect((await client.post('/items', { a: 2 }, key)).status).toBe(422)
    expect((await client.post('/items', { a: 1 }, { 'idempotency-key': '"k2"' })).json).toEqual({ run: 2 })
    expect((await client.post('/items', { a: 1 }, { 'idempotency-key': '"' })).status).toBe(400)
  })

  it('repeat errors too, and are needed where the option says so', async () => {
    let runs = 0
    const { client } = await openServer(
      Items,
      {
        ...handlers,
        save() {
          runs += 1
          throw new ServiceError('ALREADY_EXISTS', 'there', { reason: 'EXISTS' })
        },
      },
      { idempotency: { required: ['test.Items/save'] } },
    )
    expect((await client.post('/items', {})).json.error.code).toBe('IDEMPOTENCY_KEY_MISSING')
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { status, json } = await client.post('/items', {}, { 'idempotency-key': 'k' })
      expect([status, json.error.code]).toEqual([409, 'EXISTS'])
    }
    expect(runs).toBe(1)
  })

  it('let a call end although its client has gone', async () => {
    let go!: () => void
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    let runs = 0
    const { client, server } = await openServer(Items, {
      ...handlers,
      async save() {
        runs += 1
        await gate
        return { runs }
      },
    })
    const key = { 'idempotency-key': 'k' }
    const lost = client.post('/items', {}, key)
    await waitFor(() => expect(runs).toBe(1))
    await client.close()
    await expect(lost).rejects.toThrow()
    go()
    const agent = new Agent()
    onTestFinished(() => agent.destroy())
    await waitFor(async () => {
      const { statusCode, body } = await request(`http://${server.address}/items`, {
        method: 'POST',
        headers: { ...key, 'content-type': 'application/json' },
        body: '{}',
        dispatcher: agent,
      })
      expect([statusCode, await body.json()]).toEqual([200, { runs: 1 }])
    })
  })
})

describe('the rate limits of a gateway of REST', () => {
  it('refuse further requests of an address, and say when to come back', async () => {
    const rateLimit = { perAddress: { limit: 2, windowMs: 60_000 } }
    const { client } = await openServer(Items, handlers, { rateLimit, trustedProxies: ['127.0.0.1'] })
    const first = await client.get('/items/1')
    expect(first.headers['ratelimit-policy']).toBe('"address";q=2;w=60')
    expect(first.headers.ratelimit).toMatch(/^"address";r=1;t=\d+$/)
    await client.get('/items/1')
    const { status, headers, json } = await client.get('/items/1')
    expect([status, json.error.code]).toEqual([429, 'RATE_LIMITED'])
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect((await client.get('/items/1', { 'x-forwarded-for': '192.0.2.1' })).status).toBe(200)
  })

  it('do not believe the address that a client states', async () => {
    const rateLimit = { perAddress: { limit: 1, windowMs: 60_000 } }
    const { client } = await openServer(Items, handlers, { rateLimit })
    expect((await client.get('/items/1', { 'x-forwarded-for': '192.0.2.1' })).status).toBe(200)
    expect((await client.get('/items/1', { 'x-forwarded-for': '192.0.2.2' })).status).toBe(429)
  })
})
