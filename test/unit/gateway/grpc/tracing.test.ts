import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { afterEach, describe, expect, it } from 'vitest'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { ServiceError } from '../../../../src/service-error.js'
import { type Message, metadataOf, openGateway, taken } from '../../../support/grpc-gateways.js'
import { endTestServers, usersAt } from '../../../support/grpc-server.js'
import { all, failure } from '../../../support/services.js'
import { telemetry } from '../../../support/telemetry.js'
import { eventually } from '../../../support/turns.js'

afterEach(endTestServers)

const [TRACE, SPAN] = ['1'.repeat(32), '2'.repeat(16)]
const traceparent = `00-${TRACE}-${SPAN}-01`
const METHOD = 'user.UserService/GetUser'

const active = (): string => trace.getSpanContext(context.active())?.spanId ?? 'none'

const handlers = {
  getUser: ({ id }: Message) => {
    if (id === 0n) throw new ServiceError('NOT_FOUND', 'no such user')
    if (id === 1n) throw new TypeError('a bug')
    return { user: { id, name: active() } }
  },
  async *chat(users: AsyncIterable<Message>, _context: CallContext) {
    for await (const _user of users) yield { name: active() }
  },
}

describe('OpenTelemetry of a gateway of gRPC', () => {
  it('continues the trace of the client to the handler', async () => {
    const { client } = await openGateway(handlers)
    const seen = telemetry()
    await client.unary('GetUser', { id: 7n }, { metadata: metadataOf({ traceparent }) })
    await eventually(() => seen.spans.length === 3)
    expect(seen.rows).toEqual([
      { name: METHOD, kind: 'SERVER', parent: 'remote' },
      { name: METHOD, kind: 'CLIENT', parent: METHOD },
      { name: METHOD, kind: 'SERVER', parent: METHOD },
    ])
    expect(seen.traceIds).toEqual([TRACE])
    expect(seen.spans[0]?.attributes).toEqual({
      'rpc.system.name': 'grpc',
      'rpc.method': METHOD,
      'rpc.status_code': 'OK',
      'client.address': '127.0.0.1',
    })
    const points = await seen.points('rpc.server.call.duration')
    expect(new Set(points.map(({ attributes }) => attributes['rpc.system.name']))).toEqual(
      new Set(['grpc', 'shmwire']),
    )
  })

  it('keeps the span of the service active while both sides stream', async () => {
    const { client } = await openGateway(handlers)
    const seen = telemetry()
    const chat = client.bidi('Chat')
    for (const name of ['x', 'y']) chat.write({ name })
    chat.end()
    const { messages } = await taken(chat)
    await eventually(() => seen.spans.length === 3)
    const own = seen.spans[2]?.spanContext().spanId
    expect(messages.map(({ name }) => name)).toEqual([own, own])
  })

  it.each([
    [0n, 'NOT_FOUND', undefined, SpanStatusCode.UNSET],
    [1n, 'INTERNAL', 'INTERNAL', SpanStatusCode.ERROR],
  ])('states the status of the user %s', async (id, status, type, code) => {
    const { client } = await openGateway(handlers)
    const seen = telemetry()
    await client.unary('GetUser', { id })
    await eventually(() => seen.spans.length === 3)
    expect(seen.spans[0]?.attributes['rpc.status_code']).toBe(status)
    expect(seen.spans[0]?.attributes['error.type']).toBe(type)
    expect(seen.spans[0]?.status.code).toBe(code)
  })

  it('continues the trace of a call to a remote server', async () => {
    const { gateway } = await openGateway(handlers)
    const users = await usersAt(gateway.address)
    const seen = telemetry()
    await trace.getTracer('test').startActiveSpan('program', async (span) => {
      const { user } = await users.getUser({ id: 7n })
      expect(user.name).toMatch(/^[0-9a-f]{16}$/)
      expect(await all(users.chat([{ name: 'x' }]))).toHaveLength(1)
      expect(await failure(users.getUser({ id: 0n }))).toMatchObject({ status: 'NOT_FOUND' })
      span.end()
    })
    await eventually(() => seen.spans.length === 13)
    expect(seen.traceIds).toHaveLength(1)
    const [call] = seen.spans.filter(({ attributes }) => attributes['server.port'] !== undefined)
    const [host, port] = gateway.address.split(':')
    expect(call?.attributes).toEqual({
      'rpc.system.name': 'grpc',
      'rpc.method': METHOD,
      'rpc.status_code': 'OK',
      'server.address': host,
      'server.port': Number(port),
    })
  })
})
