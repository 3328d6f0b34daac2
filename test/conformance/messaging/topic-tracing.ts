import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import { instrumented, TestTelemetry, telemetry } from '../../support/telemetry.js'
import { eventually } from '../../support/turns.js'
import { rejection, type TopicFixture, TopicWorld } from './topic-fixture.js'

const active = (): string | undefined => trace.getSpanContext(context.active())?.spanId

/** Spans of messages: one trace from the publisher to the listeners. */
export function topicTracing(fixture: TopicFixture): void {
  const world = new TopicWorld(fixture)

  describe('OpenTelemetry', () => {
    it('makes one trace of a message, with the span of its listeners active in them', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const seen = telemetry()
      const found: unknown[] = []
      subscription.on('message', () => {
        const before = active()
        setTimeout(() => found.push([before, active()]), 1)
      })
      await trace.getTracer('test').startActiveSpan('program', async (span) => {
        await topic.publish({ price: 1 })
        span.end()
      })
      await eventually(() => found.length === 1)
      const [, send] = seen.rows
      const destination = send?.name.slice('send '.length)
      expect(seen.rows).toEqual([
        { name: 'program', kind: 'INTERNAL', parent: undefined },
        { name: `send ${destination}`, kind: 'PRODUCER', parent: 'program' },
        { name: `process ${destination}`, kind: 'CONSUMER', parent: send?.name },
      ])
      expect(seen.traceIds).toHaveLength(1)
      const consumer = seen.span(`process ${destination}`)
      const own = consumer.spanContext().spanId
      expect(found).toEqual([[own, own]])
      expect(consumer.attributes).toMatchObject({
        'messaging.message.id': `${topic.epoch}-1`,
        'messaging.destination.name': destination,
      })
      expect(consumer.attributes).not.toHaveProperty('messaging.message.body.size')
    })

    it('has a span for the message that a loop gets, and one for its body', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const seen = new TestTelemetry().register()
      const tracing = instrumented()
      await topic.publish(1)
      await topic.publish(2)
      const found: unknown[] = []
      for await (const [message, info] of subscription.entries()) {
        await tracing
          .process('orders', info, async () => {
            await new Promise((resolve) => setTimeout(resolve, 1))
            found.push(active())
            if (message === 2) throw new RangeError('too many')
          })
          .catch((error: Error) => found.push(error.message))
        if (message === 2) break
      }
      expect(
        seen.rows.map(({ name, kind, parent }) => [name.split(' ')[0], kind, parent?.split(' ')[0]]),
      ).toEqual([
        ['send', 'PRODUCER', undefined],
        ['send', 'PRODUCER', undefined],
        ['receive', 'CLIENT', 'send'],
        ['process', 'CONSUMER', 'send'],
        ['receive', 'CLIENT', 'send'],
        ['process', 'CONSUMER', 'send'],
      ])
      const bodies = seen.spans.filter(({ name }) => name === 'process orders')
      expect(found).toEqual([...bodies.map((span) => span.spanContext().spanId), 'too many'])
      expect(bodies.map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.ERROR])
      expect(bodies.map(({ attributes }) => attributes['messaging.message.id'])).toEqual([
        `${topic.epoch}-1`,
        `${topic.epoch}-2`,
      ])
    })

    it('only links the spans of consumers to those of producers with consumerParent none', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const seen = telemetry({ consumerParent: 'none' })
      subscription.on('message', () => {})
      await topic.publish(1)
      await eventually(() => seen.spans.length === 2)
      const [producer, consumer] = seen.spans
      expect(seen.rows[1]?.parent).toBeUndefined()
      expect(seen.traceIds).toHaveLength(2)
      expect(consumer?.links.map((link) => link.context.spanId)).toEqual([producer?.spanContext().spanId])
    })

    it('keeps the context that a program has put into a message', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const seen = telemetry()
      const [trace0, span0] = ['1'.repeat(32), '2'.repeat(16)]
      await topic.publish(1, { headers: { traceparent: `00-${trace0}-${span0}-01` } })
      await subscription[Symbol.asyncIterator]().next()
      const [producer, consumer] = seen.spans
      expect(producer?.links).toMatchObject([{ context: { traceId: trace0, spanId: span0 } }])
      expect(consumer?.parentSpanContext).toMatchObject({ traceId: trace0, spanId: span0 })
    })

    it('marks a message that cannot be published', async () => {
      const topic = await world.topic()
      const seen = telemetry()
      const { code } = (await rejection(topic.publish(() => {}))) as { code: string }
      expect(seen.spans[0]?.attributes['error.type']).toBe(code)
      expect(seen.spans[0]?.status.code).toBe(SpanStatusCode.ERROR)
    })
  })
}
