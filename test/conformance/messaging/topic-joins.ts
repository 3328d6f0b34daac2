import { describe, expect, it } from 'vitest'
import { newSeed, randomFrom } from '../../support/random.js'
import { type Account, account, rejection, type TopicFixture, TopicWorld } from './topic-fixture.js'

const PUBLISHED = 4_000

export function topicJoins(fixture: TopicFixture): void {
  describe('joins', () => {
    const world = new TopicWorld(fixture)

    it('begins after the last message, with it, with the oldest one, or after a position', async () => {
      const topic = await world.topic()
      for (let number = 1; number <= 5; number += 1) await topic.publish(number)
      const { epoch } = topic
      const starts = [
        await world.subscribe(topic),
        await world.subscribe(topic, { from: 'last' }),
        await world.subscribe(topic, { from: 'oldest' }),
        await world.subscribe(topic, { from: { epoch, sequence: 2 } }),
        await world.subscribe(topic, { from: { epoch, sequence: 5 } }),
        await world.subscribe(topic, { from: { epoch, sequence: 0 } }),
      ]
      expect(starts.map(({ sequence }) => sequence)).toEqual([5, 4, 0, 2, 5, 0])
      const taken = starts.map((subscription) => account(subscription))
      await topic.publish(6)
      await topic.close()
      await Promise.all(taken.map(({ end }) => end))
      expect(taken.map(({ messages }) => messages)).toEqual([
        [6],
        [5, 6],
        [1, 2, 3, 4, 5, 6],
        [3, 4, 5, 6],
        [6],
        [1, 2, 3, 4, 5, 6],
      ])
    })

    it('begins with the first message of an empty topic', async () => {
      const topic = await world.topic()
      const taken: Account[] = []
      for (const from of ['next', 'last', 'oldest'] as const)
        taken.push(account(await world.subscribe(topic, { from })))
      await topic.publish('first')
      await topic.close()
      await Promise.all(taken.map(({ end }) => end))
      expect(taken.map(({ messages }) => messages)).toEqual([['first'], ['first'], ['first']])
    })

    it('reports an unknown loss and begins with the oldest message for the position of another epoch', async () => {
      const topic = await world.topic()
      await topic.publish(1)
      await topic.publish(2)
      const taken = account(await world.subscribe(topic, { from: { epoch: 'another', sequence: 100 } }))
      await topic.publish(3)
      await topic.close()
      expect(await taken.end).toBeUndefined()
      expect(taken.messages).toEqual([1, 2, 3])
      expect(taken.lost).toEqual(['unknown'])
    })

    it('refuses a position that the topic has not reached', async () => {
      const topic = await world.topic()
      await topic.publish(1)
      const error = await rejection(world.subscribe(topic, { from: { epoch: topic.epoch, sequence: 2 } }))
      expect(error).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
      expect(error.message).toContain('the last message of the topic is 1')
    })

    it('counts the messages that are gone after an old position', async () => {
      const topic = await world.topic({ ringBytes: 64 * 1024, codec: 'bytes' })
      for (let number = 0; number < 2_000; number += 1) await topic.publish(Buffer.alloc(100))
      const taken = account(
        await world.subscribe(topic, { codec: 'bytes', from: { epoch: topic.epoch, sequence: 10 } }),
      )
      await topic.close()
      expect(await taken.end).toBeUndefined()
      expect(taken.fault).toBeUndefined()
      const [lost] = taken.lost
      expect(taken.lost).toHaveLength(1)
      expect((lost as number) + taken.messages.length).toBe(1_990)
    })

    it('joins without a hole while the publisher publishes', async () => {
      const random = randomFrom(newSeed('topic joins'))
      const topic = await world.topic({ ringBytes: 64 * 1024 })
      const taken: (Account & { readonly begin: number })[] = []
      const joins: Promise<void>[] = []
      const froms = ['next', 'last', 'oldest'] as const
      const join = async (): Promise<void> => {
        const from = froms[Math.floor(random() * froms.length)]
        const subscription = await world.subscribe(topic, { from })
        const begin = subscription.sequence
        taken.push(Object.assign(account(subscription, random() < 0.3 ? 50 : 0), { begin }))
      }
      for (let number = 1; number <= PUBLISHED; number += 1) {
        await topic.publish({ number, filler: 'x'.repeat(Math.floor(random() * 100)) })
        if (number % 200 === 0) joins.push(join())
        if (random() < 0.02) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await Promise.all(joins)
      await topic.close()
      for (const each of taken) {
        expect(await each.end).toBeUndefined()
        expect(each.fault).toBeUndefined()
        const lost = each.lost.reduce<number>((sum, count) => sum + (count as number), 0)
        expect(each.messages.length + lost).toBe(PUBLISHED - each.begin)
        expect(
          each.infos.every(
            ({ sequence }, index) => (each.messages[index] as { number: number }).number === sequence,
          ),
        ).toBe(true)
      }
    })

    it.skipIf(fixture.engine !== undefined)(
      'rejects subscribe when its signal fires and leaves no subscription',
      async () => {
        const topic = await world.topic()
        const abort = new AbortController()
        const subscribing = world.subscribe(topic, { signal: abort.signal })
        abort.abort(new Error('of the test'))
        expect(await rejection(subscribing)).toMatchObject({ code: 'ERR_SHMWIRE_ABORTED' })
        await expect.poll(() => topic.stats().subscribers, { timeout: 20_000 }).toBe(0)
      },
    )
  })
}
