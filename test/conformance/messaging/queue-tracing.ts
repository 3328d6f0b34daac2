import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import { telemetry } from '../../support/telemetry.js'
import { eventually } from '../../support/turns.js'
import { Log, type QueueFixture } from './queue-fixture.js'

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

/** Spans of jobs: one trace from the push to the worker. */
export function queueTracing(fixture: QueueFixture): void {
  describe('OpenTelemetry', () => {
    it('makes one trace of a job, and has no spans for the calls that carry it', async () => {
      const { client, place } = await fixture.queue({ attempts: 1 })
      const seen = telemetry({ messageSizes: true })
      const log = new Log<unknown>()
      await place.work(async () => {
        await pause()
        log.add(trace.getSpanContext(context.active())?.spanId)
      })
      await trace.getTracer('test').startActiveSpan('program', async (span) => {
        await client.push('hello', { id: 'j' })
        span.end()
      })
      await log.atLeast(1)
      await eventually(() => seen.spans.length === 3)
      const [, send, process] = seen.rows
      const destination = send?.name.slice('send '.length)
      expect(seen.rows).toEqual([
        { name: 'program', kind: 'INTERNAL', parent: undefined },
        { name: `send ${destination}`, kind: 'PRODUCER', parent: 'program' },
        // A worker that has got a channel knows no name.
        { name: expect.stringMatching(/^process/), kind: 'CONSUMER', parent: send?.name },
      ])
      expect(seen.traceIds).toHaveLength(1)
      const consumer = seen.span(process?.name ?? '')
      expect(log.items).toEqual([consumer.spanContext().spanId])
      const producer = seen.span(send?.name ?? '').spanContext().spanId
      expect(consumer.links.map((link) => link.context.spanId)).toEqual([producer])
      const common = {
        'messaging.system': 'shmwire',
        'messaging.message.id': 'j',
        'messaging.message.body.size': 6,
      }
      expect(consumer.attributes).toMatchObject({
        ...common,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'shmwire.queue.attempt': 1,
      })
      expect(seen.span(send?.name ?? '').attributes).toMatchObject({
        ...common,
        'messaging.destination.name': destination,
        'messaging.operation.name': 'send',
        'messaging.operation.type': 'send',
      })
    })

    it('has a span with its error for each attempt', async () => {
      const { client, place } = await fixture.queue({ attempts: 2 })
      const seen = telemetry()
      await place.work((_job, { attempt }) => {
        throw new RangeError(`attempt ${attempt}`)
      })
      await client.push(1)
      await eventually(() => seen.spans.length === 3)
      const attempts = seen.spans.slice(1)
      expect(attempts.map((span) => span.attributes['shmwire.queue.attempt'])).toEqual([1, 2])
      for (const { attributes, status, events } of attempts) {
        expect(attributes['error.type']).toBe('RangeError')
        expect(status.code).toBe(SpanStatusCode.ERROR)
        expect(events).toHaveLength(1)
      }
    })

    it.skipIf(!fixture.features.request)('ends the span of a request with its result', async () => {
      const { client, place } = await fixture.queue()
      const seen = telemetry()
      await place.work(async (job) => {
        await pause()
        return job
      })
      expect(await client.request('x')).toBe('x')
      await eventually(() => seen.spans.length === 2)
      const [request, process] = seen.spans
      expect(request?.name).toMatch(/^request /)
      expect(seen.rows[1]?.parent).toBe(request?.name)
      expect(request?.attributes['messaging.message.id']).toBe(process?.attributes['messaging.message.id'])
      expect(process?.ended).toBe(true)
    })
  })
}
