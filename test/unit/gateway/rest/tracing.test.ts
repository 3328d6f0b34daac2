import { request } from 'node:http'
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Histogram } from '@opentelemetry/sdk-metrics'
import {
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
} from '@opentelemetry/sdk-trace-base'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { contract, serverStream, unary } from '../../../../src/service/contract/define-contract.js'
import { ServiceError } from '../../../../src/service-error.js'
import { type Json, openPlugin, openServer } from '../../../support/rest-gateways.js'
import { type SpanRow, telemetry } from '../../../support/telemetry.js'
import { eventually } from '../../../support/turns.js'

const user = z.object({ id: z.string() })
const Users = contract('user.UserService', {
  getUser: unary({ input: user, output: user, http: 'GET /api/v1/users/{id}', safe: true }),
  createUser: unary({ input: z.object({ id: z.string() }), output: user, http: 'POST /api/v1/users' }),
  listUsers: serverStream({ input: z.object({}), output: user, http: 'GET /api/v1/users' }),
})

const active = (): string => trace.getSpanContext(context.active())?.spanId ?? 'none'

const handlers = {
  getUser: ({ id }: Json) => {
    if (id === 'none') throw new ServiceError('NOT_FOUND', 'no such user')
    if (id === 'bug') throw new TypeError('a bug')
    return id === 'slow' ? new Promise(() => {}) : { id }
  },
  createUser: () => ({ id: propagation.getActiveBaggage()?.getEntry('tenant')?.value ?? 'none' }),
  async *listUsers() {
    yield { id: active() }
    await new Promise((resolve) => setTimeout(resolve, 1))
    yield { id: active() }
  },
}

const METHOD = 'user.UserService/GetUser'
const [TRACE, SPAN] = ['1'.repeat(32), '2'.repeat(16)]
const traceparent = `00-${TRACE}-${SPAN}-01`

/** A program that does not sample its start. */
function sampleRequests(...[, , name]: Parameters<Sampler['shouldSample']>) {
  return { decision: name === 'start' ? SamplingDecision.NOT_RECORD : SamplingDecision.RECORD_AND_SAMPLED }
}

