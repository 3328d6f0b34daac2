import { Metadata as GrpcMetadata, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { encodeStatusDetails } from '../../../../src/gateway/grpc/status-details.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { Metadata } from '../../../../src/service/call/metadata.js'
import { ServiceError } from '../../../../src/service-error.js'
import {
  answer,
  endTestServers,
  type GrpcHandler,
  grpcError,
  manyUsers,
  namesOf,
  openUsers,
} from '../../../support/grpc-server.js'
import { all, failure } from '../../../support/services.js'
import { eventually } from '../../../support/turns.js'

// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors that are read at run time
type Any = any

afterEach(endTestServers)

describe('a service of gRPC', () => {
  it('answers the four kinds of calls', async () => {
    const calls = await openUsers({
      GetUser: answer(({ id }: Any) => ({ user: { id, name: 'Ann' } })),
      StreamUsers: (call) => {
        for (const name of call.request.account) call.write({ name })
        call.end()
      },
      Upload: (call, callback) => {
        let name = ''
        call.on('data', (user: Any) => (name += user.name))
        call.on('end', () => callback(null, { user: { name } }))
      },
      Chat: (call) => {
        call.on('data', (user: Any) => call.write({ name: user.name.toUpperCase() }))
        call.on('end', () => call.end())
      },
    })
    const { user } = await calls.getUser({ id: 7n })
    expect(user).toMatchObject({ $typeName: 'user.User', id: 7n, name: 'Ann', emails: [], role: 0 })
    expect(namesOf(await all(calls.streamUsers({ account: 'abc' })))).toEqual(['a', 'b', 'c'])
    expect((await calls.upload(manyUsers(3))).user.name).toBe('xxx')
    expect((await calls.upload([{ name: 'p' }, { name: 'q' }])).user.name).toBe('pq')
    expect((await calls.upload([])).user.name).toBe('')
    expect(namesOf(await all(calls.chat([{ name: 'a' }, { name: 'b' }])))).toEqual(['A', 'B'])
    expect(await all(calls.chat([]))).toEqual([])
    expect(await all(calls.streamUsers({}))).toEqual([])
  })

  it('checks messages before they are sent', async () => {
    let requests = 0
    const calls = await openUsers({
      GetUser: answer(() => {
        requests += 1
        return {}
      }),
      Upload: (call, callback) => {
        call.on('data', () => (requests += 1))
        call.on('end', () => callback(null, {}))
      },
    })
    const wrong = { code: ErrorCode.SERVICE, status: 'INVALID_ARGUMENT', reason: 'INVALID_MESSAGE' }
    expect(await failure(calls.getUser({ id: 'seven' }))).toMatchObject({
      ...wrong,
      details: { fieldViolations: [{ field: 'id' }] },
    })
    expect(await failure(calls.upload([{ id: 'seven' }]))).toMatchObject(wrong)
    expect(await failure(calls.upload('text'))).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    expect(requests).toBe(0)
  })

  it('gives a call up if an answer is not a message', async () => {
    const cancelled: string[] = []
    const calls = await openUsers({
      GetUser: (_call, callback) => callback(null, Buffer.from([0xff])),
      StreamUsers: (call) => {
        call.on('cancelled', () => cancelled.push('stream'))
        call.write({ name: 'a' })
        call.write(Buffer.from([0xff]))
      },
    })
    const undecodable = { code: ErrorCode.CODEC, status: 'INTERNAL', executed: 'unknown' }
    expect(await failure(calls.getUser({}))).toMatchObject(undecodable)
    const got: unknown[] = []
    const loop = async (): Promise<void> => {
      for await (const { name } of calls.streamUsers({})) got.push(name)
    }
    expect(await failure(loop())).toMatchObject(undecodable)
    expect(got).toEqual(['a'])
    await eventually(() => cancelled.length === 1)
  })

  it('passes metadata in both directions, without the names of gRPC', async () => {
    let received: Record<string, unknown> = {}
    const reply: GrpcHandler = (call, callback) => {
      received = call.metadata.getMap()
      const headers = new GrpcMetadata()
      headers.set('x-head', 'h')
      headers.set('x-key-bin', Buffer.from([1, 2]))
      call.sendMetadata(headers)
      const trailers = new GrpcMetadata()
      trailers.set('x-trail', 't')
      if (callback === undefined) {
        call.write({ name: 'a' })
        call.end(trailers)
      } else callback(null, {}, trailers)
    }
    const calls = await openUsers(
      { GetUser: reply, StreamUsers: reply },
      { metadata: { 'x-client': 'c', 'x-both': 'client' } },
    )
    const seen: unknown[] = []
    const options = {
      metadata: { 'x-call': 'd', 'x-both': 'call', 'x-data-bin': new Uint8Array([9]) },
      lastEventId: '7',
      onHeaders: (metadata: Iterable<unknown>) => seen.push(['headers', ...metadata]),
      onTrailers: (metadata: Iterable<unknown>) => seen.push(['trailers', ...metadata]),
    }
    await calls.getUser({}, options)
    expect(received).toMatchObject({
      'x-client': 'c',
      'x-both': 'call',
      'x-call': 'd',
      'x-data-bin': Buffer.from([9]),
      'last-event-id': '7',
    })
    const expected = [
      ['headers', ['x-head', 'h'], ['x-key-bin', Buffer.from([1, 2])]],
      ['trailers', ['x-trail', 't']],
    ]
    expect(seen).toEqual(expected)
    await all(calls.streamUsers({}, options))
    expect(seen).toEqual([...expected, ...expected])
  })

  it('ends with the call of a handler, and passes its trace on', async () => {
    let received = new GrpcMetadata()
    let deadlineMs = 0
    const calls = await openUsers({
      GetUser: (call, callback) => {
        received = call.metadata
        deadlineMs = call.getDeadline() - Date.now()
        callback(null, {})
      },
    })
    const context = {
      signal: new AbortController().signal,
      remainingMs: 5_000,
      metadata: new Metadata({ traceparent: '00-1', authorization: 'secret' }),
    } as Partial<CallContext> as CallContext
    await calls.getUser({}, { context })
    expect(received.get('traceparent')).toEqual(['00-1'])
    expect(received.get('authorization')).toEqual([])
    expect(deadlineMs).toBeLessThanOrEqual(5_000)
    expect(deadlineMs).toBeGreaterThan(1_000)
    await calls.getUser({}, { timeoutMs: Number.POSITIVE_INFINITY })
    expect(deadlineMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('runs interceptors', async () => {
    const seen: unknown[] = []
    const calls = await openUsers(
      {
        GetUser: answer((_request, metadata) => ({ user: { name: metadata.get('x-added')[0] } })),
        StreamUsers: (call) => call.end(),
      },
      {
        interceptors: [
          (next) => async (call) => {
            call.metadata.set('x-added', 'yes')
            const reply = await next(call)
            seen.push([call.side, call.service, call.method, call.kind])
            return reply
          },
        ],
      },
    )
    expect((await calls.getUser({})).user.name).toBe('yes')
    await all(calls.streamUsers({}))
    expect(seen).toEqual([
      ['client', 'user.UserService', 'getUser', 'unary'],
      ['client', 'user.UserService', 'streamUsers', 'serverStream'],
    ])
  })
})

describe('an error of a server of gRPC', () => {
  it('has its status, message, reason and details', async () => {
    const trailers = new GrpcMetadata()
    const sent = new ServiceError('NOT_FOUND', 'no user 7', { reason: 'USER_NOT_FOUND', details: { id: 7 } })
    trailers.set('grpc-status-details-bin', Buffer.from(encodeStatusDetails(sent) as Uint8Array))
    trailers.set('x-trail', 't')
    const error = grpcError(status.NOT_FOUND, 'no user 7', trailers)
    const calls = await openUsers({
      GetUser: (_call, callback) => callback(error),
      StreamUsers: (call) => {
        call.write({ name: 'a' })
        call.emit('error', error)
      },
    })
    const expected = {
      code: ErrorCode.SERVICE,
      status: 'NOT_FOUND',
      message: 'no user 7',
      reason: 'USER_NOT_FOUND',
      details: { id: 7 },
      cause: { code: status.NOT_FOUND },
    }
    const seen: unknown[] = []
    const onTrailers = (metadata: Iterable<unknown>): void => void seen.push(...metadata)
    expect(await failure(calls.getUser({}, { onTrailers }))).toMatchObject(expected)
    expect(seen).toEqual([['x-trail', 't']])
    const got: unknown[] = []
    const loop = async (): Promise<void> => {
      for await (const { name } of calls.streamUsers({})) got.push(name)
    }
    expect(await failure(loop())).toMatchObject(expected)
    expect(got).toEqual(['a'])
  })

  it.each([
    [status.CANCELLED, 'CANCELLED'],
    [status.RESOURCE_EXHAUSTED, 'RESOURCE_EXHAUSTED'],
    [status.UNAVAILABLE, 'UNAVAILABLE'],
    [status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
    [99, 'UNKNOWN'],
  ])('with the code %i has the status %s', async (code, expected) => {
    const calls = await openUsers({ CreateUser: (_call, callback) => callback(grpcError(code, 'text')) })
    expect(await failure(calls.createUser({}))).toMatchObject({
      code: ErrorCode.SERVICE,
      status: expected,
      message: 'text',
    })
  })

  it('is UNIMPLEMENTED for a method that the server does not have', async () => {
    const calls = await openUsers({ GetUser: answer(() => ({})) })
    expect(await failure(calls.putUser({}))).toMatchObject({ status: 'UNIMPLEMENTED' })
  })

  it('follows the messages that wait for a slow loop', async () => {
    const calls = await openUsers({
      StreamUsers: (call) => {
        for (let id = 0; id < 70; id += 1) call.write({ id: BigInt(id) })
        call.emit('error', grpcError(status.ABORTED, 'over'))
      },
    })
    const stream = calls.streamUsers({})
    await stream.next()
    await new Promise((resolve) => setTimeout(resolve, 50))
    let count = 1
    const loop = async (): Promise<void> => {
      for await (const _ of stream) count += 1
    }
    expect(await failure(loop())).toMatchObject({ status: 'ABORTED' })
    expect(count).toBe(70)
  })

  it('ends a client stream before all is sent', async () => {
    const ends: string[] = []
    const calls = await openUsers({
      Upload: (_call, callback) => callback(grpcError(status.PERMISSION_DENIED, 'no')),
    })
    async function* endless(): AsyncGenerator {
      try {
        for (;;) yield { name: 'x'.repeat(1000) }
      } finally {
        ends.push('ended')
      }
    }
    expect(await failure(calls.upload(endless()))).toMatchObject({ status: 'PERMISSION_DENIED' })
    await eventually(() => ends.length === 1)
  })
})
