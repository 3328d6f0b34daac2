import { readFileSync } from 'node:fs'
import {
  context,
  type DiagLogger,
  DiagLogLevel,
  diag,
  metrics,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { Histogram } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createQueue } from '../../../../src/messaging/queue/create-queue.js'
import { work } from '../../../../src/messaging/queue/work.js'
import { createTopic } from '../../../../src/messaging/topic/create-topic.js'
import { subscribe } from '../../../../src/messaging/topic/subscribe.js'
import { channelFallback, clientCalls } from '../../../../src/observe/diagnostics-channels.js'
import { isTraced } from '../../../../src/observe/diagnostics-trace.js'
import { instrument } from '../../../../src/observe/otel/index.js'
import { SCOPE_VERSION } from '../../../../src/observe/otel/telemetry.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { client } from '../../../../src/service/client.js'
import { contract, unary } from '../../../../src/service/contract/define-contract.js'
import { serve } from '../../../../src/service/serve.js'
import { ServiceError } from '../../../../src/service-error.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import { failure } from '../../../support/services.js'
import { instrumented, TestTelemetry, telemetry } from '../../../support/telemetry.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { eventually } from '../../../support/turns.js'

ownRuntimeDirectory()

const anything = { input: z.unknown(), output: z.unknown() }
const Users = contract('user.UserService', { getUser: unary(anything), slow: unary(anything) })

const METHOD = 'user.UserService/GetUser'

