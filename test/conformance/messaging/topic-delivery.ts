import { describe, expect, it } from 'vitest'
import type { Codec } from '../../../src/codec/codec.js'
import { listen } from '../../../src/listen.js'
import { waitFor } from '../../support/wait-for.js'
import { account, newName, rejection, type TopicFixture, TopicWorld } from './topic-fixture.js'

const rot1: Codec = {
  name: 'rot1',
  encode: (value) => Buffer.from(String(value)).map((byte) => byte + 1),
  decode: (bytes) => Buffer.from(bytes.map((byte) => byte - 1)).toString(),
}

export function topicDelivery(fixture: TopicFixture): void {
  describe('delivery', () => {
    const world = new TopicWorld(fixture)

    it('delivers messages in order with their sequence, key and headers', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const taken = account(subscription)
      expect(subscription.epoch).toBe(topic.epoch)
      await topic.publish({ price: 1 })
      await topic.publish({ price: 2 }, { key: 'user.created' })
      await topic.publish('three', { key: 'größe.ä', headers: { 'correlation-id': 'c1', text: 'Grüße' } })
      await topic.publish(4, { headers: { a: '' } })
      await topic.close()
      expect(await taken.end).toBeUndefined()
      expect(taken.messages).toEqual([{ price: 1 }, { price: 2 }, 'three', 4])
      expect(taken.infos.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
      expect(taken.infos.map(({ key }) => key)).toEqual([undefined, 'user.created', 'größe.ä', undefined])
      expect(taken.infos.map(({ headers }) => ({ ...headers }))).toEqual([
        {},
        {},
        { 'correlation-id': 'c1', text: 'Grüße' },
        { a: '' },
      ])
      expect(taken.infos.every(({ epoch }) => epoch === topic.epoch)).toBe(true)
      expect(subscription.stats()).toEqual({ received: 4, lost: 0, filtered: 0 })
      expect(subscription.sequence).toBe(4)
      expect(topic.stats()).toMatchObject({ published: 4, disconnected: 0 })
    })

    it('delivers many messages to listeners in order and emits close last', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const events: unknown[] = []
      const closed = new Promise<void>((resolve) => {
        subscription.on('close', (error) => {
          events.push(error)
          resolve()
        })
      })
      subscription.on('message', (message, { sequence }) => events.push([message, sequence]))
      for (let number = 1; number <= 5_000; number += 1) await topic.publish(number)
      await topic.close()
      await closed
      expect(events).toHaveLength(5_001)
      expect(events.slice(0, -1).every((event, index) => (event as number[])[0] === index + 1)).toBe(true)
      expect(events.at(-1)).toBeUndefined()
    })

    it('delivers the same messages to several subscribers', async () => {
      const topic = await world.topic()
      const accounts = []
      for (let index = 0; index < 5; index += 1) accounts.push(account(await world.subscribe(topic)))
      for (let number = 0; number < 300; number += 1) await topic.publish({ number })
      await topic.close()
      for (const { end, messages, fault, lost } of accounts) {
        expect(await end).toBeUndefined()
        expect(messages).toHaveLength(300)
        expect({ fault, lost }).toEqual({ fault: undefined, lost: [] })
      }
    })

    it('wakes a subscriber that sleeps', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const loop = subscription[Symbol.asyncIterator]()
      for (let number = 0; number < 5; number += 1) {
        const next = loop.next()
        await new Promise((resolve) => setTimeout(resolve, 20))
        await topic.publish(number)
        expect(await next).toEqual({ done: false, value: number })
      }
    })

    it('continues in a second loop after the first one was left', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      for (let number = 1; number <= 4; number += 1) await topic.publish(number)
      const taken: unknown[] = []
      for await (const message of subscription) {
        taken.push(message)
        if (taken.length === 2) break
      }
      await topic.publish(5)
      void topic.close()
      for await (const message of subscription) taken.push(message)
      expect(taken).toEqual([1, 2, 3, 4, 5])
    })

    it('passes messages from the loop to listeners after the loop was left', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const heard: unknown[] = []
      const loop = subscription[Symbol.asyncIterator]()
      subscription.on('message', (message) => heard.push(message))
      await topic.publish(1)
      expect(await loop.next()).toEqual({ done: false, value: 1 })
      await topic.publish(2)
      await loop.return?.()
      await topic.publish(3)
      await waitFor(() => expect(heard).toEqual([2, 3]))
    })

    it('continues after a listener has thrown', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const heard: unknown[] = []
      const uncaught: unknown[] = []
      const listeners = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.on('uncaughtException', (error) => uncaught.push(error))
      try {
        subscription.on('message', (message) => {
          heard.push(message)
          if (message === 1) throw new Error('of the listener')
        })
        await topic.publish(1)
        await topic.publish(2)
        await waitFor(() => expect(heard).toEqual([1, 2]))
        await waitFor(() => expect(uncaught).toHaveLength(1))
      } finally {
        process.removeAllListeners('uncaughtException')
        for (const listener of listeners) process.on('uncaughtException', listener)
      }
    })

    it('refuses a second loop while one runs', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      subscription[Symbol.asyncIterator]()
      expect(() => subscription.entries()).toThrow('another for await loop is running')
    })

    it('filters messages by patterns of keys and counts them', async () => {
      const topic = await world.topic()
      const one = await world.subscribe(topic, { keys: 'user.*' })
      const two = await world.subscribe(topic, { keys: ['*.created', 'order.>'] })
      const taken = [account(one), account(two)]
      const keys = [
        'user.created',
        'user.deleted',
        'user.a.b',
        'order.created',
        'order.a.b',
        'order',
        undefined,
      ]
      for (const key of keys) await topic.publish(key ?? 'none', key === undefined ? undefined : { key })
      await topic.close()
      await Promise.all(taken.map(({ end }) => end))
      expect(taken.map(({ messages }) => messages)).toEqual([
        ['user.created', 'user.deleted'],
        ['user.created', 'order.created', 'order.a.b'],
      ])
      expect(one.stats()).toEqual({ received: 2, lost: 0, filtered: 5 })
      expect(two.stats()).toEqual({ received: 3, lost: 0, filtered: 4 })
      expect([one.sequence, two.sequence]).toEqual([7, 7])
    })

    it.each(['json', 'bytes', 'v8', rot1] as const)('carries messages with the codec %s', async (codec) => {
      const topic = await world.topic({ codec })
      const taken = account(await world.subscribe(topic, { codec }))
      const message = codec === 'bytes' ? Buffer.from('some text') : 'some text'
      await topic.publish(message)
      await topic.close()
      await taken.end
      expect(taken.messages).toEqual([message])
    })

    it('refuses a subscriber with another codec', async () => {
      const topic = await world.topic({ codec: 'json' })
      const error = await rejection(world.subscribe(topic, { codec: 'msgpack' }))
      expect(error).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
      expect(error.message).toContain('"json"')
    })

    it.skipIf(fixture.engine !== undefined)(
      'delivers messages of all lengths up to an eighth of the ring and refuses longer ones',
      async () => {
        const topic = await world.topic({ codec: 'bytes', ringBytes: 1024 * 1024, overflow: 'block' })
        const taken = account(await world.subscribe(topic, { codec: 'bytes' }))
        const largest = (1024 * 1024) / 8 - 64
        const lengths = [0, 1, 7, 8, 1000, 8 * 1024, 60_000, 70_000, largest]
        for (const length of lengths) await topic.publish(Buffer.alloc(length, length & 0xff))
        const long = Buffer.alloc((1024 * 1024) / 8 + 1)
        expect(await rejection(topic.publish(long))).toMatchObject({ code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE' })
        expect(() => topic.tryPublish(long)).toThrow('raise')
        await topic.close()
        await taken.end
        expect(taken.messages.map((message) => (message as Buffer).length)).toEqual(lengths)
        expect(
          taken.messages.every((message) =>
            (message as Buffer).every((byte, _index, all) => byte === (all.length & 0xff)),
          ),
        ).toBe(true)
      },
    )

    it('ends the loop after the last message when the topic closes', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      for (let number = 0; number < 200; number += 1) await topic.publish(number)
      const closing = topic.close()
      const taken = account(subscription)
      expect(await taken.end).toBeUndefined()
      await closing
      expect(taken.messages).toHaveLength(200)
      expect(await rejection(topic.publish(1))).toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
      expect(() => topic.tryPublish(1)).toThrow('the topic is closed')
    })

    it.skipIf(fixture.engine !== undefined)('ends the loop of a subscription that is closed', async () => {
      const topic = await world.topic()
      const subscription = await world.subscribe(topic)
      const other = account(await world.subscribe(topic))
      const taken = account(subscription)
      await topic.publish(1)
      await waitFor(() => expect(taken.messages).toEqual([1]))
      await subscription.close()
      expect(await taken.end).toBeUndefined()
      await waitFor(() => expect(topic.stats().subscribers).toBe(1))
      await topic.publish(2)
      await waitFor(() => expect(other.messages).toEqual([1, 2]))
      await subscription.close()
    })

    it.skipIf(fixture.engine !== undefined)(
      'serves several topics with different names on one server',
      async () => {
        const { address, server: options } = fixture
        const server = await listen(address(), options)
        try {
          const place = { address: server.address }
          const plain = await world.topic({}, server)
          const named = await world.topic({ name: 'prices.eu' }, server)
          expect(plain.address).toBe(server.address)
          const taken = [
            account(await world.subscribe(place)),
            account(await world.subscribe(place, { name: 'prices.eu' })),
          ]
          await plain.publish('plain')
          await named.publish('named')
          expect(await rejection(world.subscribe(place, { name: 'prices.us' }))).toMatchObject({
            code: 'ERR_SHMWIRE_NO_HANDLER',
          })
          await Promise.all([plain.close(), named.close()])
          await Promise.all(taken.map(({ end }) => end))
          expect(taken.map(({ messages }) => messages)).toEqual([['plain'], ['named']])
        } finally {
          await server.close({ timeoutMs: 5_000 }).catch(() => {})
        }
      },
    )

    it('rejects subscribe when there is no server', async () => {
      const missing = fixture.address().startsWith('tcp:') ? 'tcp://127.0.0.1:1' : newName()
      expect(await rejection(world.subscribe({ address: missing }))).toMatchObject({
        code: 'ERR_SHMWIRE_NOT_LISTENING',
      })
    })
  })
}
