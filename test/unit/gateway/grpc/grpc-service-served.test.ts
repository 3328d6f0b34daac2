import { Metadata as GrpcMetadata, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import type { GrpcServiceOptions } from '../../../../src/gateway/grpc/grpc-service-options.js'
import { encodeStatusDetails } from '../../../../src/gateway/grpc/status-details.js'
import type { Contract } from '../../../../src/service/contract/contract.js'
import type { Handlers } from '../../../../src/service/contract/contract-types.js'
import { serve } from '../../../../src/service/serve.js'
import { ServiceError } from '../../../../src/service-error.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import {
  answer,
  endTestServers,
  type GrpcHandler,
  GrpcTestServer,
  grpcError,
  sendsLongUsers,
  Users,
  usersAt,
} from '../../../support/grpc-server.js'
import { all, failure, first, type TestClient, testClient } from '../../../support/services.js'
import { eventually, settled } from '../../../support/turns.js'

afterEach(endTestServers)

type Names = 'getUser' | 'putUser' | 'createUser' | 'streamUsers' | 'upload' | 'chat'

/** A local client, whose calls pass through a local service to a server of gRPC. */
async function opened(
  handlers: Readonly<Record<string, GrpcHandler>>,
  options?: GrpcServiceOptions,
): Promise<{ calls: TestClient<Names>; server: GrpcTestServer }> {
  const server = await GrpcTestServer.start(handlers)
  const remote: object = await usersAt(server.address, options)
  const [left, right] = createChannelPair()
  await serve(right, remote as Handlers<Contract>, { contract: Users as Contract })
  return { calls: await testClient<Names>(left, { contract: Users }), server }
}

async function* users(count: number): AsyncGenerator {
  for (let id = 0; id < count; id += 1) yield { id: BigInt(id), name: 'x' }
}

describe('a served service of gRPC', () => {
  it('passes on the four kinds of calls', async () => {
    const { calls } = await opened({
      GetUser: answer(({ id }: { id: bigint }) => ({ user: { id, name: 'Ann' } })),
      StreamUsers: (call) => {
        for (const name of call.request.account) call.write({ name })
        call.end()
      },
      Upload: (call, callback) => {
        let count = 0
        call.on('data', () => (count += 1))
        call.on('end', () => callback(null, { user: { age: count } }))
      },
      Chat: (call) => {
        call.on('data', ({ id }: { id: bigint }) => call.write({ id: id + 1n }))
        call.on('end', () => call.end())
      },
    })
    expect((await calls.getUser({ id: 7n })).user).toMatchObject({ id: 7n, name: 'Ann', emails: [] })
    expect((await all(calls.streamUsers({ account: 'abc' }))).map(({ name }) => name as string)).toEqual([
      'a',
      'b',
      'c',
    ])
    expect((await calls.upload(users(3))).user.age).toBe(3)
    expect((await all(calls.chat(users(2)))).map(({ id }) => id as bigint)).toEqual([1n, 2n])
  })

  it('passes on metadata in both directions', async () => {
    const received: string[] = []
    const { calls } = await opened({
      GetUser: (call, callback) => {
        received.push(...(call.metadata.get('x-tenant') as string[]))
        const headers = new GrpcMetadata()
        headers.set('x-head', 'h')
        call.sendMetadata(headers)
        const trailers = new GrpcMetadata()
        trailers.set('x-trail', 't')
        callback(null, {}, trailers)
      },
    })
    const seen: unknown[] = []
    await calls.getUser(
      {},
      {
        metadata: { 'x-tenant': 'a' },
        onHeaders: (headers) => seen.push([...headers]),
        onTrailers: (trailers) => seen.push([...trailers]),
      },
    )
    expect(received).toEqual(['a'])
    expect(seen).toEqual([[['x-head', 'h']], [['x-trail', 't']]])
  })

  it('passes on deadlines, cancellations and the end of a loop', async () => {
    const deadlines: number[] = []
    const ended: string[] = []
    const { calls } = await opened({
      GetUser: (call) => {
        deadlines.push(call.getDeadline() - Date.now())
        call.on('cancelled', () => ended.push('unary'))
      },
      StreamUsers: (call) => {
        call.on('cancelled', () => ended.push('stream'))
        call.write({})
      },
    })
    expect(await failure(calls.getUser({}, { timeoutMs: 100 }))).toMatchObject({ code: ErrorCode.TIMEOUT })
    await eventually(() => ended.length === 1)
    expect(deadlines[0]).toBeLessThanOrEqual(100)
    const controller = new AbortController()
    const call = failure(
      calls.getUser({}, { signal: controller.signal, timeoutMs: Number.POSITIVE_INFINITY }),
    )
    await eventually(() => deadlines.length === 2)
    expect(deadlines[1]).toBe(Number.POSITIVE_INFINITY)
    controller.abort()
    expect(await call).toMatchObject({ code: ErrorCode.ABORTED })
    await eventually(() => ended.length === 2)
    await first(calls.streamUsers({}), 1)
    await eventually(() => ended.includes('stream'))
  })

  it('passes on the errors of the server, and its absence', async () => {
    const trailers = new GrpcMetadata()
    const sent = new ServiceError('NOT_FOUND', 'gone', { reason: 'GONE', details: { id: 7 } })
    trailers.set('grpc-status-details-bin', Buffer.from(encodeStatusDetails(sent) as Uint8Array))
    const { calls, server } = await opened(
      { GetUser: (_call, callback) => callback(grpcError(status.NOT_FOUND, 'gone', trailers)) },
      { retries: 0 },
    )
    expect(await failure(calls.getUser({}))).toMatchObject({
      code: ErrorCode.SERVICE,
      status: 'NOT_FOUND',
      message: 'gone',
      reason: 'GONE',
      details: { id: 7 },
    })
    expect(await failure(calls.getUser({ id: 'x' }))).toMatchObject({ status: 'INVALID_ARGUMENT' })
    server.kill()
    await failure(calls.createUser({}))
    expect(await failure(calls.createUser({}))).toMatchObject({
      code: ErrorCode.SERVICE,
      status: 'UNAVAILABLE',
    })
  })

  it('stops the server of gRPC while the local loop is busy', async () => {
    let sent = 0
    const { calls } = await opened({
      StreamUsers: sendsLongUsers(1_000, () => (sent += 1)),
    })
    const stream = calls.streamUsers({})
    await stream.next()
    expect(await settled(() => sent)).toBeLessThan(200)
    expect(await all(stream)).toHaveLength(999)
  })
})
