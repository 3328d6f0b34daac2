import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect'
import { compressionGzip, connectNodeAdapter } from '@connectrpc/connect-node'
import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { endTestServers, type TestUsers, USERS, usersAt } from '../support/grpc-server.js'
import { testMessage } from '../support/proto-files.js'
import { all, failure, first } from '../support/services.js'
import { eventually } from '../support/turns.js'

// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors that are read at run time
type Any = any

const USER = testMessage('user.User')
const ends: (() => void)[] = []

afterEach(async () => {
  await endTestServers()
  for (const end of ends.splice(0)) end()
})

/** The service of gRPC of a server of Connect, which compresses its answers. */
async function opened(handlers: Readonly<Record<string, Any>>): Promise<TestUsers> {
  const routes = (router: ConnectRouter): void => {
    router.service(USERS, handlers)
  }
  const options = {
    routes,
    connect: false,
    grpcWeb: false,
    acceptCompression: [compressionGzip],
    compressMinBytes: 16,
  }
  const server = createServer(connectNodeAdapter(options))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  ends.push(() => server.close())
  return usersAt(`127.0.0.1:${(server.address() as AddressInfo).port}`)
}

describe('a service of a gRPC server of Connect', () => {
  it('answers the four kinds of calls', async () => {
    const name = 'Ann'.repeat(1_000)
    const calls = await opened({
      getUser: ({ id }: Any) => ({ user: { id, name } }),
      async *streamUsers({ account }: Any) {
        for (const letter of account) yield { name: letter }
      },
      async upload(users: AsyncIterable<Any>) {
        let age = 0
        for await (const { id } of users) age += Number(id)
        return { user: { age } }
      },
      async *chat(users: AsyncIterable<Any>) {
        for await (const { id } of users) yield { id: id * 2n }
      },
    })
    expect((await calls.getUser({ id: 7n })).user).toMatchObject({ id: 7n, name })
    expect((await all(calls.streamUsers({ account: 'abc' }))).map((user) => user.name as string)).toEqual([
      'a',
      'b',
      'c',
    ])
    expect((await calls.upload([{ id: 1n }, { id: 2n }])).user.age).toBe(3)
    expect((await all(calls.chat([{ id: 1n }, { id: 2n }]))).map(({ id }) => id as bigint)).toEqual([2n, 4n])
  })

  it('passes metadata and errors with their details', async () => {
    const calls = await opened({
      getUser: (_request: Any, context: HandlerContext) => {
        context.responseHeader.set('x-head', context.requestHeader.get('x-sent') ?? '')
        context.responseTrailer.set('x-trail', 't')
        return {}
      },
      createUser: () => {
        const details = [{ desc: USER, value: create(USER, { name: 'Ann' } as Any) }]
        throw new ConnectError('no user ü', Code.AlreadyExists, undefined, details)
      },
      putUser: () => {
        throw new TypeError('a mistake')
      },
    })
    const seen: Any[] = []
    await calls.getUser(
      {},
      {
        metadata: { 'x-sent': 's' },
        onHeaders: (headers) => seen.push(headers.get('x-head')),
        onTrailers: (trailers) => seen.push([...trailers]),
      },
    )
    expect(seen).toEqual(['s', [['x-trail', 't']]])
    expect(await failure(calls.createUser({}))).toMatchObject({
      code: ErrorCode.SERVICE,
      status: 'ALREADY_EXISTS',
      message: 'no user ü',
      details: [{ type: 'user.User' }],
    })
    expect(await failure(calls.putUser({}))).toMatchObject({ code: ErrorCode.SERVICE, status: 'INTERNAL' })
  })

  it('passes deadlines and cancellation', async () => {
    const ended: string[] = []
    const hang = (context: HandlerContext): Promise<never> =>
      new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => {
          ended.push('unary')
          reject(new Error('aborted'))
        })
      })
    const calls = await opened({
      getUser: (_request: Any, context: HandlerContext) => hang(context),
      async *streamUsers() {
        try {
          for (let id = 0n; ; id += 1n) yield { id }
        } finally {
          ended.push('stream')
        }
      },
    })
    expect(await failure(calls.getUser({}, { timeoutMs: 100 }))).toMatchObject({ code: ErrorCode.TIMEOUT })
    await eventually(() => ended.includes('unary'))
    await first(calls.streamUsers({}), 100)
    await eventually(() => ended.includes('stream'))
  })
})
