import { describe, expect, it } from 'vitest'
import type { LinkEnd } from '../support/link-end.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { turn, turns } from '../support/turns.js'
import { type LinkFixture, MESSAGE, RING_BYTES, UNREAD_BYTES_MAX } from './link-fixture.js'

/** Back-pressure and pauses. */
export function linkFlow(fixture: LinkFixture): void {
  const { inlineBytesMax, name, pattern } = fixture

  describe(`${name} link: back-pressure`, () => {
    /** Writes until the link has had no room for a long time. Returns how many records it took. */
    async function fill(end: LinkEnd): Promise<number> {
      let count = 0
      let bytes = 0
      for (let refusals = 0; refusals < 50; ) {
        const payload = pattern.slice(count, 1_000)
        const offset = end.link.write(MESSAGE, count, payload, 0)
        if (offset === payload.length) {
          refusals = 0
          count += 1
          bytes += payload.length
          if (bytes > UNREAD_BYTES_MAX) throw new Error(`the link accepted ${bytes} bytes without a reader`)
          continue
        }
        expect(offset).toBe(-1)
        refusals += 1
        await turn()
      }
      return count
    }

    function expectFilled(end: LinkEnd, count: number): void {
      const wrong = end.received
        .slice(0, count)
        .findIndex(({ id, payload }, index) => id !== index || !payload.equals(pattern.slice(index, 1_000)))
      expect(wrong).toBe(-1)
    }

    it('stops the writer while the peer has not started, and drain follows once it reads', async () => {
      const [left, right] = await fixture.join()
      left.start()
      const count = await fill(left)
      expect(count).toBeGreaterThan(0)
      expect(left.link.stats().fullWaits).toBeGreaterThan(0)
      const drains = left.drains
      right.start()
      await left.until(() => left.drains > drains)
      await right.until(() => right.received.length === count)
      expectFilled(right, count)
      expect(left.link.write(MESSAGE, 0, pattern.slice(0, 1_000), 0)).toBe(1_000)
    })

    it('stops both writers while neither side reads, then lets both continue', async () => {
      const ends = await fixture.joinStarted()
      for (const end of ends) end.onRecord = () => false
      const counts = await Promise.all(ends.map((end) => fill(end)))
      for (const { received } of ends) expect(received.length).toBe(1)
      const drains = ends.map((end) => end.drains)
      for (const end of ends) {
        end.onRecord = () => true
        end.link.resume()
      }
      for (const [index, end] of ends.entries()) {
        const count = counts[1 - index] as number
        await end.until(() => end.received.length === count)
        expectFilled(end, count)
        await end.until(() => end.drains > (drains[index] as number))
      }
    })

    it('writes an inline payload whole or not at all, and never a byte too many', async () => {
      const [left, right] = await fixture.joinStarted()
      right.onRecord = () => false
      const lengths: number[] = []
      let refused = 0
      while (refused < 200) {
        const bytes = [0, 1, 4_000, inlineBytesMax][lengths.length % 4] as number
        const offset = left.link.write(MESSAGE, lengths.length, pattern.slice(lengths.length, bytes), 0)
        expect([-1, bytes]).toContain(offset)
        if (offset === bytes) lengths.push(bytes)
        else {
          refused += 1
          await turn()
        }
      }
      right.onRecord = () => true
      right.link.resume()
      await right.until(() => right.received.length === lengths.length)
      expect(right.received.map(({ payload }) => payload.length)).toEqual(lengths)
    })

    it('carries a message of ten rings in parts to a reader that pauses at every record', async () => {
      const [left, right] = await fixture.joinStarted()
      right.onRecord = () => {
        setTimeout(() => right.link.resume(), 1)
        return false
      }
      for (let index = 0; index < 6; index += 1) {
        left.send(MESSAGE, index, pattern.slice(index, index % 2 === 0 ? 10 * RING_BYTES : 10))
      }
      await right.until(() => right.received.length === 6)
      for (const [index, { payload }] of right.received.entries()) {
        expect(payload.equals(pattern.slice(index, index % 2 === 0 ? 10 * RING_BYTES : 10))).toBe(true)
      }
    })
  })

  describe(`${name} link: pause`, () => {
    it('begins with the very record that was answered with false, and ends with resume', async () => {
      const [left, right] = await fixture.joinStarted()
      right.onRecord = ({ id }) => id % 10 !== 9
      for (let index = 0; index < 100; index += 1) left.send(MESSAGE, index, pattern.message(index))
      for (let count = 10; count <= 100; count += 10) {
        await right.until(() => right.received.length >= count)
        await turns(10)
        expect(right.received.length).toBe(count)
        right.link.resume()
      }
      fixture.expectMessages(right, 100)
    })

    it('does not keep this side from writing', async () => {
      const [left, right] = await fixture.joinStarted()
      left.onRecord = () => false
      right.send(MESSAGE, 0, pattern.message(0))
      right.send(MESSAGE, 1, pattern.message(1))
      await left.until(() => left.received.length === 1)
      for (let index = 0; index < 1_000; index += 1) left.send(MESSAGE, index, pattern.message(index))
      await right.until(() => right.received.length === 1_000)
      fixture.expectMessages(right, 1_000)
      expect(left.received.length).toBe(1)
      left.onRecord = () => true
      left.link.resume()
      await left.until(() => left.received.length === 2)
    })

    it('resume without a pause changes nothing', async () => {
      const [left, right] = await fixture.joinStarted()
      for (let index = 0; index < 50; index += 1) {
        left.send(MESSAGE, index, pattern.message(index))
        right.link.resume()
        if (index % 10 === 0) await turn()
      }
      await right.until(() => right.received.length === 50)
      await turns(5)
      fixture.expectMessages(right, 50)
    })

    it('of random length at random records loses, doubles and moves nothing', async () => {
      const seed = newSeed('pauses')
      const random = randomFrom(seed)
      const ends = await fixture.joinStarted()
      const count = 5_000
      for (const end of ends) {
        end.onRecord = () => {
          if (random() > 0.05) return true
          if (random() < 0.5) setImmediate(() => end.link.resume())
          else setTimeout(() => end.link.resume(), integerFrom(random, 0, 2))
          return false
        }
      }
      for (let index = 0; index < count; index += 1)
        for (const end of ends) end.send(MESSAGE, index, pattern.message(index))
      for (const end of ends) {
        await end.until(() => end.received.length === count)
        fixture.expectMessages(end, count)
      }
    })
  })
}
