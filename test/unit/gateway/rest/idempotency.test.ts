import { describe, expect, it, vi } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import {
  IdempotencyKeys,
  type IdempotencyOptions,
  type Idempotent,
  type IdempotentRun,
  type KeyedRequest,
  ownerOf,
  surelyDidNotRun,
} from '../../../../src/gateway/rest/idempotency.js'
import type {
  IdempotencyEntry,
  IdempotencyState,
  IdempotencyStore,
  StoredAnswer,
} from '../../../../src/gateway/rest/idempotency-store.js'
import { ServiceError } from '../../../../src/service-error.js'
import { waitFor } from '../../../support/wait-for.js'

const request: KeyedRequest = {
  owner: 'identity:ada',
  service: 'user.UserService',
  method: 'createUser',
  httpMethod: 'POST',
  url: '/v1/users',
  key: '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
  body: Buffer.from('{"name":"Ada"}'),
}
const answer: StoredAnswer = {
  status: 201,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"id":"1"}'),
}

async function started(keys: IdempotencyKeys, changes: Partial<KeyedRequest> = {}): Promise<IdempotentRun> {
  const { run } = (await keys.begin({ ...request, ...changes })) as Idempotent
  if (run === undefined) throw new Error('the request has an answer already')
  return run
}

describe('IdempotencyKeys', () => {
  it('runs the first request, and answers its repetitions with its answer', async () => {
    const keys = new IdempotencyKeys()
    const run = await started(keys)
    await run.finish(answer)
    expect(await keys.begin(request)).toEqual({ replay: answer })
    // The same key without the quotes.
    expect(await keys.begin({ ...request, key: '8e03978e-40d5-43e8-bc93-6894a57f9324' })).toEqual({
      replay: answer,
    })
  })

  it('refuses a repetition while the first request runs', async () => {
    const keys = new IdempotencyKeys()
    await started(keys)
    await expect(keys.begin(request)).rejects.toMatchObject({
      httpStatus: 409,
      status: 'ABORTED',
      reason: 'IDEMPOTENCY_KEY_RUNNING',
    })
  })

  it.each<[string, Partial<KeyedRequest>]>([
    ['another body', { body: Buffer.from('{"name":"Bob"}') }],
    ['another path', { url: '/v1/users?dry' }],
    ['another method of HTTP', { httpMethod: 'PUT' }],
  ])('refuses the key for %s, while the first request runs and afterwards', async (_case, changes) => {
    const keys = new IdempotencyKeys()
    const reused = { httpStatus: 422, reason: 'IDEMPOTENCY_KEY_REUSED' }
    const run = await started(keys)
    await expect(keys.begin({ ...request, ...changes })).rejects.toMatchObject(reused)
    await run.finish(answer)
    await expect(keys.begin({ ...request, ...changes })).rejects.toMatchObject(reused)
  })

  it.each<[string, Partial<KeyedRequest>]>([
    ['owner', { owner: 'identity:bob' }],
    ['method', { method: 'deleteUser' }],
    ['service', { service: 'admin.UserService' }],
    ['key', { key: '"another"' }],
  ])('runs a request with another %s', async (_part, changes) => {
    const keys = new IdempotencyKeys()
    await (await started(keys)).finish(answer)
    expect(await keys.begin({ ...request, ...changes })).toHaveProperty('run')
  })

  it('runs a request again whose call surely did not run', async () => {
    const keys = new IdempotencyKeys()
    await (await started(keys)).drop()
    await (await started(keys)).finish(answer)
    expect(await keys.begin(request)).toEqual({ replay: answer })
  })

  it('runs one of many requests that arrive at the same time', async () => {
    const keys = new IdempotencyKeys()
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => keys.begin(request)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('demands the header for the methods that need it', async () => {
    const keys = new IdempotencyKeys({ required: ['user.UserService/createUser'] })
    await expect(keys.begin({ ...request, key: undefined })).rejects.toMatchObject({
      httpStatus: 400,
      reason: 'IDEMPOTENCY_KEY_MISSING',
      message: 'user.UserService/createUser needs the header idempotency-key',
    })
    expect(await keys.begin({ ...request, key: undefined, method: 'deleteUser' })).toBeUndefined()
    expect(keys.isRequired('user.UserService', 'createUser')).toBe(true)
    expect(keys.isRequired('user.UserService', 'deleteUser')).toBe(false)
    expect(() => keys.checkMethods(['user.UserService/deleteUser'])).toThrow(
      'idempotency.required has "user.UserService/createUser", which is not a unary method with a route of POST, PUT, PATCH or DELETE',
    )
  })

  it.each([
    '',
    '""',
    '"a',
    'a"',
    '"a", "b"',
    'a, b',
    '"a\\b"',
    '"\u00e9"',
    '"a";p=1',
    'a b',
    `"${'a'.repeat(256)}"`,
  ])('refuses the key %j', async (key) => {
    await expect(new IdempotencyKeys().begin({ ...request, key })).rejects.toMatchObject({
      httpStatus: 400,
      reason: 'IDEMPOTENCY_KEY_MALFORMED',
    })
  })

  it('reads quotes and backslashes in a key', async () => {
    const keys = new IdempotencyKeys()
    await (await started(keys, { key: '"a\\"b\\\\"' })).finish(answer)
    expect(await keys.begin({ ...request, key: ' "a\\"b\\\\" ' })).toEqual({ replay: answer })
  })

  it('does not run a request again whose answer had no room', async () => {
    const keys = new IdempotencyKeys({ maxBytes: 1_024 })
    await (await started(keys)).finish({ ...answer, body: Buffer.alloc(1_024) })
    await expect(keys.begin(request)).rejects.toMatchObject({
      httpStatus: 409,
      reason: 'IDEMPOTENCY_ANSWER_LOST',
    })
  })

  it.each<[unknown, string]>([
    [true, 'idempotency is true; it must be an object'],
    [{ require: [] }, 'did you mean "required"?'],
    [{ required: 'x' }, 'idempotency.required is "x"'],
    [{ required: [1] }, 'idempotency.required is'],
    [{ ttlMs: 999 }, 'idempotency.ttlMs is 999'],
    [{ maxEntries: 1 }, 'idempotency.maxEntries is 1'],
    [{ maxBytes: 1 }, 'idempotency.maxBytes is 1'],
    [{ store: { begin() {} } }, 'idempotency.store is'],
    [
      { store: { begin() {}, finish() {} }, ttlMs: 1_000 },
      'idempotency.ttlMs is a bound of the store in memory',
    ],
  ])('rejects the options %j', (options, message) => {
    expect(() => new IdempotencyKeys(options as IdempotencyOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      }),
    )
  })
})

/** A store that is shared by several gateways and answers later. */
class SharedStore implements IdempotencyStore {
  readonly states = new Map<string, IdempotencyState>()

  async begin({ id, fingerprint }: IdempotencyEntry): Promise<IdempotencyState> {
    await Promise.resolve()
    const known = this.states.get(id)
    if (known === undefined) this.states.set(id, { state: 'running', fingerprint })
    return known ?? { state: 'new' }
  }

  async finish({ id, fingerprint }: IdempotencyEntry, stored: StoredAnswer | undefined): Promise<void> {
    await Promise.resolve()
    if (stored === undefined) this.states.delete(id)
    else this.states.set(id, { state: 'answered', fingerprint, answer: stored })
  }
}

describe('a store of the program', () => {
  it('makes two gateways run a request once', async () => {
    const store = new SharedStore()
    const [first, second] = [new IdempotencyKeys({ store }), new IdempotencyKeys({ store })]
    const run = await started(first)
    await expect(second.begin(request)).rejects.toMatchObject({ httpStatus: 409 })
    await run.finish(answer)
    expect(await second.begin(request)).toEqual({ replay: answer })
  })

  it('gets hashes of 43 characters', async () => {
    const store = new SharedStore()
    const begin = vi.spyOn(store, 'begin')
    await started(new IdempotencyKeys({ store }))
    expect(begin).toHaveBeenCalledExactlyOnceWith({
      id: expect.stringMatching(/^[\w-]{43}$/),
      fingerprint: expect.stringMatching(/^[\w-]{43}$/),
      owner: 'identity:ada',
    })
  })

  it.each<[string, () => never | Promise<never> | IdempotencyState]>([
    [
      'throws',
      () => {
        throw new Error('the database is away')
      },
    ],
    ['rejects', () => Promise.reject(new Error('the database is away'))],
    ['returns nothing', () => undefined as never],
  ])('refuses the request when it %s', async (_case, begin) => {
    const error = vi.fn()
    const store = { begin, finish: vi.fn() }
    const keys = new IdempotencyKeys({ store }, { debug() {}, warn() {}, error })
    await expect(keys.begin(request)).rejects.toMatchObject({
      httpStatus: 503,
      reason: 'IDEMPOTENCY_STORE_FAILED',
      message: 'the idempotency keys cannot be read; the request has not run',
    })
    expect(store.finish).not.toHaveBeenCalled()
    expect(error).toHaveBeenCalledOnce()
  })

  it('frees the key if it answers too late', async () => {
    let begin: (state: IdempotencyState) => void = () => {}
    const store = {
      begin: () => new Promise<IdempotencyState>((resolve) => (begin = resolve)),
      finish: vi.fn(),
    }
    const late = new IdempotencyKeys({ store }, undefined, 20).begin(request)
    await expect(late).rejects.toMatchObject({ reason: 'IDEMPOTENCY_STORE_FAILED' })
    expect(store.finish).not.toHaveBeenCalled()
    begin({ state: 'new' })
    await waitFor(() => expect(store.finish).toHaveBeenCalledExactlyOnceWith(expect.anything(), undefined))
  })

  it('does not fail a request that has run', async () => {
    const error = vi.fn()
    const store = {
      begin: (): IdempotencyState => ({ state: 'new' }),
      finish: () => Promise.reject(new Error('the database is away')),
    }
    const keys = new IdempotencyKeys({ store }, { debug() {}, warn() {}, error })
    await (await started(keys)).finish(answer)
    expect(error).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ event: 'gateway.idempotencyStoreFailed', error: 'the database is away' }),
      expect.any(String),
    )
  })
})

it('separates the keys of identities and addresses', () => {
  expect(ownerOf({ subject: '192.0.2.1' }, '192.0.2.1')).toBe('identity:192.0.2.1')
  expect(ownerOf(undefined, '192.0.2.1')).toBe('address:192.0.2.1')
  // One client can have all of these.
  expect(ownerOf(undefined, '2001:db8:1:2::3')).toBe(ownerOf(undefined, '2001:db8:1:2:4:5:6:7'))
  expect(ownerOf(undefined, '2001:db8:1:2::3')).not.toBe(ownerOf(undefined, '2001:db8:1:3::3'))
})

it('lets only calls run again that surely did not run', () => {
  expect(surelyDidNotRun(new ShmwireError(ErrorCode.UNAVAILABLE, 'away', { executed: 'no' }))).toBe(true)
  expect(surelyDidNotRun(new ShmwireError(ErrorCode.PEER_GONE, 'gone', { executed: 'unknown' }))).toBe(false)
  expect(surelyDidNotRun(new ServiceError('UNAVAILABLE', 'later'))).toBe(false)
  expect(surelyDidNotRun(undefined)).toBe(false)
})
