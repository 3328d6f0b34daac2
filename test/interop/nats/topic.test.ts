import { beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { sleep } from '../../../src/host.js'
import type { SubscribeOptions, Subscription, TopicOptions } from '../../../src/messaging/topic/types.js'
import { connectNats, NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'
import { waitFor } from '../../support/wait-for.js'

const KIB = 1024

describe.skipIf(NATS_VERSION === undefined)(`a topic over JetStream${NATS_REASON}`, () => {
  let server: NatsServer
  let count = 0
  beforeAll(async () => {
    server = await NatsServer.start()
  })

  async function open(options: TopicOptions = {}) {
    const engine = openEngine(server)
    count += 1
    const name = `topic.${count}`
    const topic = await engine.createTopic<unknown>(name, options)
    const subscribe = (more: SubscribeOptions = {}) => engine.subscribe<unknown>(name, more)
    return { engine, name, topic, subscribe }
  }

  it('delivers the messages in order, and ends after the last one when the topic closes', async () => {
    const { topic, subscribe } = await open()
    const subscription = await subscribe()
    const total = 2_500
    const calls = Array.from({ length: total }, (_, n) => topic.publish(n))
    expect(topic.sequence).toBeGreaterThan(0)
    await Promise.all(calls)
    expect(topic.sequence).toBe(total)
    await topic.close()
    expect(await rest(subscription)).toEqual(Array.from({ length: total }, (_, n) => n))
    expect(subscription.stats()).toEqual({ received: total, lost: 0, filtered: 0 })
    expect(subscription.sequence).toBe(total)
    expect(subscription.transport).toBe('nats')
    await expect(topic.publish(1)).rejects.toMatchObject({ code: ErrorCode.CLOSED })
  })

  it('delivers keys and headers, and only the messages with a matching key', async () => {
    const { topic, subscribe } = await open()
    const users = await subscribe({ keys: ['user.*', 'order.>'] })
    const headers = { traceparent: '00-ab', 'nats-x': 'y', spaced: ' x ', accent: 'é' }
    await topic.publish(1, { key: 'user.new', headers })
    await topic.publish(2, { key: 'user.new.x' })
    await topic.publish(3, { key: 'order.a.b' })
    await topic.publish(4)
    await topic.publish(5, { key: 'user.ü' })
    await topic.close()
    const items = []
    for await (const item of users.entries()) items.push(item)
    const { epoch } = topic
    expect(items).toEqual([
      [1, { epoch, sequence: 1, key: 'user.new', headers }],
      [3, { epoch, sequence: 3, key: 'order.a.b', headers: {} }],
      [5, { epoch, sequence: 5, key: 'user.ü', headers: {} }],
    ])
    expect(users.stats()).toEqual({ received: 3, lost: 0, filtered: 2 })
  })

  it('begins at the next, the last or the oldest message, or after a position', async () => {
    const { topic, subscribe } = await open()
    const empty = await subscribe({ from: 'last' })
    for (const n of [1, 2, 3]) await topic.publish(n)
    const subscriptions = {
      empty,
      next: await subscribe({ from: 'next' }),
      last: await subscribe({ from: 'last' }),
      oldest: await subscribe({ from: 'oldest' }),
      position: await subscribe({ from: { epoch: topic.epoch, sequence: 1 } }),
      begin: await subscribe({ from: { epoch: topic.epoch, sequence: 0 } }),
    }
    await topic.publish(4)
    await topic.close()
    const received: Record<string, unknown[]> = {}
    for (const [from, subscription] of Object.entries(subscriptions))
      received[from] = await rest(subscription)
    expect(received).toEqual({
      empty: [1, 2, 3, 4],
      next: [4],
      last: [3, 4],
      oldest: [1, 2, 3, 4],
      position: [2, 3, 4],
      begin: [1, 2, 3, 4],
    })
    await expect(subscribe({ from: { epoch: topic.epoch, sequence: 9 } })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })

  it('reports an unknown loss after a position of another epoch', async () => {
    const { topic, subscribe } = await open()
    await topic.publish('a')
    const subscription = await subscribe({ from: { epoch: 'other', sequence: 17 } })
    const events: unknown[] = []
    subscription.on('lost', (number) => events.push(['lost', number]))
    subscription.on('message', (message) => events.push(message))
    await waitFor(() => expect(events).toEqual([['lost', 'unknown'], 'a']))
  })

  it('counts each message that the stream drops before a slow subscriber reads it', async () => {
    const { topic, subscribe } = await open({ ringBytes: 64 * KIB })
    const subscription = await subscribe()
    const total = 2_000
    const events: (number | string)[] = []
    subscription.on('lost', (number) => events.push(`lost ${number}`))
    const body = 'x'.repeat(1_000)
    for (let n = 1; n <= total; n += 1) {
      if (!topic.tryPublish([n, body])) await topic.publish([n, body])
    }
    await topic.close()
    let next = 1
    for await (const [message, { sequence }] of subscription.entries()) {
      const [n] = message as [number]
      expect(n).toBe(sequence)
      const gap = sequence - next
      if (gap > 0) expect(events.splice(0)).toEqual([`lost ${gap}`])
      next = sequence + 1
    }
    const { received, lost } = subscription.stats()
    expect(received + lost).toBe(total)
    expect(lost).toBeGreaterThan(0)
    expect(next - 1 + Number(events[0]?.toString().slice(5) ?? 0)).toBe(total)
  })

  it('counts the messages that were dropped before the position', async () => {
    const { topic, subscribe } = await open({ ringBytes: 64 * KIB })
    const body = 'x'.repeat(1_000)
    await Promise.all(Array.from({ length: 200 }, () => topic.publish(body)))
    const subscription = await subscribe({ from: { epoch: topic.epoch, sequence: 10 } })
    await topic.close()
    const received = await rest(subscription)
    expect(received.length + subscription.stats().lost).toBe(190)
    expect(subscription.stats().lost).toBeGreaterThan(0)
  })

  it('passes long messages in requests of bounded size', async () => {
    const { topic, subscribe } = await open({ ringBytes: 128 * KIB * KIB })
    const subscription = await subscribe()
    const total = 60
    const body = 'x'.repeat(900_000)
    for (let n = 0; n < total; n += 1) await topic.publish([n, body])
    await topic.close()
    const received = await rest(subscription)
    expect(received.map((message) => (message as [number])[0])).toEqual(
      Array.from({ length: total }, (_, n) => n),
    )
  })

  it('keeps the order of each publisher when two publish at once', async () => {
    const { engine, name, topic, subscribe } = await open()
    const other = await engine.createTopic<unknown>(name, {})
    const subscription = await subscribe()
    const total = 300
    await Promise.all(
      [topic, other].map(async (each, side) => {
        for (let n = 0; n < total; n += 10)
          await Promise.all(Array.from({ length: 10 }, (_, k) => each.publish([side, n + k])))
      }),
    )
    await topic.close()
    const received = (await rest(subscription)) as [number, number][]
    for (const side of [0, 1])
      expect(received.filter(([from]) => from === side).map(([, n]) => n)).toEqual(
        Array.from({ length: total }, (_, n) => n),
      )
  })

  it('delivers to listeners, and stops at close', async () => {
    const { topic, subscribe } = await open()
    const subscription = await subscribe()
    const seen: unknown[] = []
    subscription.on('message', (message, { sequence }) => seen.push([message, sequence]))
    await topic.publish('a')
    await waitFor(() => expect(seen).toEqual([['a', 1]]))
    const closed = new Promise((resolve) => subscription.once('close', resolve))
    await subscription.close()
    expect(await closed).toBeUndefined()
    await topic.publish('b')
    await sleep(200)
    expect(seen).toHaveLength(1)
  })

  it('continues with the messages of a topic that was created again', async () => {
    const { engine, name, topic, subscribe } = await open()
    await topic.publish(1)
    const again = await engine.createTopic<unknown>(name, {})
    expect(again.epoch).toBe(topic.epoch)
    const subscription = await subscribe({ from: 'oldest' })
    await again.publish(2)
    await again.close()
    expect(await rest(subscription)).toEqual([1, 2])
  })

  it('begins another epoch when the stream was deleted', async () => {
    const { engine, name, topic, subscribe } = await open()
    const subscription = await subscribe()
    await topic.publish(1)
    const events: unknown[] = []
    subscription.on('message', (message) => events.push(message))
    subscription.on('lost', (number) => events.push(['lost', number]))
    await waitFor(() => expect(events).toEqual([1]))
    const { manager } = await connectNats(server)
    const stream = `shmwire-topic-${name.replaceAll('.', '=')}`
    await manager.streams.delete(stream)
    const again = await engine.createTopic<unknown>(name, {})
    await again.publish(2)
    await waitFor(() => expect(events).toEqual([1, ['lost', 'unknown'], 2]))
    expect(subscription.epoch).toBe(again.epoch)
  })

  it('ends with NOT_LISTENING when the stream is deleted for good', async () => {
    const { name, subscribe } = await open()
    const subscription = await subscribe()
    const { manager } = await connectNats(server)
    await manager.streams.delete(`shmwire-topic-${name.replaceAll('.', '=')}`)
    await expect(rest(subscription)).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
  })

  it('rejects what an engine cannot do', async () => {
    const { engine, name, topic } = await open()
    await expect(engine.createTopic('x', { overflow: 'block' })).rejects.toThrow(
      "overflow must be 'lose' with an engine",
    )
    await expect(engine.subscribe('absent', {})).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    await expect(engine.subscribe(name, { codec: 'json' })).rejects.toThrow(
      'uses the codec "msgpack", and this side "json"',
    )
    await expect(engine.createTopic(name, { codec: 'json' })).rejects.toThrow('uses the codec "msgpack"')
    await expect(topic.publish(1, { key: 'a b' })).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    await expect(topic.publish('x'.repeat(1_100_000))).rejects.toMatchObject({
      code: ErrorCode.MESSAGE_TOO_LARGE,
    })
  })
})

async function rest(subscription: Subscription<unknown>): Promise<unknown[]> {
  const messages: unknown[] = []
  for await (const message of subscription) messages.push(message)
  return messages
}