/** A client of a service in this process. It answers with the header `traceparent` that it gets. */
async function openUsers() {
  const [left, right] = createChannelPair()
  const waiting: (() => void)[] = []
  await serve(
    right,
    {
      getUser(message: unknown, { metadata }: CallContext) {
        if (message === 'none') throw new ServiceError('NOT_FOUND', 'no such user')
        return metadata.text('traceparent') ?? 'no trace'
      },
      slow: () => new Promise<void>((resolve) => waiting.push(resolve)),
    },
    { contract: Users },
  )
  onTestFinished(() => left.destroy())
  const users = await client(left, { contract: Users })
  return {
    users,
    finish: () => {
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
}

describe('instrument', () => {
  it('has the version of the package', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'))
    expect(SCOPE_VERSION).toBe(manifest.version)
  })

  it.each([
    [{ spans: true }, /spans/],
    [{ consumerParent: 'link' }, /'producer' or 'none'/],
    [{ messageSizes: 1 }, /messageSizes/],
    [{ tracerProvider: {} }, /tracerProvider/],
    [{ meterProvider: 5 }, /meterProvider/],
  ])('refuses %j', (options, message) => {
    expect(() => instrument(options as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
        message: expect.stringMatching(message),
      }),
    )
    // It has not begun.
    instrument().stop()
  })

  it('refuses a second one, and begins again after stop', () => {
    const first = instrument()
    expect(() => instrument()).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_INVALID_STATE' }))
    first.stop()
    const second = instrument()
    first.stop()
    expect(() => instrument()).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_INVALID_STATE' }))
    second[Symbol.dispose]()
    expect(isTraced(clientCalls)).toBe(false)
    expect(channelFallback.hasSubscribers).toBe(false)
  })

  it('changes nothing in a process without an SDK', async () => {
    instrumented()
    const { users } = await openUsers()
    expect(await users.getUser('1')).toBe('no trace')
    expect(await failure(users.getUser('none'))).toMatchObject({ status: 'NOT_FOUND' })
  })

  it('uses an SDK that is registered later, and passes to another one', async () => {
    instrumented()
    const { users } = await openUsers()
    await users.getUser('1')
    const first = new TestTelemetry().register()
    expect(await users.getUser('1')).toMatch(/^00-.*-01$/)
    await eventually(() => first.spans.length === 2)
    expect(first.rows.map(({ kind }) => kind)).toEqual(['CLIENT', 'SERVER'])
    expect(await first.points('rpc.client.call.duration')).toHaveLength(1)
    for (const api of [trace, metrics, context, propagation]) api.disable()
    const second = new TestTelemetry().register()
    await users.getUser('1')
    await eventually(() => second.spans.length === 2)
    expect(first.spans).toHaveLength(2)
    expect(await second.points('rpc.server.call.duration')).toHaveLength(1)
  })

  it('uses the providers that it gets', async () => {
    const own = new InMemorySpanExporter()
    const seen = new TestTelemetry().register()
    instrumented({
      tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(own)] }),
    })
    const { users } = await openUsers()
    await users.getUser('1')
    await eventually(() => own.getFinishedSpans().length === 2)
    expect(own.getFinishedSpans()[0]?.instrumentationScope).toMatchObject({
      name: 'shmwire',
      version: SCOPE_VERSION,
    })
    expect(seen.spans).toEqual([])
  })

  it('ends the spans that run when it stops, and begins no other', async () => {
    const seen = new TestTelemetry().register()
    const instrumentation = instrument()
    const { users, finish } = await openUsers()
    const slow = users.slow(1)
    await new Promise(setImmediate)
    instrumentation.stop()
    expect(await users.getUser('1')).toBe('no trace')
    finish()
    await slow
    await eventually(() => seen.spans.length === 2)
    expect(seen.rows.map(({ name }) => name)).toEqual(['user.UserService/Slow', 'user.UserService/Slow'])
    await eventually(() => !isTraced(clientCalls))
    expect(instrumentation.process('t', {} as never, () => 7)).toBe(7)
  })

  it('continues a trace that a call passes on, without a context manager', async () => {
    const exporter = new InMemorySpanExporter()
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    )
    propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    onTestFinished(() => {
      trace.disable()
      propagation.disable()
    })
    instrumented()
    const { users } = await openUsers()
    const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
    await users.getUser('1', { metadata: { traceparent } })
    await eventually(() => exporter.getFinishedSpans().length === 2)
    const sent = exporter.getFinishedSpans().find(({ kind }) => kind === SpanKind.CLIENT)
    expect(sent?.parentSpanContext).toMatchObject({ traceId: '1'.repeat(32), spanId: '2'.repeat(16) })
  })

  it('states in the active span why a channel does not use shared memory', () => {
    const seen = telemetry()
    const [channel] = createChannelPair()
    onTestFinished(() => channel.destroy())
    channelFallback.publish({ channel, reason: 'no span is active' })
    trace.getTracer('test').startActiveSpan('program', (span) => {
      channelFallback.publish({ channel, reason: 'the addon is absent' })
      span.end()
      channelFallback.publish({ channel, reason: 'the span has ended' })
    })
    expect(seen.span('program').events).toMatchObject([
      {
        name: 'shmwire.channel.fallback',
        attributes: { 'shmwire.channel.fallback_reason': 'the addon is absent' },
      },
    ])
  })

  it('marks a job that the queue has already, and a message that finds no room', async () => {
    const seen = telemetry()
    const queue = await createQueue('otel-marks')
    onTestFinished(() => queue.close())
    await queue.push(1, { id: 'a' })
    await queue.push(1, { id: 'a' })
    const topic = await createTopic('otel-room', { ringBytes: 65_536, overflow: 'block' })
    onTestFinished(() => topic.close())
    const subscription = await subscribe('otel-room')
    onTestFinished(() => subscription.close())
    const message = 'x'.repeat(4_096)
    let published = 0
    while (topic.tryPublish(message)) published += 1
    expect(published).toBeGreaterThan(0)
    const attributes = seen.spans.map((span) => span.attributes)
    expect(attributes.slice(0, 2).map((found) => found['shmwire.queue.duplicate'])).toEqual([undefined, true])
    expect(attributes.filter((found) => found['shmwire.topic.no_room'] === true)).toHaveLength(1)
    expect(attributes.at(-1)).toMatchObject({ 'shmwire.topic.no_room': true })
  })

  it('does not mix the headers of two traces', async () => {
    const seen = telemetry()
    const { users } = await openUsers()
    const metadata = { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, tracestate: 'vendor=1' }
    await trace.getTracer('test').startActiveSpan('other', async (span) => {
      await users.getUser('1', { metadata })
      span.end()
    })
    await eventually(() => seen.spans.length === 3)
    expect(seen.traceIds).toHaveLength(1)
    expect(seen.span(METHOD, 'SERVER').spanContext().traceState?.serialize() ?? '').toBe('')
    // Without a span of the program, the trace that is passed on continues.
    await users.getUser('1', { metadata })
    await eventually(() => seen.spans.length === 5)
    expect(seen.traceIds).toContain('1'.repeat(32))
    const last = seen.spans.find((span) => span.spanContext().traceId === '1'.repeat(32))
    expect(last?.spanContext().traceState?.get('vendor')).toBe('1')
  })

  it('crosses with any propagator, in calls and in messages', async () => {
    const seen = new TestTelemetry().register()
    propagation.disable()
    const key = 'X-Own-Trace'
    propagation.setGlobalPropagator({
      fields: () => [key],
      inject(from, carrier, setter) {
        const found = trace.getSpanContext(from)
        if (found !== undefined) setter.set(carrier, key, `${found.traceId}:${found.spanId}`)
      },
      extract(into, carrier, getter) {
        const text = getter.get(carrier, key)
        if (typeof text !== 'string') return into
        const [traceId = '', spanId = ''] = text.split(':')
        return trace.setSpanContext(into, { traceId, spanId, traceFlags: 1, isRemote: true })
      },
    })
    instrumented()
    const { users } = await openUsers()
    await users.getUser('1')
    const queue = await createQueue('otel-propagator')
    onTestFinished(() => queue.close())
    const worker = await work('otel-propagator', (job) => job)
    onTestFinished(() => worker.close())
    await queue.request(1)
    await eventually(() => seen.spans.length === 4)
    expect(seen.rows.map(({ kind, parent }) => [kind, parent])).toEqual([
      ['CLIENT', undefined],
      ['PRODUCER', undefined],
      ['SERVER', METHOD],
      ['CONSUMER', 'request otel-propagator'],
    ])
  })

  it('leaves out a field of the context that does not fit, and the call succeeds', async () => {
    telemetry()
    const warnings: string[] = []
    const logger = { warn: (text: string) => warnings.push(text) } as unknown as DiagLogger
    diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
    onTestFinished(() => diag.disable())
    const topic = await createTopic('otel-fields')
    onTestFinished(() => topic.close())
    const subscription = await subscribe('otel-fields')
    onTestFinished(() => subscription.close())
    // The limit of one header of a message.
    const value3k = { value: 'x'.repeat(3_000) }
    const baggage = propagation.createBaggage({ one: value3k, two: value3k })
    await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => topic.publish(1))
    const { value } = await subscription.entries().next()
    expect(Object.keys(value?.[1].headers ?? {})).toEqual(['traceparent'])
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^shmwire: the field baggage of a trace does not travel: /)
    // Metadata that is full already.
    const { users } = await openUsers()
    const full = Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`m${index}`, '']))
    expect(await users.getUser('1', { metadata: full })).toBe('no trace')
    expect(warnings.at(-1)).toMatch(/traceparent/)
  })
})

