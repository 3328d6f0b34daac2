import { describe, expect, it } from 'vitest'
import type { Authenticator } from '../../../../src/gateway/authenticator.js'
import { jsonSchema } from '../../../../src/schema/json-schema.js'
import { policy } from '../../../../src/service/auth/policy.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { contract, unary } from '../../../../src/service/contract/define-contract.js'
import { ServiceError } from '../../../../src/service-error.js'
import { STATUSES, type Status } from '../../../../src/status.js'
import { textLogger } from '../../../support/line-logger.js'
import { type Json, openServer } from '../../../support/rest-gateways.js'

const ANY = jsonSchema<unknown>({})
const Errors = contract('test.Errors', {
  fail: unary({ input: ANY, output: ANY, http: 'GET /errors/{status}' }),
  save: unary({ input: ANY, output: ANY, http: 'POST /errors' }),
})

const fail = ({ status }: Json): never => {
  throw new ServiceError(status as Status, `it is ${status}`)
}

const HTTP_STATUSES: Readonly<Record<Status, number>> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
}

/** Clients with the header `x-key: ann` are Ann. */
const keys: Authenticator = {
  securityScheme: { type: 'apiKey', in: 'header', name: 'x-key' },
  challenge: 'Key realm="test"',
  authenticate({ headers }) {
    const key = headers['x-key']
    if (key === undefined) return undefined
    if (key !== 'ann') throw new ServiceError('UNAUTHENTICATED', 'this key is not valid')
    return { subject: 'ann', scopes: ['read'] }
  },
}

describe('the errors of a gateway of REST', () => {
  it.each(STATUSES)('maps %s to its status of HTTP', async (status) => {
    const { client } = await openServer(Errors, { fail, save: fail })
    const reply = await client.get(`/errors/${status}`)
    expect([reply.status, reply.json]).toEqual([
      HTTP_STATUSES[status],
      { error: { code: status, message: `it is ${status}`, details: {} } },
    ])
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(reply.headers['retry-after']).toBe(status === 'UNAVAILABLE' ? '1' : undefined)
  })

  it.each([
    [{ retryDelayMs: 2_100 }, '3'],
    [{ retryDelayMs: 1e300 }, '86400'],
    [{ retryDelayMs: Number.NaN }, '1'],
    [{ retryDelayMs: -5 }, '1'],
    [{ retryDelayMs: '2000' }, '1'],
    [null, '1'],
  ])('has the time of %o in the header retry-after', async (details, seconds) => {
    const unavailable = (): never => {
      throw new ServiceError('UNAVAILABLE', 'busy', { details })
    }
    const { client } = await openServer(Errors, { fail: unavailable, save: fail })
    expect((await client.get('/errors/x')).headers['retry-after']).toBe(seconds)
  })

  it('has the reason as its code, and the details', async () => {
    const { client } = await openServer(Errors, {
      save: fail,
      fail() {
        const details = { id: '123', count: 2n ** 60n }
        throw new ServiceError('NOT_FOUND', 'User with ID 123 not found', {
          reason: 'USER_NOT_FOUND',
          details,
        })
      },
    })
    expect((await client.get('/errors/x')).json.error).toEqual({
      code: 'USER_NOT_FOUND',
      message: 'User with ID 123 not found',
      details: { id: '123', count: '1152921504606846976' },
    })
  })

  it('is a problem for clients that accept it, and for all with the option', async () => {
    const problem = {
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'it is NOT_FOUND',
      code: 'NOT_FOUND',
      details: {},
    }
    const { client } = await openServer(Errors, { fail, save: fail })
    for (const accept of ['application/problem+json', 'application/json, application/problem+json;q=0.5']) {
      const { headers, json } = await client.get('/errors/NOT_FOUND', { accept })
      expect([headers['content-type'], json]).toEqual(['application/problem+json; charset=utf-8', problem])
    }
    for (const accept of ['application/json', '*/*', 'application/problem+json;q=0'])
      expect((await client.get('/errors/NOT_FOUND', { accept })).json.error.code).toBe('NOT_FOUND')
    const other = await openServer(Errors, { fail, save: fail }, { errors: 'problem' })
    expect((await other.client.get('/errors/NOT_FOUND')).json).toEqual(problem)
    expect((await other.client.get('/nothing')).json).toMatchObject({ status: 404, code: 'NOT_FOUND' })
  })

  it('states nothing of an error that is not for callers', async () => {
    const secret = Object.assign(new Error('secret in /etc/passwd'), { code: 'ENOENT', path: '/etc/passwd' })
    const { client } = await openServer(Errors, {
      save: fail,
      fail() {
        throw secret
      },
    })
    const { status, text } = await client.get('/errors/x')
    expect([status, text]).toEqual([
      500,
      '{"error":{"code":"INTERNAL","message":"the service failed","details":{}}}',
    ])
  })

  it('writes a fault to the logger, and no outcome', async () => {
    const lines: string[] = []
    const logger = textLogger(lines)
    const { client } = await openServer(
      Errors,
      {
        save: fail,
        fail({ status }: Json) {
          if (status === 'x') throw new Error('broken')
          return fail({ status })
        },
      },
      { logger },
    )
    await client.get('/errors/NOT_FOUND')
    expect(lines).toEqual([])
    await client.get('/errors/x')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /^gateway\.requestFailed .*"path":"\/errors\/x".*the peer's handler failed: Error: broken/,
    )
  })

  it('demands credentials with the challenge of the authenticator', async () => {
    const rules = policy({ 'test.Errors/*': ['read'] })
    const own = { save: fail, fail: (_request: Json, { identity }: CallContext) => identity ?? null }
    const { client } = await openServer(Errors, own, { auth: keys, policy: rules })
    const none = await client.get('/errors/x')
    expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Key realm="test"'])
    const wrong = await client.get('/errors/x', { 'x-key': 'bob' })
    expect([wrong.status, wrong.json.error.message]).toEqual([401, 'this key is not valid'])
    const right = await client.get('/errors/x', { 'x-key': 'ann' })
    expect([right.status, right.json]).toMatchObject([200, { subject: 'ann', scopes: ['read'] }])
  })

  it('refuses a client without the rights, before it reads the body', async () => {
    const { client } = await openServer(
      Errors,
      { fail, save: fail },
      { auth: keys, policy: policy({ 'test.Errors/*': ['write'] }) },
    )
    const { status, json } = await client.post('/errors', 'not JSON', { 'x-key': 'ann' })
    expect([status, json.error.code]).toEqual([403, 'NOT_ALLOWED'])
  })
})

describe('an error whose details JSON cannot have', () => {
  const details: Json = {}
  details.self = details
  const save = () => {
    throw new ServiceError('FAILED_PRECONDITION', 'the item is locked', { reason: 'LOCKED', details })
  }

  it.each(['application/json', 'application/problem+json'])('arrives without them as %s', async (accept) => {
    const { client } = await openServer(Errors, { fail, save })
    const { status, json } = await client.post('/errors', {}, { accept })
    const { code, details: shown } = json.error ?? json
    expect([status, code, shown]).toEqual([400, 'LOCKED', {}])
  })

  it('is the answer of a repeated request with its key', async () => {
    const { client } = await openServer(Errors, { fail, save })
    const key = { 'idempotency-key': 'a' }
    const first = await client.post('/errors', {}, key)
    const second = await client.post('/errors', {}, key)
    expect([first.status, second.text]).toEqual([400, first.text])
  })
})
