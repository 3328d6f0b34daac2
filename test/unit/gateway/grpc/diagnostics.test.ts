import { status as Code } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { ServiceError } from '../../../../src/service-error.js'
import { type Message, metadataOf, openGateway, taken } from '../../../support/grpc-gateways.js'
import { boundStore, eventsOf, FAILURE, observedTraces, SUCCESS } from '../../../support/observed.js'
import { eventually } from '../../../support/turns.js'

const getUser = ({ id }: Message) => {
  if (id === 0n) throw new ServiceError('NOT_FOUND', 'no such user')
  return { user: { id, name: `user ${id}` } }
}

describe('diagnostics of a gateway of gRPC', () => {
  it('report a call once, with its status', async () => {
    const { client } = await openGateway({ getUser })
    const requests = observedTraces('shmwire:gateway.request')
    await client.unary('GetUser', { id: 7n }, { metadata: metadataOf({ 'x-own': '1' }) })
    await eventually(() => requests.length === SUCCESS.length)
    expect(eventsOf(requests)).toEqual(SUCCESS)
    const { path, service, ...rest } = requests[3]?.payload ?? {}
    expect(path).toBe(`/${service}/GetUser`)
    expect(rest).toEqual({
      gateway: 'grpc',
      httpMethod: 'POST',
      scheme: 'http',
      headers: expect.objectContaining({ 'x-own': '1' }),
      correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      clientAddress: '127.0.0.1',
      method: 'getUser',
      route: undefined,
      statusCode: 200,
      grpcStatus: Code.OK,
    })
    expect(requests[0]?.payload).toMatchObject({ statusCode: undefined, grpcStatus: undefined })
  })

  it('report the error of a call', async () => {
    const { client } = await openGateway({ getUser })
    const requests = observedTraces('shmwire:gateway.request')
    await client.unary('GetUser', { id: 0n })
    await eventually(() => requests.length === FAILURE.length)
    expect(eventsOf(requests)).toEqual(FAILURE)
    expect(requests[4]?.payload).toMatchObject({
      grpcStatus: Code.NOT_FOUND,
      error: { status: 'NOT_FOUND' },
    })
  })

  it('report a call that its client cancels', async () => {
    const { client } = await openGateway({
      async *streamUsers() {
        for (;;) {
          yield { name: 'a' }
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      },
    })
    const requests = observedTraces('shmwire:gateway.request')
    const stream = client.serverStream('StreamUsers', { account: 'a' })
    stream.once('data', () => stream.cancel())
    await taken(stream)
    await eventually(() => requests.length === FAILURE.length)
    expect(requests[4]?.payload).toMatchObject({
      grpcStatus: undefined,
      error: { code: 'ERR_SHMWIRE_ABORTED' },
    })
  })

  it('run calls in the context that a tracer binds', async () => {
    const { client } = await openGateway({
      async *chat(users: AsyncIterable<Message>, { metadata }: CallContext) {
        for await (const { name } of users) yield { name: `${name} ${metadata.text('traceparent')}` }
      },
    })
    const storage = boundStore('shmwire:gateway.request', ({ headers }) => headers[':path' as 'host'])
    observedTraces('shmwire:client.stream', ({ metadata }) =>
      metadata.set('traceparent', String(storage.getStore())),
    )
    const chat = client.bidi('Chat')
    for (const name of ['x', 'y']) chat.write({ name })
    chat.end()
    const { messages } = await taken(chat)
    expect(messages.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^x \/.+\/Chat$/),
      expect.stringMatching(/^y \/.+\/Chat$/),
    ])
  })
})
