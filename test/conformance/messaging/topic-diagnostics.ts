import { describe, expect, it, onTestFinished } from 'vitest'
import { correlation, enableCorrelation, withCorrelation } from '../../../src/observe/correlation.js'
import { boundStore, eventsOf, FAILURE, observedTraces, SUCCESS } from '../../support/observed.js'
import { eventually } from '../../support/turns.js'
import { rejection, type TopicFixture, TopicWorld } from './topic-fixture.js'

/** The diagnostics channels of messages that are published and delivered. */
export function topicDiagnostics(fixture: TopicFixture): void {
  const world = new TopicWorld(fixture)

  describe('diagnostics', () => {
    it('report each message once on each side, with the headers that a subscriber adds', async () => {
      const published = observedTraces('shmwire:topic.publish', ({ headers }) => {
        headers.traceparent = 'injected'
      })
      const delivered = observedTraces('shmwire:topic.receive')
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const headers = { own: '1' }
      await topic.publish('hello', { key: 'a.b', headers })
      expect(topic.tryPublish('there')).toBe(true)
      const infos: unknown[] = []
      for await (const [, info] of subscription.entries()) {
        infos.push(info.headers)
        if (infos.length === 2) break
      }
      expect(infos).toEqual([{ own: '1', traceparent: 'injected' }, { traceparent: 'injected' }])
      expect(headers).toEqual({ own: '1' })
      expect(eventsOf(published)).toEqual([...SUCCESS, ...SUCCESS])
      const place = { address: topic.address, topic: expect.any(String) }
      const both = { ...place, key: 'a.b', headers: { own: '1', traceparent: 'injected' } }
      expect(published[0]?.payload).toEqual({ ...both, byteLength: undefined, published: false })
      expect(published[3]?.payload).toEqual({ ...both, byteLength: 6, published: true })
      expect(eventsOf(delivered)).toEqual([...SUCCESS, ...SUCCESS])
      const { epoch } = topic
      expect(delivered[0]?.payload).toEqual({ ...both, epoch, sequence: 1, byteLength: 6, consumer: 'loop' })
    })

    it('pass the correlation id of the sender on to listeners', async () => {
      onTestFinished(enableCorrelation())
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const received = new Promise((resolve) => subscription.once('message', () => resolve(correlation())))
      await withCorrelation('one', () => topic.publish(1))
      expect(await received).toBe('one')
    })

    it('report a message that cannot be encoded', async () => {
      const published = observedTraces('shmwire:topic.publish')
      const topic = await world.topic()
      const error = await rejection(topic.publish(() => {}))
      expect(() => topic.tryPublish(() => {})).toThrow()
      expect(eventsOf(published)[0]).toBe('start')
      expect(published.filter(({ event }) => event === 'asyncEnd')).toHaveLength(2)
      expect(published.filter(({ event }) => event === 'error')[0]?.payload).toMatchObject({
        error,
        published: false,
      })
    })

    it('reject wrong options as without a subscriber', async () => {
      const published = observedTraces('shmwire:topic.publish')
      const topic = await world.topic()
      const code = 'ERR_SHMWIRE_INVALID_ARGUMENT'
      expect(await rejection(topic.publish(1, { headers: 5 as never }))).toMatchObject({ code })
      expect(await rejection(topic.publish(1, { other: 5 } as never))).toMatchObject({ code })
      expect(eventsOf(published)).toEqual([...FAILURE, ...FAILURE])
    })

    it('run listeners in the context that a tracer binds', async () => {
      const storage = boundStore('shmwire:topic.receive', ({ headers }) => headers.traceparent)
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const stores: unknown[] = []
      subscription.on('message', () => {
        const before = storage.getStore()
        setTimeout(() => stores.push([before, storage.getStore()]), 1)
      })
      await topic.publish(1, { headers: { traceparent: 'a' } })
      await topic.publish(2, { headers: { traceparent: 'b' } })
      await eventually(() => stores.length === 2)
      expect(stores).toEqual([
        ['a', 'a'],
        ['b', 'b'],
      ])
    })

    it.skipIf(fixture.engine !== undefined)('report a message that another process publishes', async () => {
      const topic = await world.topic({ name: 'prices' })
      const subscription = await world.subscribe(topic, { name: 'prices' })
      const client = await world.publisher(topic, { name: 'prices' })
      const published = observedTraces('shmwire:topic.publish', ({ headers }) => {
        headers.traceparent = 'injected'
      })
      await client.publish('hello', { key: 'k' })
      for await (const [message, info] of subscription.entries()) {
        expect([message, info.headers]).toEqual(['hello', { traceparent: 'injected' }])
        break
      }
      expect(eventsOf(published)).toEqual(SUCCESS)
      expect(published[3]?.payload).toEqual({
        address: topic.address,
        topic: 'prices',
        key: 'k',
        headers: { traceparent: 'injected' },
        byteLength: 6,
        published: true,
      })
    })

    it.skipIf(fixture.engine !== undefined)('report a message that finds no room', async () => {
      const topic = await world.topic({ overflow: 'block', ringBytes: 64 * 1024 })
      const subscription = await world.subscribe(topic)
      subscription.entries()
      const published = observedTraces('shmwire:topic.publish')
      while (topic.tryPublish(Buffer.alloc(4_096)));
      expect(published.at(-1)).toMatchObject({ event: 'asyncEnd', payload: { published: false } })
      expect(published.at(-1)?.payload.error).toBeUndefined()
      expect(published.at(-SUCCESS.length - 1)).toMatchObject({ payload: { published: true } })
    })
  })
}
