import { afterEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../../../src/channel/channel.js'
import { grpcGateway } from '../../../../src/gateway/grpc/grpc-gateway.js'
import type { CallContext, CallOptions } from '../../../../src/service/call/call-context.js'
import type { Contract } from '../../../../src/service/contract/contract.js'
import type { Handlers } from '../../../../src/service/contract/contract-types.js'
import { serve } from '../../../../src/service/serve.js'
import { ServiceError } from '../../../../src/service-error.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import { endTestServers, type TestUsers, Users, usersAt } from '../../../support/grpc-server.js'
import { all, first, type TestClient, testClient } from '../../../support/services.js'
import { eventually } from '../../../support/turns.js'

// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors that are read at run time
type Any = any

type Calls = Pick<TestUsers, 'getUser' | 'putUser' | 'createUser' | 'streamUsers' | 'upload' | 'chat'>

const ends: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await endTestServers()
  for (const end of ends.splice(0)) await end()
})

/** Two clients of the same service: over a channel, and through a gateway and gRPC. */
async function both(handlers: object): Promise<readonly [Calls, Calls]> {
  const open = async (): Promise<Channel> => {
    const [left, right] = createChannelPair()
    await serve(right, handlers as Handlers<Contract>, { contract: Users as Contract })
    return left
  }
  const gateway = await grpcGateway({
    services: [{ contract: Users as Contract, target: open }],
    listen: '127.0.0.1:0',
  })
  const local = await testClient<keyof Calls>(open, { contract: Users })
  ends.push(
    () => gateway.close({ timeoutMs: 0 }),
    () => local.$close({ timeoutMs: 0 }).catch(() => {}),
  )
  const calls: TestClient<keyof Calls> = local
  return [calls, await usersAt(gateway.address)]
}

/** The result of a call, or its error without the parts that stay in a process. */
async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { result: await call() }
  } catch (error) {
    const { code, status, message, reason, details } = error as Record<string, unknown>
    // The side whose clock reports the deadline first words it.
    return { code, status, message: status === 'DEADLINE_EXCEEDED' ? undefined : message, reason, details }
  }
}

async function expectEqual(handlers: object, run: (calls: Calls) => Promise<unknown>): Promise<unknown> {
  const [local, remote] = await both(handlers)
  const expected = await outcome(() => run(local))
  expect(await outcome(() => run(remote))).toEqual(expected)
  return expected
}

async function* rising(count: number): AsyncGenerator {
  for (let id = 0; id < count; id += 1) yield { id: BigInt(id) }
}

const handlers = {
  getUser: ({ id }: Any) => ({
    user: {
      id,
      name: 'Ann',
      emails: ['a@b.c'],
      avatar: new Uint8Array([1, 2]),
      score: 1.5,
      token: '18446744073709551615',
      created: { seconds: 5n, nanos: 6 },
      extra: { a: [1, null, { b: 'c' }] },
      labels: { 7: 'seven' },
      contact: { case: 'phone', value: '123' },
    },
  }),
  putUser: () => ({}),
  createUser: ({ user }: Any) => {
    if (user?.name === 'type') throw new TypeError('a mistake')
    throw new ServiceError('ALREADY_EXISTS', `no: ${user?.name} ü%`, {
      reason: 'USER_EXISTS',
      details: { id: 7, list: ['a'], nested: { b: null } },
    })
  },
  async *streamUsers({ id }: Any) {
    yield* rising(Number(id))
    if (id === 3n) throw new ServiceError('DATA_LOSS', 'the rest is lost')
  },
  async upload(messages: AsyncIterable<Any>) {
    const ids: bigint[] = []
    for await (const { id } of messages) ids.push(id as bigint)
    return { user: { age: ids.length, emails: ids.map(String) } }
  },
  async *chat(messages: AsyncIterable<Any>) {
    for await (const { id } of messages) yield { id: id * 2n }
  },
}

