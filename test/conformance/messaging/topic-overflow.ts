import { describe, expect, it } from 'vitest'
import { waitFor } from '../../support/wait-for.js'
import { account, rejection, type TopicFixture, TopicWorld } from './topic-fixture.js'

const RING_BYTES = 64 * 1024
/** More than a ring, a window and all buffers of a connection hold. */
const PUBLISHED = 40_000
const message = Buffer.alloc(200, 7)

export function topicOverflow(fixture: TopicFixture): void {
  describe('overflow', () => {
    const world = new TopicWorld(fixture)
    const options = { ringBytes: RING_BYTES, codec: 'bytes' } as const

    it('counts exactly what a subscriber loses that begins to read late', async () => {
      const topic = await world.topic(options)
      const subscription = await world.subscribe(topic, { codec: 'bytes' })
      for (let number = 0; number < PUBLISHED; number += 1) await topic.publish(message)
      const closing = topic.close()
      const taken = account(subscription)
      expect(await taken.end).toBeUndefined()
      await closing
      expect(taken.fault).toBeUndefined()
      const { received, lost } = subscription.stats()
      expect(received).toBe(taken.messages.length)
      expect(lost).toBeGreaterThan(0)
      expect(received + lost).toBe(PUBLISHED)
      expect(taken.infos.at(-1)?.sequence).toBe(PUBLISHED)
    })

    it('reports a loss before the message after the gap while a slow loop reads', async () => {
      const topic = await world.topic(options)
      const subscription = await world.subscribe(topic, { codec: 'bytes' })
      const fast = await world.subscribe(topic, { codec: 'bytes' })
      const quick = account(fast)
      const taken = account(subscription, 20)
      for (let number = 1; number <= PUBLISHED; number += 1) {
        await topic.publish(message)
        if (number % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await topic.close()
      expect([await taken.end, await quick.end]).toEqual([undefined, undefined])
      expect([taken.fault, quick.fault]).toEqual([undefined, undefined])
      for (const { received, lost } of [subscription.stats(), fast.stats()])
        expect(received + lost).toBe(PUBLISHED)
    })

    it('disconnects a subscriber that loses messages with overflow disconnect', async () => {
      const topic = await world.topic({ ...options, overflow: 'disconnect' })
      const slow = await world.subscribe(topic, { codec: 'bytes' })
      for (let number = 0; number < PUBLISHED; number += 1) await topic.publish(message)
      const taken = account(slow)
      expect(await taken.end).toMatchObject({ code: 'ERR_SHMWIRE_BACKLOG' })
      expect(taken.fault).toBeUndefined()
      expect(taken.lost).toEqual([])
      await waitFor(() => expect(topic.stats()).toMatchObject({ disconnected: 1, subscribers: 0 }))
      const next = account(await world.subscribe(topic, { codec: 'bytes' }))
      await topic.publish(message)
      await waitFor(() => expect(next.messages).toHaveLength(1))
    })

    it('loses nothing with overflow block', async () => {
      const topic = await world.topic({ ...options, overflow: 'block', blockTimeoutMs: 60_000 })
      const taken = [
        account(await world.subscribe(topic, { codec: 'bytes' })),
        account(await world.subscribe(topic, { codec: 'bytes' }), 500),
      ]
      for (let number = 0; number < 10_000; number += 1) await topic.publish(message)
      await topic.close({ timeoutMs: 60_000 })
      for (const { end, fault, lost, messages } of taken) {
        expect(await end).toBeUndefined()
        expect({ fault, lost, received: messages.length }).toEqual({
          fault: undefined,
          lost: [],
          received: 10_000,
        })
      }
    })

    it('does not publish without room with tryPublish, and publishes in order after room was made', async () => {
      const topic = await world.topic({ ...options, overflow: 'block', blockTimeoutMs: 60_000 })
      const subscription = await world.subscribe(topic, { codec: 'bytes' })
      let count = 0
      for (let full = 0; full < 20; ) {
        if (topic.tryPublish(message)) count += 1
        else {
          full += 1
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
      }
      const waiting = [topic.publish(Buffer.alloc(200, 1)), topic.publish(Buffer.alloc(200, 2))]
      expect(topic.tryPublish(message)).toBe(false)
      const taken = account(subscription)
      await Promise.all(waiting)
      await topic.close()
      expect(await taken.end).toBeUndefined()
      expect(taken.messages).toHaveLength(count + 2)
      expect(taken.messages.slice(-2)).toEqual([Buffer.alloc(200, 1), Buffer.alloc(200, 2)])
    })

    it('disconnects a subscriber that does not read within blockTimeoutMs, and delivers everything to the others', async () => {
      const topic = await world.topic({ ...options, overflow: 'block', blockTimeoutMs: 2_000 })
      const slow = await world.subscribe(topic, { codec: 'bytes' })
      const closed = new Promise<unknown>((resolve) => {
        slow.on('close', resolve)
      })
      const quick = account(await world.subscribe(topic, { codec: 'bytes' }))
      for (let number = 0; number < PUBLISHED / 4; number += 1) await topic.publish(message)
      expect(topic.stats()).toMatchObject({ disconnected: 1, subscribers: 1 })
      const taken = account(slow)
      expect(await taken.end).toMatchObject({ code: 'ERR_SHMWIRE_BACKLOG' })
      expect(await closed).toMatchObject({ code: 'ERR_SHMWIRE_BACKLOG' })
      await topic.close()
      expect(await quick.end).toBeUndefined()
      expect(quick.fault).toBeUndefined()
      expect(quick.lost).toEqual([])
      expect(quick.messages).toHaveLength(PUBLISHED / 4)
    })

    it('publishes what waits when the only slow subscriber leaves', async () => {
      const topic = await world.topic({ ...options, overflow: 'block', blockTimeoutMs: 60_000 })
      const slow = await world.subscribe(topic, { codec: 'bytes' })
      while (topic.tryPublish(message)) await new Promise((resolve) => setImmediate(resolve))
      const waiting = Promise.all(Array.from({ length: 10 }, () => topic.publish(message)))
      await slow.close()
      await waiting
    })

    it('refuses further publishes while too many wait', async () => {
      const topic = await world.topic({ ...options, overflow: 'block', blockTimeoutMs: 60_000 })
      await world.subscribe(topic, { codec: 'bytes' })
      while (topic.tryPublish(message)) await new Promise((resolve) => setImmediate(resolve))
      const waiting = Array.from({ length: 6_000 }, () => topic.publish(message).then(() => 'sent', codeOf))
      const last = await waiting.at(-1)
      expect(last).toBe('ERR_SHMWIRE_BACKLOG')
      expect(await rejection(topic.close({ timeoutMs: 50 }))).toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
      const outcomes = new Set(await Promise.all(waiting))
      expect([...outcomes].every((outcome) => outcome !== undefined)).toBe(true)
      expect(outcomes.has('ERR_SHMWIRE_CLOSED')).toBe(true)
    })
  })
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code
}