describe('OpenTelemetry of a gateway of REST', () => {
  it('continues the trace of the client to the handler', async () => {
    const { client } = await openServer(Users, handlers)
    const seen = telemetry()
    await client.get('/api/v1/users/5', { traceparent, tracestate: 'vendor=1' })
    await eventually(() => seen.spans.length === 3)
    const route = 'GET /api/v1/users/{id}'
    expect(seen.rows).toEqual([
      { name: route, kind: 'SERVER', parent: 'remote' },
      { name: METHOD, kind: 'CLIENT', parent: route },
      { name: METHOD, kind: 'SERVER', parent: METHOD },
    ])
    expect(seen.traceIds).toEqual([TRACE])
    expect(seen.spans[2]?.spanContext().traceState?.get('vendor')).toBe('1')
    expect(seen.span(route).attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/api/v1/users/{id}',
      'http.response.status_code': 200,
      'url.scheme': 'http',
      'url.path': '/api/v1/users/5',
      'client.address': '127.0.0.1',
    })
    expect(await seen.points('http.server.request.duration')).toMatchObject([
      {
        attributes: {
          'http.request.method': 'GET',
          'http.route': '/api/v1/users/{id}',
          'http.response.status_code': 200,
          'url.scheme': 'http',
        },
        value: { count: 1 },
      },
    ])
  })

  it('carries baggage to the handler, after a body that arrives in parts', async () => {
    const { client } = await openServer(Users, handlers)
    const seen = telemetry()
    const reply = await client.post(
      '/api/v1/users',
      { id: 'x'.repeat(500_000) },
      { traceparent, baggage: 'tenant=blue' },
    )
    expect(reply.json).toEqual({ id: 'blue' })
    await eventually(() => seen.spans.length === 3)
    expect(seen.traceIds).toEqual([TRACE])
  })

  it('keeps the span of the service active in a stream', async () => {
    const { client } = await openServer(Users, handlers)
    const seen = telemetry()
    const { json } = await client.get('/api/v1/users')
    await eventually(() => seen.spans.length === 3)
    const { spanId } = seen.span('user.UserService/ListUsers', 'SERVER').spanContext()
    expect(json).toEqual([{ id: spanId }, { id: spanId }])
  })

  it.each([
    ['/api/v1/users/none', 404, 'GET /api/v1/users/{id}', SpanStatusCode.UNSET, undefined],
    ['/api/v1/users/bug', 500, 'GET /api/v1/users/{id}', SpanStatusCode.ERROR, '500'],
    ['/elsewhere', 404, 'GET', SpanStatusCode.UNSET, undefined],
  ])('states the status of %s', async (path, status, name, code, type) => {
    const { client } = await openServer(Users, handlers)
    const seen = telemetry()
    await client.get(path)
    await eventually(() => seen.spans.some((span) => span.name === name))
    const { attributes, status: found } = seen.span(name)
    expect(attributes['http.response.status_code']).toBe(status)
    expect(attributes['error.type']).toBe(type)
    expect(found.code).toBe(code)
  })

  it('ends the span of a client that goes away', async () => {
    const { client } = await openServer(Users, handlers)
    const seen = telemetry()
    const sent = request(`${client.origin}/api/v1/users/slow`).on('error', () => {})
    sent.end()
    await new Promise((resolve) => setTimeout(resolve, 20))
    sent.destroy()
    await eventually(() => seen.spans.length > 0 && seen.spans.some(({ kind }) => kind === SpanKind.SERVER))
    await eventually(() => seen.spans.length === 3)
    expect(seen.spans[0]?.attributes).not.toHaveProperty('http.response.status_code')
    expect(seen.spans[0]?.status.code).toBe(SpanStatusCode.UNSET)
  })

  it('hides a method of HTTP that is not known', async () => {
    const { client } = await openServer(Users, handlers)
    const seen = telemetry()
    await client.send({ method: 'PROPFIND', path: '/api/v1/users' })
    await eventually(() => seen.spans.length === 1)
    expect(seen.spans[0]?.name).toBe('HTTP')
    expect(seen.spans[0]?.attributes).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'PROPFIND',
    })
    const [point] = await seen.points('http.server.request.duration')
    expect(point?.attributes).toEqual({
      'http.request.method': '_OTHER',
      'http.response.status_code': seen.spans[0]?.attributes['http.response.status_code'],
      'url.scheme': 'http',
    })
  })

  it('is a part of the span that another instrumentation has for the request, and has no metric', async () => {
    const other = (app: FastifyInstance): void => {
      app.addHook('onRequest', (incoming, reply, done) => {
        const parent = propagation.extract(ROOT_CONTEXT, incoming.headers)
        const span = trace.getTracer('http').startSpan('http', { kind: SpanKind.SERVER }, parent)
        reply.raw.once('close', () => span.end())
        context.with(trace.setSpan(parent, span), done)
      })
    }
    const { client } = await openPlugin(Users, handlers, {}, other)
    const seen = telemetry()
    await client.get('/api/v1/users/5', { traceparent })
    await client.get('/api/v1/users/5')
    await eventually(() => seen.spans.length === 8)
    const inner = seen.rows.filter(({ name }) => name === 'GET /api/v1/users/{id}')
    expect(inner).toEqual([1, 2].map(() => expect.objectContaining({ kind: 'INTERNAL', parent: 'http' })))
    expect(seen.traceIds).toHaveLength(2)
    expect(await seen.points('http.server.request.duration')).toEqual([])
  })

  it('does not belong to the span in which the program has started the gateway', async () => {
    const seen = telemetry()
    const { client } = await trace.getTracer('test').startActiveSpan('start', async (span) => {
      const opened = await openServer(Users, handlers)
      onTestFinished(() => span.end())
      return opened
    })
    await client.get('/api/v1/users/5', { traceparent })
    await eventually(() => seen.spans.length === 3)
    expect(seen.traceIds).toEqual([TRACE])
    expect(seen.rows[0]).toMatchObject({ kind: 'SERVER', parent: 'remote' })
  })

  it.each([
    ['a recorded', new AlwaysOnSampler()],
    ['an unsampled', new ParentBasedSampler({ root: { shouldSample: sampleRequests } })],
  ])('ends to belong to %s span in which the program has started the gateway', async (_, sampler) => {
    const seen = telemetry({}, sampler)
    const { client } = await trace.getTracer('test').startActiveSpan('start', async (span) => {
      const opened = await openServer(Users, handlers)
      onTestFinished(() => span.end())
      return opened
    })
    for (let count = 0; count < 3; count += 1) await client.get('/api/v1/users/5')
    const roots = (): SpanRow[] =>
      seen.rows.filter(({ kind, parent }) => kind === 'SERVER' && parent === undefined)
    await eventually(() => roots().length === 2)
    expect(roots().map(({ name }) => name)).toEqual(Array(2).fill('GET /api/v1/users/{id}'))
    const points = await seen.points('http.server.request.duration')
    expect(points.map(({ value }) => (value as Histogram).count)).toEqual([2])
  })
})
