import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ErrorCode } from '../../../src/errors.js'
import type { StandardSchema } from '../../../src/schema/schema.js'
import { undecodedClient } from '../../../src/service/client.js'
import type { Contract } from '../../../src/service/contract/contract.js'
import type { Handlers } from '../../../src/service/contract/contract-types.js'
import type { Interceptor } from '../../../src/service/interceptors.js'
import { protoContract } from '../../../src/service/proto/proto-contract.js'
import { type ServeOptions, serve } from '../../../src/service/serve.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { testMessage, testService } from '../../support/proto-files.js'
import { all, failure, testContract } from '../../support/services.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'
import { waitFor } from '../../support/wait-for.js'

const Users: Contract = protoContract(testService('user.UserService'))
const USER = testMessage('user.User')
const REQUEST = testMessage('user.GetUserRequest')
const RESPONSE = testMessage('user.GetUserResponse')

// biome-ignore lint/suspicious/noExplicitAny: messages of descriptors that are read at run time
type Message = any

async function opened(
  handlers: Handlers<Contract>,
  contract: Contract = Users,
  options: ServeOptions = {},
): ReturnType<typeof undecodedClient> {
  const [left, right] = createChannelPair()
  await serve(right, handlers, { ...options, contract })
  return undecodedClient(left, { contract })
}

function userBytes(name: string): Uint8Array {
  return toBinary(USER, create(USER, { name } as Message))
}

const handlers = {
  getUser: ({ id }: Message) => ({ user: { id, name: 'Ann' } }),
  putUser: () => ({}),
  createUser: () => ({}),
  async *streamUsers({ account }: Message) {
    for (const letter of account as string) yield { name: letter }
  },
  async upload(users: AsyncIterable<Message>) {
    let name = ''
    for await (const user of users) name += user.name
    return { user: { name } }
  },
  async *chat(users: AsyncIterable<Message>) {
    for await (const user of users) yield { name: user.name.toUpperCase() }
  },
}

async function* uploads(names: string): AsyncGenerator<Uint8Array> {
  for (const name of names) yield userBytes(name)
}

describe('a client of undecoded messages', () => {
  it('begins without its server, and reports when the server comes and ends', async () => {
    ownRuntimeDirectory()
    const changes: boolean[] = []
    const { members, functions } = await undecodedClient('users', { contract: Users }, (connected) =>
      changes.push(connected),
    )
    const get = functions.get('getUser') as (request: unknown) => Promise<unknown>
    expect(await failure(get(Buffer.alloc(0)))).toMatchObject({ status: 'UNAVAILABLE', executed: 'no' })
    const service = await serve('users', handlers, { contract: Users })
    await waitFor(() => expect(changes.at(-1)).toBe(true))
    await get(Buffer.alloc(0))
    await service.close()
    await waitFor(() => expect(changes.at(-1)).toBe(false))
    await members.$close()
  })

  it('does not begin with an address that it cannot use', async () => {
    await expect(undecodedClient('tcp://127.0.0.1:0', { contract: Users })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })

  it('passes the bytes of the four kinds of calls', async () => {
    const { functions } = await opened(handlers)
    const call = (name: string, request: unknown): Message => functions.get(name)?.(request)
    const request = toBinary(REQUEST, create(REQUEST, { id: 7n, account: 'ab' } as Message))
    const nameOf = (bytes: Uint8Array): unknown => (fromBinary(USER, bytes) as Message).name
    expect(fromBinary(RESPONSE, await call('getUser', request))).toMatchObject({
      user: { id: 7n, name: 'Ann' },
    })
    expect((await all(call('streamUsers', request))).map((bytes) => nameOf(bytes as Buffer))).toEqual([
      'a',
      'b',
    ])
    expect(fromBinary(RESPONSE, await call('upload', uploads('xyz')))).toMatchObject({
      user: { name: 'xyz' },
    })
    const chat = await all(call('chat', uploads('pq')))
    expect(chat.map((bytes) => nameOf(bytes as Buffer))).toEqual(['P', 'Q'])
  })

  it('gets INVALID_ARGUMENT for bytes that are not a message, also in a stream', async () => {
    const { functions } = await opened(handlers)
    const call = (name: string, request: unknown): Message => functions.get(name)?.(request)
    const wrong = Buffer.from([0xff])
    async function* wrongUpload(): AsyncGenerator<Uint8Array> {
      yield userBytes('a')
      yield wrong
    }
    expect(await failure(call('getUser', wrong))).toMatchObject({ status: 'INVALID_ARGUMENT' })
    expect(await failure(call('upload', wrongUpload()))).toMatchObject({ status: 'INVALID_ARGUMENT' })
  })

  const pass: Interceptor = (next) => (call) => next(call)
  it.each([
    ['at once', {}, (value: unknown) => value !== 'wrong'],
    ['later', {}, async (value: unknown) => value !== 'wrong'],
    ['behind an interceptor', { interceptors: [pass] }, (value: unknown) => value !== 'wrong'],
  ])('gets the wrong fields of a message whose rules are checked %s', async (_when, options, isRight) => {
    let checks = 0
    const rule = z.string().refine((value) => {
      checks += 1
      return isRight(value)
    }, 'is wrong')
    const rules = new Map<string, StandardSchema>([
      ['user.GetUserRequest', z.looseObject({ account: rule })],
      ['user.User', z.looseObject({ name: rule })],
    ])
    const contract = protoContract(testService('user.UserService'), {
      validate: ({ typeName }) => rules.get(typeName) ?? z.any(),
    })
    const { functions } = await opened(handlers, contract as Contract, options)
    const call = (name: string, request: unknown): Message => functions.get(name)?.(request)
    const bytesOf = (account: string): Uint8Array =>
      toBinary(REQUEST, create(REQUEST, { account } as Message))
    async function* wrongUpload(): AsyncGenerator<Uint8Array> {
      yield userBytes('right')
      yield userBytes('wrong')
    }
    const wrong = (field: string) => ({
      status: 'INVALID_ARGUMENT',
      reason: 'INVALID_MESSAGE',
      details: { fieldViolations: [{ field, description: 'is wrong' }] },
    })
    expect(await failure(call('getUser', bytesOf('wrong')))).toMatchObject(wrong('account'))
    expect(await failure(call('upload', wrongUpload()))).toMatchObject(wrong('name'))
    checks = 0
    await call('getUser', bytesOf('right'))
    // zod first tries without promises.
    expect(checks).toBe(isRight(1) instanceof Promise ? 2 : 1)
  })

  it('gets CODEC for a contract without a binary form', async () => {
    const [left, right] = createChannelPair()
    const contract = testContract({ echo: 'unary' })
    await serve(right, { echo: () => 1 }, { contract })
    const { functions } = await undecodedClient(left, { contract })
    const reply = functions.get('echo')?.(Buffer.of(1)) as Promise<unknown>
    expect(await failure(reply)).toMatchObject({ code: ErrorCode.CODEC, status: 'INVALID_ARGUMENT' })
  })
})