describe('metrics', () => {
  it('has the durations of calls by method and status', async () => {
    const seen = telemetry()
    const { users } = await openUsers()
    await users.getUser('1')
    await users.getUser('2')
    await failure(users.getUser('none'))
    await eventually(() => seen.spans.length === 6)
    const common = { 'rpc.system.name': 'shmwire', 'rpc.method': METHOD }
    const rows = async (name: string) =>
      (await seen.points(name)).map(({ attributes, value }) => [attributes, (value as Histogram).count])
    expect(await rows('rpc.client.call.duration')).toEqual([
      [{ ...common, 'rpc.status_code': 'OK' }, 2],
      [{ ...common, 'rpc.status_code': 'NOT_FOUND', 'error.type': 'NOT_FOUND' }, 1],
    ])
    expect(await rows('rpc.server.call.duration')).toEqual([
      [{ ...common, 'rpc.status_code': 'OK' }, 2],
      [{ ...common, 'rpc.status_code': 'NOT_FOUND' }, 1],
    ])
    const [point] = await seen.points('rpc.client.call.duration')
    const value = point?.value as Histogram
    expect(value.buckets.boundaries.slice(0, 3)).toEqual([0.005, 0.01, 0.025])
    expect(value.sum).toBeGreaterThan(0)
  })

  it('has messages that are sent and consumed', async () => {
    const seen = telemetry()
    const queue = await createQueue('otel-jobs', { attempts: 1 })
    onTestFinished(() => queue.close())
    const worker = await work('otel-jobs', (job) => {
      if (job === 2) throw new TypeError('wrong')
    })
    onTestFinished(() => worker.close())
    await queue.push(1)
    await queue.push(2)
    await failure(queue.push(() => {}))
    await eventually(() => seen.spans.length === 5)
    const common = {
      'messaging.system': 'shmwire',
      'messaging.destination.name': 'otel-jobs',
      'server.address': 'otel-jobs',
    }
    const send = { ...common, 'messaging.operation.name': 'send', 'messaging.operation.type': 'send' }
    const process = {
      ...common,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
    }
    const sent = [
      [send, 2],
      [{ ...send, 'error.type': 'ERR_SHMWIRE_CODEC' }, 1],
    ]
    const processed = [
      [process, 1],
      [{ ...process, 'error.type': 'TypeError' }, 1],
    ]
    for (const [name, expected] of [
      ['messaging.client.sent.messages', sent],
      ['messaging.client.operation.duration', sent],
      ['messaging.client.consumed.messages', processed],
      ['messaging.process.duration', processed],
    ] as const) {
      const points = await seen.points(name)
      expect(
        points.map(({ attributes, value }) => [attributes, typeof value === 'number' ? value : value.count]),
        name,
      ).toEqual(expected)
    }
    expect(seen.spans.filter(({ status }) => status.code === SpanStatusCode.ERROR)).toHaveLength(2)
  })
})
