import { status as Code } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import type { Interceptor } from '../../../../src/service/interceptors.js'
import { ServiceError } from '../../../../src/service-error.js'
import { type Message, metadataOf, openGateway, taken } from '../../../support/grpc-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

const getUser = ({ id }: Message) => ({ user: { id, name: `user ${id}` } })

async function* letters({ account }: Message): AsyncGenerator<Message> {
  for (const name of account as string) yield { name }
}

describe('a gateway of gRPC', () => {
  it('passes the four kinds of calls', async () => {
    const { client } = await openGateway({
      getUser,
      streamUsers: letters,
      async upload(users: AsyncIterable<Message>) {
        let name = ''
        for await (const user of users) name += user.name
        return { user: { name } }
      },
      async *chat(users: AsyncIterable<Message>) {
        for await (const user of users) yield { name: user.name.toUpperCase() }
      },
    })
    const { response, status } = await client.unary('GetUser', { id: 7n })
    expect(status).toMatchObject({ code: Code.OK, details: '' })
    expect(response.user).toMatchObject({ id: 7n, name: 'user 7' })

    const stream = await taken(client.serverStream('StreamUsers', { account: 'abc' }))
    expect(stream.messages.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(stream.status.code).toBe(Code.OK)

    const { call, outcome } = client.clientStream('Upload')
    for (const name of ['a', 'b', 'c']) call.write({ name })
    call.end()
    expect((await outcome).response.user.name).toBe('abc')

    const chat = client.bidi('Chat')
    for (const name of ['x', 'y']) chat.write({ name })
    chat.end()
    const answers = await taken(chat)
    expect(answers.messages.map(({ name }) => name)).toEqual(['X', 'Y'])
    expect(answers.status.code).toBe(Code.OK)
  })

  it('passes metadata in both directions, except credentials', async () => {
    const { client } = await openGateway({
      getUser(_request: Message, { metadata, headers, trailers }: CallContext) {
        for (const [name, value] of metadata) headers.set(name, value)
        trailers.set('x-end-bin', Uint8Array.of(0, 255))
        trailers.set('set-cookie', 'a=b')
        trailers.set('content-length', '7')
        return {}
      },
    })
    const sent = metadataOf({
      'x-app': 'one',
      'x-key-bin': Buffer.from([1, 2, 3]),
      authorization: 'Bearer x',
    })
    sent.add('x-app', 'two')
    const { headers, status } = await client.unary('GetUser', {}, { metadata: sent })
    expect(status.code).toBe(Code.OK)
    expect(headers?.get('x-app')).toEqual(['one, two'])
    expect(headers?.get('x-key-bin')).toEqual([Buffer.from([1, 2, 3])])
    expect(headers?.get('authorization')).toEqual([])
    expect(status.metadata.get('x-end-bin')).toEqual([Buffer.from([0, 255])])
    expect(status.metadata.get('set-cookie')).toEqual([])
    expect(status.metadata.get('content-length')).toEqual([])
  })

  it('passes the metadata that the option names', async () => {
    const { client } = await openGateway(
      {
        getUser(_request: Message, { metadata, headers }: CallContext) {
          for (const [name, value] of metadata) headers.set(name, value)
          headers.set('y-other', 'not named')
          return {}
        },
      },
      { metadata: ['authorization', 'x-app-*'] },
    )
    const metadata = metadataOf({ authorization: 'Bearer x', 'x-app-one': '1', 'x-apple': '2' })
    const { headers } = await client.unary('GetUser', {}, { metadata })
    expect(headers?.get('authorization')).toEqual(['Bearer x'])
    expect(headers?.get('x-app-one')).toEqual(['1'])
    expect(headers?.get('x-apple')).toEqual([])
    expect(headers?.get('y-other')).toEqual([])
  })

  it('delivers the headers and trailers of a stream without messages', async () => {
    const { client } = await openGateway({
      async *streamUsers(_request: Message, { headers, trailers }: CallContext): AsyncGenerator<Message> {
        headers.set('x-begin', 'here')
        trailers.set('x-end', 'there')
        yield* []
      },
    })
    const { messages, headers, status } = await taken(client.serverStream('StreamUsers', {}))
    expect(messages).toEqual([])
    expect(headers?.get('x-begin')).toEqual(['here'])
    expect(status.metadata.get('x-end')).toEqual(['there'])
    expect(status.code).toBe(Code.OK)
  })

  it('runs interceptors with the metadata of the call', async () => {
    const seen: unknown[] = []
    const guard: Interceptor = (next) => (call) => {
      seen.push([call.service, call.method, call.metadata.get('x-app'), call.message instanceof Uint8Array])
      call.metadata.set('x-added', 'by the gateway')
      if (call.metadata.get('x-app') === 'refused') throw new ServiceError('PERMISSION_DENIED', 'not you')
      return next(call)
    }
    const { client } = await openGateway(
      {
        getUser: (_request: Message, { metadata }: CallContext) => ({
          user: { name: metadata.text('x-added') },
        }),
      },
      { interceptors: [guard] },
    )
    const { response } = await client.unary('GetUser', {}, { metadata: metadataOf({ 'x-app': 'one' }) })
    expect(response.user.name).toBe('by the gateway')
    const { status } = await client.unary('GetUser', {}, { metadata: metadataOf({ 'x-app': 'refused' }) })
    expect(status).toMatchObject({ code: Code.PERMISSION_DENIED, details: 'not you' })
    expect(seen[0]).toEqual(['user.UserService', 'getUser', 'one', true])
  })

  it('passes the deadline, and ends the call at it', async () => {
    let remainingMs = 0
    let reason: unknown
    const { client } = await openGateway({
      getUser: (_request: Message, context: CallContext) =>
        new Promise((_resolve, reject) => {
          remainingMs = context.remainingMs
          context.signal.addEventListener('abort', () => {
            reason = context.signal.reason
            reject(context.signal.reason as Error)
          })
        }),
    })
    const { status } = await client.unary('GetUser', {}, { deadline: Date.now() + 200 })
    expect(status.code).toBe(Code.DEADLINE_EXCEEDED)
    expect(remainingMs).toBeGreaterThan(0)
    expect(remainingMs).toBeLessThanOrEqual(200)
    await waitFor(() => expect(reason).toBeDefined())
  })

  it('ends the handler and its generator when the client cancels', async () => {
    const ends: string[] = []
    const { client } = await openGateway({
      async *streamUsers(_request: Message, { signal }: CallContext): AsyncGenerator<Message> {
        signal.addEventListener('abort', () => ends.push('signal'))
        try {
          for (;;) yield { name: 'again' }
        } finally {
          ends.push('finally')
        }
      },
    })
    const stream = client.serverStream('StreamUsers', {})
    stream.on('error', () => {})
    await new Promise((resolve) => {
      stream.once('data', resolve)
    })
    stream.cancel()
    await waitFor(() => expect(ends.toSorted()).toEqual(['finally', 'signal']))
  })
})
