import { describe, expect, it } from 'vitest'
import { policy } from '../../../src/service/auth/policy.js'
import { waitFor } from '../../support/wait-for.js'
import { account, rejection, type TopicFixture, TopicWorld } from './topic-fixture.js'

export function topicPublishers(fixture: TopicFixture): void {
  describe('publishers of other processes', () => {
    const world = new TopicWorld(fixture)

    it('publishes messages with key and headers in the order of the calls', async () => {
      const topic = await world.topic()
      const taken = account(await world.subscribe(topic))
      const publisher = await world.publisher(topic)
      await Promise.all(
        Array.from({ length: 200 }, (_each, number) => publisher.publish({ number }, { key: `k.${number}` })),
      )
      await publisher.publish('last', { headers: { 'reply-to': 'here' } })
      await topic.close()
      expect(await taken.end).toBeUndefined()
      expect(taken.messages.slice(0, -1)).toEqual(
        Array.from({ length: 200 }, (_each, number) => ({ number })),
      )
      expect(taken.infos[7]).toMatchObject({ key: 'k.7', sequence: 8 })
      expect({ ...taken.infos.at(-1)?.headers }).toEqual({ 'reply-to': 'here' })
      expect(topic.sequence).toBe(201)
    })

    it('rejects with the code of the topic for another codec and a long message', async () => {
      const topic = await world.topic({ codec: 'json', ringBytes: 64 * 1024 })
      const other = await world.publisher(topic)
      expect(await rejection(other.publish(1))).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
      const publisher = await world.publisher(topic, { codec: 'json' })
      expect(await rejection(publisher.publish('x'.repeat(64 * 1024)))).toMatchObject({
        code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE',
      })
      expect(await rejection(publisher.publish(1, { key: 'a b' }))).toMatchObject({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      })
      expect(topic.sequence).toBe(0)
    })

    it('waits for room with overflow block, and stops when its time has passed', async () => {
      const topic = await world.topic({
        ringBytes: 64 * 1024,
        codec: 'bytes',
        overflow: 'block',
        blockTimeoutMs: 60_000,
      })
      const subscription = await world.subscribe(topic, { codec: 'bytes' })
      const publisher = await world.publisher(topic, { codec: 'bytes' })
      const message = Buffer.alloc(1_000)
      while (topic.tryPublish(message)) await new Promise((resolve) => setImmediate(resolve))
      const { sequence } = topic
      expect(await rejection(publisher.publish(message, { timeoutMs: 50 }))).toMatchObject({
        code: 'ERR_SHMWIRE_TIMEOUT',
      })
      const waiting = publisher.publish(message)
      const taken = account(subscription)
      await waiting
      await waitFor(() => expect(taken.messages.length).toBe(sequence + 1))
    })

    it('lets only those publish and subscribe whom the policy names', async () => {
      const refusing = policy({
        'shmwire.topic.a/subscribe': true,
        'shmwire.topic.a/publish': ['nobody-has-this'],
      })
      const topic = await world.topic({ name: 'a', policy: refusing })
      const taken = account(await world.subscribe(topic, { name: 'a' }))
      const publisher = await world.publisher(topic, { name: 'a' })
      const error = await rejection(publisher.publish(1))
      expect(error).toMatchObject({ code: 'ERR_SHMWIRE_SERVICE' })
      expect(['PERMISSION_DENIED', 'UNAUTHENTICATED']).toContain((error as { status?: string }).status)
      await topic.publish(2)
      await waitFor(() => expect(taken.messages).toEqual([2]))

      const closed = await world.topic({ policy: policy({ 'shmwire.topic/publish': true }) })
      const denied = await rejection(world.subscribe(closed))
      expect(['PERMISSION_DENIED', 'UNAUTHENTICATED']).toContain((denied as { status?: string }).status)
    })

    it('publishes again after the topic came back', async () => {
      const first = await world.topic()
      const publisher = await world.publisher(first)
      await publisher.publish(1)
      await first.close()
      expect(await rejection(publisher.publish(2))).toMatchObject({ status: 'UNAVAILABLE' })
      if (fixture.address().startsWith('tcp:')) return
      const { createTopic } = await import('../../../src/messaging/topic/create-topic.js')
      const second = await createTopic(first.address, { channel: fixture.server })
      try {
        await waitFor(() => publisher.publish(3))
        expect(second.sequence).toBe(1)
        expect(second.epoch).not.toBe(first.epoch)
      } finally {
        await second.close()
      }
    })
  })
}
