import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../../src/channel/channel.js'
import { connect } from '../../../src/connect.js'
import { listen } from '../../../src/listen.js'
import { createTopic } from '../../../src/messaging/topic/create-topic.js'
import { openTopic } from '../../../src/messaging/topic/open-topic.js'
import { subscribe } from '../../../src/messaging/topic/subscribe.js'
import type { Topic } from '../../../src/messaging/topic/types.js'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { waitFor } from '../../support/wait-for.js'
import { account, newName, rejection, useOwnDirectory } from './topic-fixture.js'

const open: AsyncDisposable[] = []

beforeEach(useOwnDirectory)

afterEach(async () => {
  await Promise.allSettled(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
})

function keep<T extends AsyncDisposable>(each: T): T {
  open.push(each)
  return each
}

describe('targets of topics', () => {
  let topic: Topic
  beforeEach(async () => {
    topic = keep(await createTopic(newName()))
  })

  // Topics have no shared memory on Windows yet.
  it.skipIf(IS_WINDOWS)('reads shared memory at a plain name', async () => {
    const subscription = keep(await subscribe(topic.address))
    expect([subscription.transport, subscription.fallbackReason]).toEqual(['shm', undefined])
  })

  it('has several subscriptions and publishers on one channel of the program, which stays open', async () => {
    const channel = keep(await connect(topic.address))
    const subscriptions = [await subscribe(channel), await subscribe(channel), await subscribe(channel)]
    const publisher = await openTopic(channel)
    const taken = subscriptions.slice(1).map((each) => account(each))
    expect(subscriptions[0]?.fallbackReason).toContain('a channel instead of an address')
    await subscriptions[0]?.close()
    await publisher.publish('one')
    await publisher.close()
    await waitFor(() => expect(taken.map(({ messages }) => messages)).toEqual([['one'], ['one']]))
    await Promise.all(subscriptions.map((each) => each.close()))
    expect(channel.open).toBe(true)
    await waitFor(() => expect(topic.stats().subscribers).toBe(0))
    expect(channel.listenerCount('close')).toBe(0)
  })

  it('opens a channel with a function, once', async () => {
    const channels: Channel[] = []
    const subscription = keep(
      await subscribe(async () => {
        const channel = await connect(topic.address)
        channels.push(channel)
        return channel
      }),
    )
    const taken = account(subscription)
    await topic.publish(1)
    await topic.close()
    expect(await taken.end).toBeUndefined()
    expect(taken.messages).toEqual([1])
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(channels).toHaveLength(1)
  })

  it('ends with PEER_GONE, after the last message, when the channel of a subscription breaks', async () => {
    const channel = await connect(topic.address)
    const subscription = keep(await subscribe(channel))
    await topic.publish(1)
    const taken = account(subscription)
    await waitFor(() => expect(taken.messages).toEqual([1]))
    channel.destroy()
    expect(await taken.end).toBeInstanceOf(Error)
    await waitFor(() => expect(topic.stats().subscribers).toBe(0))
  })

  it('ends a subscription with MESSAGE_TOO_LARGE for a message that its connection cannot carry', async () => {
    const subscription = keep(
      await subscribe(topic.address, { channel: { transport: 'socket', maxMessageBytes: 40_000 } }),
    )
    const taken = account(subscription)
    for (let number = 0; number < 50; number += 1) await topic.publish('x'.repeat(2_000))
    await topic.publish('x'.repeat(50_000))
    expect(await taken.end).toMatchObject({ code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE' })
    expect(taken.messages).toHaveLength(50)
  })

  it.skipIf(IS_WINDOWS)('rejects without shared memory if the client insists on it', async () => {
    const plain = keep(await createTopic(newName(), { channel: { transport: 'socket' } }))
    expect(await rejection(subscribe(plain.address, { channel: { transport: 'shm' } }))).toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
    })
    const server = keep(await listen('tcp://127.0.0.1:0', { authorize: () => true }))
    keep(await createTopic(server))
    const error = await rejection(
      subscribe(server.address, { channel: { transport: 'shm', authorize: () => true } }),
    )
    expect(['ERR_SHMWIRE_UNAVAILABLE', 'ERR_SHMWIRE_INVALID_ARGUMENT']).toContain(error.code)
  })

  it.each([
    ['an unknown option', { ringByte: 1 }],
    ['a ring that is not a power of two', { ringBytes: 100_000 }],
    ['a small ring', { ringBytes: 1024 }],
    ['an unknown overflow', { overflow: 'drop' }],
    ['blockTimeoutMs without block', { blockTimeoutMs: 5 }],
    ['a negative blockTimeoutMs', { overflow: 'block', blockTimeoutMs: -1 }],
    ['an unknown codec', { codec: 'xml' }],
    ['a malformed name', { name: 'a b' }],
  ])('refuses %s', async (_what, options) => {
    expect(await rejection(createTopic(newName(), options as never))).toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
    })
  })

  it.each([
    ['an unknown option', { key: 'a' }],
    ['an unknown place', { from: 'first' }],
    ['a malformed pattern', { keys: 'a..b' }],
    ['an unknown codec', { codec: 'xml' }],
    ['a malformed name', { name: '.' }],
  ])('refuses to subscribe with %s', async (_what, options) => {
    expect(await rejection(subscribe(topic.address, options as never))).toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
    })
  })

  it('frees the address when a topic cannot be created', async () => {
    const address = newName()
    await rejection(createTopic(address, { codec: 'xml' as never }))
    keep(await createTopic(address))
    const server = keep(await listen(newName()))
    keep(await createTopic(server))
    expect(await rejection(createTopic(server))).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
    expect(await rejection(createTopic(server, { name: 'x', channel: {} }))).toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
    })
    expect(await rejection(createTopic(5 as never))).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
  })

  it('passes calls with an engine on to it', async () => {
    const calls: unknown[] = []
    const engine = {
      createTopic: async (name: string) => calls.push(['createTopic', name]),
      subscribe: async (name: string) => calls.push(['subscribe', name]),
    } as never
    await createTopic('orders', { engine })
    await subscribe('orders', { engine })
    await openTopic('orders', { engine })
    expect(calls).toEqual([
      ['createTopic', 'orders'],
      ['subscribe', 'orders'],
      ['createTopic', 'orders'],
    ])
  })
})
