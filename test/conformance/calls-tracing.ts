import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/service/call/call-context.js'
import { ServiceError } from '../../src/service-error.js'
import { all, failure, testContract } from '../support/services.js'
import { telemetry } from '../support/telemetry.js'
import { eventually } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({
  unary: 'unary',
  fail: 'unary',
  hang: 'unary',
  generator: 'serverStream',
  reader: 'clientStream',
  bidi: 'bidi',
})

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

const active = (): string => trace.getSpanContext(context.active())?.spanId ?? 'none'

/** Each answers with the active span at each of its steps. */
const handlers = {
  async unary() {
    const before = active()
    await pause()
    return [before, active(), propagation.getActiveBaggage()?.getEntry('tenant')?.value ?? 'none']
  },
  fail(message: unknown) {
    if (message === 'bug') throw new TypeError('a bug')
    throw new ServiceError('NOT_FOUND', 'no such user')
  },
  hang: () => new Promise(() => {}),
  async *generator() {
    yield active()
    await pause()
    yield active()
  },
  async reader(messages: AsyncIterable<unknown>) {
    const found = [active()]
    for await (const _message of messages) found.push(active())
    return found
  },
  async *bidi(messages: AsyncIterable<unknown>) {
    for await (const _message of messages) yield active()
    yield active()
  },
}

/** Spans of calls on both sides, whose contexts are those of the code that they contain. */
export function callTracing(fixture: ChannelFixture): void {
  const name = (method: string): string =>
    `${CONTRACT.name}/${method.charAt(0).toUpperCase()}${method.slice(1)}`

  describe(`OpenTelemetry over ${fixture.name}`, () => {
    it('makes one trace of a call, with the context and the baggage of its caller', async () => {
      const { calls, left } = await open(fixture, handlers, { contract: CONTRACT })
      const seen = telemetry()
      const tracer = trace.getTracer('test')
      const baggage = propagation.createBaggage({ tenant: { value: 'blue ü' } })
      const answer = await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
        tracer.startActiveSpan('program', async (span) => {
          const result = await calls.unary(1)
          span.end()
          return result
        }),
      )
      await eventually(() => seen.spans.length === 3)
      const method = name('unary')
      expect(seen.rows).toEqual([
        { name: 'program', kind: 'INTERNAL', parent: undefined },
        { name: method, kind: 'CLIENT', parent: 'program' },
        { name: method, kind: 'SERVER', parent: method },
      ])
      expect(seen.traceIds).toHaveLength(1)
      const server = seen.span(method, 'SERVER')
      const { spanId } = server.spanContext()
      expect(answer).toEqual([spanId, spanId, 'blue ü'])
      expect(server.parentSpanContext).toMatchObject({
        spanId: seen.span(method, 'CLIENT').spanContext().spanId,
        isRemote: true,
      })
      const network = left.transport === 'tls' || left.transport === 'grpc' || left.transport === 'ws'
      const common = {
        'rpc.system.name': 'shmwire',
        'rpc.method': method,
        'rpc.status_code': 'OK',
        'network.transport': network ? 'tcp' : left.transport,
      }
      for (const kind of ['CLIENT', 'SERVER'] as const) {
        const { 'network.peer.address': peer, ...rest } = seen.span(method, kind).attributes
        expect(rest).toEqual(common)
        if (kind === 'CLIENT') expect(peer).toBe(left.peer.address)
        expect(seen.span(method, kind).status).toEqual({ code: SpanStatusCode.UNSET })
      }
    })

    it('keeps the span of a service active in its generators, and that of a caller in its own', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT })
      const seen = telemetry()
      const input: string[] = []
      async function* messages() {
        input.push(active())
        yield 1
        await pause()
        input.push(active())
        yield 2
      }
      for (const [method, run] of [
        ['generator', () => all(calls.generator(1))],
        ['reader', () => calls.reader(messages())],
        ['bidi', () => all(calls.bidi(messages()))],
      ] as const) {
        const before = seen.spans.length
        const found = (await run()) as string[]
        await eventually(() => seen.spans.length === before + 2)
        const own = seen.span(name(method), 'SERVER').spanContext().spanId
        expect(new Set(found), method).toEqual(new Set([own]))
        const caller = seen.span(name(method), 'CLIENT').spanContext().spanId
        expect(new Set(input.splice(0)), method).toEqual(new Set(method === 'generator' ? [] : [caller]))
      }
      expect(active()).toBe('none')
    })

    it('marks an error on the side that it concerns', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT })
      const seen = telemetry()
      await failure(calls.fail('user'))
      await failure(calls.fail('bug'))
      await eventually(() => seen.spans.length === 4)
      const spans = seen.rows.map(({ kind }, index) => ({ kind, span: seen.spans[index] }))
      const of = (kind: string) =>
        spans
          .filter((row) => row.kind === kind)
          .map(({ span }) => [
            span?.attributes['rpc.status_code'],
            span?.attributes['error.type'],
            span?.status.code,
            span?.events.map((event) => event.attributes?.['exception.type']),
          ])
      // A user that does not exist is not an error of the service.
      expect(of('SERVER')).toEqual([
        ['NOT_FOUND', undefined, SpanStatusCode.UNSET, []],
        ['INTERNAL', 'INTERNAL', SpanStatusCode.ERROR, ['TypeError']],
      ])
      expect(of('CLIENT')).toEqual([
        ['NOT_FOUND', 'NOT_FOUND', SpanStatusCode.ERROR, []],
        ['INTERNAL', 'INTERNAL', SpanStatusCode.ERROR, []],
      ])
    })

    it('ends the spans of a call that its caller cancels', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT })
      const seen = telemetry()
      const controller = new AbortController()
      const reply = failure(calls.hang(1, { signal: controller.signal }))
      await pause()
      controller.abort()
      await reply
      await eventually(() => seen.spans.length === 2)
      expect(seen.span(name('hang'), 'SERVER').attributes).toMatchObject({ 'rpc.status_code': 'CANCELLED' })
      expect(seen.span(name('hang'), 'SERVER').status.code).toBe(SpanStatusCode.UNSET)
      expect(seen.span(name('hang'), 'CLIENT').attributes).toMatchObject({
        'rpc.status_code': 'CANCELLED',
        'error.type': 'ERR_SHMWIRE_ABORTED',
      })
    })

    it('passes on a trace that is not sampled, without spans', async () => {
      const { calls } = await open(
        fixture,
        { unary: (_message: unknown, { metadata }: CallContext) => metadata.text('traceparent') },
        {},
      )
      const seen = telemetry({}, new AlwaysOffSampler())
      expect(await calls.unary(1)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
      expect(seen.spans).toEqual([])
    })
  })
}
