import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTopic } from '../../src/messaging/topic/create-topic.js'
import { subscribe } from '../../src/messaging/topic/subscribe.js'
import type { Subscription } from '../../src/messaging/topic/types.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { heapStatistics } from '../support/heap.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { countFromEnvironment, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

/** In each of the cases below. */
const KILLS = countFromEnvironment('SHMWIRE_KILLS', 7)
const KILL_TIMEOUT_MS = 60_000 + KILLS * 8_000
const DELAY_MS_MAX = 80
const MIB = 1024 * 1024

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

interface Report {
  readonly received: number
  readonly lost: number
  readonly fault: string | undefined
  readonly error: string | undefined
}

/** Takes all messages, and checks that each one follows from the one before and the losses. */
async function take(subscription: Subscription): Promise<Report> {
  let next = subscription.sequence + 1
  let fault: string | undefined
  let error: string | undefined
  subscription.on('lost', (count) => {
    next += count as number
  })
  try {
    for await (const [bytes, { sequence, key }] of subscription.entries()) {
      const number = Number((bytes as Buffer).readBigUInt64LE())
      const isWhole = (bytes as Buffer).subarray(8).every((byte) => byte === (number & 0xff))
      if (sequence !== next || number !== sequence || !isWhole || key !== `k.${(number - 1) % 7}`)
        fault ??= `message ${number} with key ${key} as ${sequence} instead of ${next}`
      next = sequence + 1
    }
  } catch (thrown) {
    error = (thrown as { code?: string }).code
  }
  const { received, lost } = subscription.stats()
  return { received, lost, fault, error }
}

async function startPublisher(transport: string, overflow: string, count?: number): Promise<Child> {
  const args = [
    'feed',
    transport,
    overflow,
    join(directory, 'count'),
    ...(count === undefined ? [] : [count]),
  ]
  const publisher = new Child('topic-publisher', { args, ipc: true })
  expect(await publisher.next()).toBe('listening')
  return publisher
}

function published(): number {
  const bytes = readFileSync(join(directory, 'count'))
  return bytes.length === 8 ? Number(bytes.readBigUInt64LE()) : 0
}

/** Topics and cells use the pipe on Windows. */
const TRANSPORTS = IS_WINDOWS ? (['socket'] as const) : (['shm', 'socket'] as const)

describe.each(TRANSPORTS)('a topic over %s', (transport) => {
  const options = { codec: 'bytes', channel: { transport } } as const
  const expected = transport === 'shm' ? 'shm' : SOCKET_TRANSPORT

  it(
    `delivers or counts every published message and then reports PEER_GONE when the publisher is killed, ${KILLS} times`,
    async () => {
      const random = randomFrom(newSeed('kill the publisher'))
      let total = 0
      for (let kill = 0; kill < KILLS; kill += 1) {
        const overflow = random() < 0.5 ? 'lose' : 'block'
        const publisher = await startPublisher(transport, overflow)
        const subscriptions = [await subscribe('feed', options), await subscribe('feed', options)]
        expect(subscriptions.map((each) => each.transport)).toEqual([expected, expected])
        const late = subscriptions[1] as Subscription
        const taking = [take(subscriptions[0] as Subscription)]
        publisher.send('publish')
        await sleep(random() * DELAY_MS_MAX)
        await publisher.kill()
        // This one reads nothing before the publisher is dead.
        taking.push(take(late))
        for (const report of await Promise.all(taking)) {
          expect(report).toMatchObject({ fault: undefined, error: 'ERR_SHMWIRE_PEER_GONE' })
          // Over a socket, messages in the buffers of the publisher are lost.
          if (transport === 'shm') expect(report.received + report.lost).toBeGreaterThanOrEqual(published())
          if (overflow === 'block') expect(report.lost).toBe(0)
        }
        total += published()
      }
      expect(total).toBeGreaterThan(0)
    },
    KILL_TIMEOUT_MS,
  )

  it(
    `does not affect the publisher and other subscribers when a subscriber is killed, ${KILLS} times`,
    async () => {
      const random = randomFrom(newSeed('kill a subscriber'))
      for (let kill = 0; kill < KILLS; kill += 1) {
        const overflow = kill % 2 === 0 ? 'block' : 'lose'
        const publisher = await startPublisher(transport, overflow, 30_000)
        const mode = random() < 0.5 ? 'read' : 'sleep'
        const victim = new Child('topic-subscriber', { args: ['feed', transport, mode], ipc: true })
        expect(await victim.next()).toEqual({ begin: 0, transport: expected })
        const other = take(await subscribe('feed', options))
        publisher.send('publish')
        await sleep(random() * DELAY_MS_MAX)
        await victim.kill()
        expect(await publisher.next()).toEqual({ published: 30_000 })
        publisher.send('close')
        const { received, lost, fault, error } = await other
        expect({ fault, error, total: received + lost }).toEqual({
          fault: undefined,
          error: undefined,
          total: 30_000,
        })
        if (overflow === 'block') expect(lost).toBe(0)
        expect(await publisher.next()).toBe('closed')
      }
    },
    KILL_TIMEOUT_MS,
  )

  it('counts exactly for subscribers that join while the publisher publishes', async () => {
    const publisher = await startPublisher(transport, 'lose', 200_000)
    publisher.send('publish')
    const joined: Promise<Report & { begin: number }>[] = []
    for (let count = 0; count < 10; count += 1) {
      const from = (['next', 'last', 'oldest'] as const)[count % 3]
      const subscription = await subscribe('feed', { ...options, from })
      const begin = subscription.sequence
      joined.push(take(subscription).then((report) => ({ ...report, begin })))
    }
    expect(await publisher.next()).toEqual({ published: 200_000 })
    publisher.send('close')
    for (const { begin, received, lost, fault, error } of await Promise.all(joined))
      expect({ fault, error, total: begin + received + lost }).toEqual({
        fault: undefined,
        error: undefined,
        total: 200_000,
      })
  })

  it('keeps the memory of the publisher flat beside a subscriber that never reads', async () => {
    const publisher = await startPublisher(transport, 'lose', 600_000)
    const idle = new Child('topic-subscriber', { args: ['feed', transport, 'sleep'], ipc: true })
    expect(await idle.next()).toMatchObject({ begin: 0 })
    publisher.send('publish')
    expect(await publisher.next()).toEqual({ published: 600_000 })
    publisher.send('stats')
    const { memory, subscribers } = await publisher.next<{
      memory: NodeJS.MemoryUsage
      subscribers: number
    }>()
    expect(subscribers).toBe(1)
    // The messages had 70 MiB.
    expect(memory.heapUsed + memory.external).toBeLessThan(50 * MIB)
    await idle.kill()
    publisher.send('close')
    expect(await publisher.next()).toBe('closed')
  })

  it('holds nothing of 200 subscribers that have come and gone', async () => {
    const topic = await createTopic('feed', { codec: 'bytes', channel: { transport } })
    const message = Buffer.alloc(100)
    const round = async (): Promise<void> => {
      const subscriptions = await Promise.all(Array.from({ length: 20 }, () => subscribe('feed', options)))
      await topic.publish(message)
      for (const subscription of subscriptions) {
        const loop = subscription[Symbol.asyncIterator]()
        expect((await loop.next()).done).toBe(false)
      }
      await Promise.all(subscriptions.map((each) => each.close()))
      await waitFor(() => expect(topic.stats().subscribers).toBe(0))
    }
    for (let warm = 0; warm < 3; warm += 1) await round()
    await sleep(100)
    const before = await resourcesOnceCollected()
    const { used, external } = await heapStatistics()
    for (let count = 0; count < 10; count += 1) await round()
    await expectResources(before)
    const after = await heapStatistics()
    expect(after.used + after.external - used - external).toBeLessThan(4 * MIB)
    await topic.close()
  })
})

describe('a topic without the addon', () => {
  const env = { SHMWIRE_NO_ADDON: '1' }

  it('serves subscribers over the socket', async () => {
    const args = ['feed', 'auto', 'block', join(directory, 'count'), 5_000]
    const publisher = new Child('topic-publisher', { args, ipc: true, env })
    expect(await publisher.next()).toBe('listening')
    const subscription = await subscribe('feed', { codec: 'bytes' })
    expect(subscription.transport).toBe(SOCKET_TRANSPORT)
    const reason = IS_WINDOWS
      ? "over 'pipe', the two sides share no memory"
      : 'the server has no shared memory'
    expect(subscription.fallbackReason).toContain(reason)
    const taking = take(subscription)
    publisher.send('publish')
    expect(await publisher.next()).toEqual({ published: 5_000 })
    publisher.send('close')
    expect(await taking).toEqual({ received: 5_000, lost: 0, fault: undefined, error: undefined })
  })

  it('is read over the socket by a subscriber without the addon', async () => {
    const topic = await createTopic('feed', { codec: 'bytes' })
    const child = new Child('topic-subscriber', { args: ['feed', 'auto', 'read'], ipc: true, env })
    expect(await child.next()).toEqual({ begin: 0, transport: SOCKET_TRANSPORT })
    const message = Buffer.alloc(16)
    for (let number = 1; number <= 2_000; number += 1) {
      message.writeBigUInt64LE(BigInt(number))
      await topic.publish(message)
    }
    await topic.close()
    const { received, lost, fault } = await child.next<Report>()
    expect({ total: received + lost, fault }).toEqual({ total: 2_000, fault: undefined })
  })
})