describe('grpcService, compared with client', () => {
  it.each<[string, (calls: Calls) => Promise<unknown>]>([
    ['a message with many fields', (calls) => calls.getUser({ id: 7n })],
    ['an empty message', (calls) => calls.putUser({})],
    ['a stream', (calls) => all(calls.streamUsers({ id: 100n }))],
    ['an empty stream', (calls) => all(calls.streamUsers({}))],
    ['a part of a stream', (calls) => first(calls.streamUsers({ id: 1_000n }), 5)],
    ['an upload', (calls) => calls.upload(rising(100))],
    ['an upload of an array', (calls) => calls.upload([{ id: 1n }])],
    ['an empty upload', (calls) => calls.upload([])],
    ['a stream in both directions', (calls) => all(calls.chat(rising(100)))],
    ['an error of the service', (calls) => calls.createUser({ user: { name: 'Ann' } })],
    ['an error in a stream', (calls) => all(calls.streamUsers({ id: 3n }))],
    ['a wrong request', (calls) => calls.getUser({ id: 'x' })],
    ['a wrong request of a stream', (calls) => all(calls.streamUsers({ id: 'x' }))],
    ['a request of another type', (calls) => calls.getUser(5)],
    ['a request that is not a stream', (calls) => calls.upload(5)],
    ['a wrong option', (calls) => calls.getUser({}, { timeout: 5 } as CallOptions)],
    ['a signal that has fired', (calls) => calls.getUser({}, { signal: AbortSignal.abort('x') })],
  ])('has the same outcome for %s', async (_what, run) => {
    await expectEqual(handlers, run)
  })

  it('has the same outcome for deadlines', async () => {
    const hanging = {
      ...handlers,
      getUser: () => new Promise(() => {}),
      async *streamUsers() {
        yield { id: 1n }
        await new Promise(() => {})
      },
    }
    await expectEqual(hanging, (calls) => calls.getUser({}, { timeoutMs: 50 }))
    await expectEqual(hanging, (calls) => all(calls.streamUsers({}, { timeoutMs: 50 })))
    await expectEqual(hanging, (calls) => calls.getUser({}, { timeoutMs: 0 }))
  })

  it('has the same status for an error that is not a ServiceError, without its text', async () => {
    const [, remote] = await both(handlers)
    expect(await outcome(() => remote.createUser({ user: { name: 'type' } }))).toMatchObject({
      status: 'INTERNAL',
      message: expect.not.stringContaining('a mistake') as string,
    })
  })

  it('passes the same metadata', async () => {
    const seen: unknown[] = []
    const echoing = {
      ...handlers,
      putUser: (_request: unknown, context: CallContext) => {
        context.headers.set('x-got', context.metadata.text('x-sent') ?? 'nothing')
        context.trailers.set('x-bytes-bin', context.metadata.get('x-bytes-bin') as Uint8Array)
        return {}
      },
    }
    const options: CallOptions = {
      metadata: { 'x-sent': 'a, b', 'x-bytes-bin': new Uint8Array([0, 255]) },
      onHeaders: (headers) => seen.push(Object.fromEntries(headers)),
      onTrailers: (trailers) => seen.push([...(trailers.get('x-bytes-bin') as Uint8Array)]),
    }
    await expectEqual(echoing, (calls) => calls.putUser({}, options))
    expect(seen).toEqual([{ 'x-got': 'a, b' }, [0, 255], { 'x-got': 'a, b' }, [0, 255]])
  })

  it('aborts the handler in the same way', async () => {
    let aborted = 0
    const [local, remote] = await both({
      ...handlers,
      getUser: (_request: unknown, { signal }: CallContext) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            aborted += 1
          })
        }),
      async *streamUsers() {
        try {
          yield* rising(1_000_000)
        } finally {
          aborted += 1
        }
      },
    })
    let count = 0
    for (const calls of [local, remote]) {
      await outcome(() => calls.getUser({}, { timeoutMs: 30 }))
      await first(calls.streamUsers({}), 1)
      count += 2
      await eventually(() => aborted === count)
    }
  })
})
