import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/channel/channel.js'
import { eventually } from '../support/turns.js'
import { type ChannelFixture, ended } from './channel-fixture.js'

/** The least time of a listener for each message. */
const LISTENER_MS = 0.1

/** A turn lasts a millisecond, but no link reads the clock for each record. */
const MESSAGES_PER_TURN_MAX = 160

/** Counts the messages of a slow listener, and their maximum in one turn of the event loop. */
class SlowListener {
  readonly messages: unknown[] = []
  inTurnMax = 0
  #inTurn = 0
  readonly #onMessage: () => void

  constructor(onMessage: () => void = () => {}) {
    this.#onMessage = onMessage
  }

  listen(channel: Channel): this {
    const countTurns = (): void => {
      this.#inTurn = 0
      if (channel.listenerCount('message') > 0) setImmediate(countTurns)
    }
    channel.on('message', this.#take)
    channel.once('close', () => channel.removeAllListeners('message'))
    setImmediate(countTurns)
    return this
  }

  readonly #take = (message: unknown): void => {
    const endMs = performance.now() + LISTENER_MS
    this.messages.push(message)
    this.#inTurn += 1
    this.inTurnMax = Math.max(this.inTurnMax, this.#inTurn)
    while (performance.now() < endMs);
    this.#onMessage()
  }
}

const integers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** Delivery in one turn of the event loop. */
export function channelTurns(fixture: ChannelFixture): void {
  const { name } = fixture

  async function sendAll(channel: Channel, count: number): Promise<void> {
    await Promise.all(integers(count).map((value) => channel.send(value)))
  }

  describe(`channel over ${name}: turns`, () => {
    it('are bounded: a slow listener receives many messages in several turns, in order', async () => {
      const [left, right] = await fixture.join()
      const listener = new SlowListener().listen(right)
      await sendAll(left, 1_500)
      await eventually(() => listener.messages.length === 1_500)
      expect(listener.messages).toEqual(integers(1_500))
      expect(listener.inTurnMax).toBeLessThan(MESSAGES_PER_TURN_MAX)
      await left.close()
    })

    it('are bounded for held messages, which precede later ones and the end', async () => {
      const [left, right] = await fixture.join()
      await sendAll(left, 256)
      // All of them are held now.
      await eventually(() => right.stats().messagesReceived === 256)
      const later = integers(100).map((value) => left.send(256 + value))
      let openUntil = 0
      const listener = new SlowListener(() => {
        if (right.open) openUntil = listener.messages.length
      }).listen(right)
      const closed = left.close()
      const rightEnded = ended(right).then(() => listener.messages.length)
      expect(await rightEnded).toBe(356)
      await Promise.all([closed, ...later])
      expect(listener.messages).toEqual(integers(356))
      expect(openUntil).toBeGreaterThan(0)
      expect(listener.inTurnMax).toBeLessThan(MESSAGES_PER_TURN_MAX)
    })

    it('continue with held messages after a listener removed itself', async () => {
      const [left, right] = await fixture.join()
      await sendAll(left, 200)
      await eventually(() => right.stats().messagesReceived === 200)
      const seen: unknown[] = []
      const first = (message: unknown): void => {
        seen.push(message)
        if (seen.length < 50) return
        right.off('message', first)
        setImmediate(() => right.on('message', (next) => seen.push(next)))
      }
      right.on('message', first)
      await eventually(() => seen.length === 200)
      expect(seen).toEqual(integers(200))
      await left.close()
    })
  })
}
