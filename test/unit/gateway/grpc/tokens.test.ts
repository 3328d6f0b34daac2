import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import type { GrpcServiceOptions } from '../../../../src/gateway/grpc/grpc-service-options.js'
import { type TokenSource, Tokens } from '../../../../src/gateway/tokens.js'
import {
  answer,
  endTestServers,
  GrpcTestServer,
  type TestUsers,
  usersAt,
} from '../../../support/grpc-server.js'
import { failure } from '../../../support/services.js'

afterEach(endTestServers)

/** A service whose server returns the header `authorization`. */
async function opened(options: GrpcServiceOptions): Promise<TestUsers> {
  const server = await GrpcTestServer.start({
    GetUser: answer((_request, metadata) => ({
      user: { emails: metadata.get('authorization') as string[] },
    })),
  })
  return usersAt(server.address, options)
}

async function authorizationOf(service: TestUsers, options?: object): Promise<unknown> {
  const { user } = await service.getUser({}, options)
  return user.emails as unknown
}

describe('the token of a service', () => {
  it.each<[string, TokenSource]>([
    ['a string', 'abc'],
    ['a function', () => 'abc'],
    ['a function with a promise', async () => 'abc'],
  ])('can be %s', async (_form, token) => {
    expect(await authorizationOf(await opened({ token }))).toEqual(['Bearer abc'])
  })

  it('is fetched for each call', async () => {
    const tokens = ['t1', 't2']
    const service = await opened({ token: () => tokens.shift() as string })
    expect(await authorizationOf(service)).toEqual(['Bearer t1'])
    expect(await authorizationOf(service)).toEqual(['Bearer t2'])
  })

  it('is replaced by a header of the call or of all calls', async () => {
    let count = 0
    const token = (): string => {
      count += 1
      return 't'
    }
    const metadata = { authorization: 'Basic x' }
    expect(await authorizationOf(await opened({ token }), { metadata })).toEqual(['Basic x'])
    expect(await authorizationOf(await opened({ token, metadata }))).toEqual(['Basic x'])
    expect(count).toBe(0)
  })

  it('fails the call if its source fails', async () => {
    const cause = new Error('the password is secret')
    const service = await opened({ token: () => Promise.reject(cause) })
    const error = await failure(service.getUser({}))
    expect(error).toMatchObject({ code: ErrorCode.DENIED, status: 'UNAUTHENTICATED', executed: 'no', cause })
    expect(error['message']).not.toContain('secret')
  })

  it.each([[undefined], [''], ['with space'], ['line\nbreak'], [5]])('is not %j', async (token) => {
    const service = await opened({ token: () => token as string })
    const error = await failure(service.getUser({}))
    expect(error).toMatchObject({ status: 'UNAUTHENTICATED', executed: 'no' })
    expect(error['message']).not.toContain('with space')
  })

  it('does not outlast the bounds of its call', async () => {
    const service = await opened({ token: () => new Promise(() => {}) })
    const late = { code: ErrorCode.TIMEOUT, executed: 'no' }
    expect(await failure(service.getUser({}, { timeoutMs: 30 }))).toMatchObject(late)
    const controller = new AbortController()
    const call = failure(service.getUser({}, { signal: controller.signal }))
    controller.abort()
    expect(await call).toMatchObject({ code: ErrorCode.ABORTED, executed: 'no' })
  })
})

describe('Tokens', () => {
  it.each([[''], ['with space'], ['ä'], [5], [null]])('refuses %j', (token) => {
    expect(() => new Tokens(token as string)).toThrow(
      expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error,
    )
  })

  it('bounds the calls that wait', async () => {
    const waiting: ((token: string) => void)[] = []
    const tokens = new Tokens(() => new Promise((resolve) => waiting.push(resolve)))
    const headers = Array.from({ length: 4096 }, () => tokens.header())
    expect(await failure(tokens.header())).toMatchObject({
      code: ErrorCode.BACKLOG,
      status: 'RESOURCE_EXHAUSTED',
      executed: 'no',
    })
    for (const resolve of waiting) resolve('t')
    await Promise.all(headers)
    const next = tokens.header()
    waiting.at(-1)?.('u')
    expect(await next).toBe('Bearer u')
  })
})
