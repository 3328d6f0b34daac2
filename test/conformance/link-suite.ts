import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { Link } from '../../src/link/link.js'
import { LinkEnd } from '../support/link-end.js'
import type { JoinLinks, LinkPairOptions } from '../support/link-pairs.js'
import { mixedLengths, Pattern } from '../support/pattern.js'
import { resourcesOf } from '../support/process-resources.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { eventually, turn, turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { linkSoak } from './link-soak.js'

/** A link implementation, as far as the contract leaves it free. */
export interface LinkImplementation {
  readonly name: string
  readonly join: JoinLinks
  /** The longest payload that is written whole or not at all, for a ring of so many bytes. */
  inlineBytesMax(ringBytes: number): number
  /** Whether what was written reaches the peer although the writer's side is destroyed right behind it. */
  readonly deliversAfterDestroy: boolean
}

const RING_BYTES = 64 * 1024
const MESSAGE_BYTES_MAX = 16 * RING_BYTES + 3
/** What a writer may get rid of while nobody reads: rings, socket buffers, chunks; far from "everything". */
const UNREAD_BYTES_MAX = 32 * 1024 * 1024

const MESSAGE = 1
const LAST = 6

/** Everything that the contract in src/link/link.ts promises. */
export function linkSuite(implementation: LinkImplementation): void {
  const { name } = implementation
  const inlineBytesMax = implementation.inlineBytesMax(RING_BYTES)
  const pattern = new Pattern(newSeed(`link ${name}`), MESSAGE_BYTES_MAX, mixedLengths(inlineBytesMax, 4 * RING_BYTES))
  const links: Link[] = []

  afterEach(() => {
    for (const link of links.splice(0)) link.destroy()
  })

  /** Two ends; `start()` them in the test. */
  async function join(options: Partial<LinkPairOptions> = {}): Promise<[LinkEnd, LinkEnd]> {
    const pair = await implementation.join({
      ringBytes: RING_BYTES,
      maxMessageBytes: MESSAGE_BYTES_MAX,
      ...options,
    })
    links.push(...pair)
    return [new LinkEnd(pair[0]), new LinkEnd(pair[1])]
  }

  async function joinStarted(options: Partial<LinkPairOptions> = {}): Promise<[LinkEnd, LinkEnd]> {
    const [left, right] = await join(options)
    return [left.start(), right.start()]
  }

  function expectMessages(end: LinkEnd, count: number, from = 0): void {
    expect(end.received.length - from).toBe(count)
    for (let index = 0; index < count; index += 1) {
      const { id, payload } = end.received[from + index] as { id: number; payload: Buffer }
      if (id !== index || !payload.equals(pattern.message(index))) {
        throw new Error(`record ${index} is ${id}, of ${payload.length} bytes, not ${pattern.message(index).length}`)
      }
    }
  }

  /** Ends both links as the channel does: each when it has had the other's last record and has written its own. */
  function endAfterLast(left: LinkEnd, right: LinkEnd): void {
    for (const end of [left, right]) {
      end.onRecord = ({ kind }) => {
        // At once where it can be: the link may be about to close.
        if (kind === LAST && end.idle) end.link.end()
        else if (kind === LAST) void end.until(() => end.idle).then(() => end.link.end())
        return true
      }
      end.send(LAST, 0, new Uint8Array(0))
    }
  }

  describe(`${name} link: records`, () => {
    it('arrive in the order of writing, with their kinds and ids, in both directions at once', async () => {
      const ends = await joinStarted()
      const count = 10_000
      const idOf = (index: number): number => Math.imul(index, 0x9e3779b1) >>> 0
      const kindOf = (index: number): number => 1 + (index % 255)
      for (let index = 0; index < count; index += 1) {
        for (const end of ends) end.send(kindOf(index), idOf(index), pattern.slice(index, index % 50))
      }
      for (const end of ends) await end.until(() => end.received.length === count)
      for (const { received } of ends) {
        const wrong = received.findIndex(
          ({ kind, id, payload }, index) =>
            kind !== kindOf(index) || id !== idOf(index) || !payload.equals(pattern.slice(index, index % 50)),
        )
        expect(wrong).toBe(-1)
      }
    })

    it.each([
      ['no byte', 0],
      ['one byte', 1],
      ['a byte less than an alignment', 15],
      ['an alignment', 16],
      ['the longest inline payload', inlineBytesMax],
      ['one byte more than that', inlineBytesMax + 1],
      ['the ring less a byte', RING_BYTES - 1],
      ['the ring', RING_BYTES],
      ['the ring and a byte', RING_BYTES + 1],
      ['ten rings', 10 * RING_BYTES],
      ['the longest message', MESSAGE_BYTES_MAX],
    ])('of %s arrive whole, several in a row, with short ones in between', async (_what, bytes) => {
      const [left, right] = await joinStarted()
      for (let index = 0; index < 8; index += 1) {
        left.send(MESSAGE, index, pattern.slice(index, index % 2 === 0 ? bytes : index))
        right.send(MESSAGE, index, pattern.slice(index, index % 2 === 0 ? bytes : index))
      }
      for (const end of [left, right]) {
        await end.until(() => end.received.length === 8)
        for (const [index, { id, payload }] of end.received.entries()) {
          expect(id).toBe(index)
          expect(payload.equals(pattern.slice(index, index % 2 === 0 ? bytes : index))).toBe(true)
        }
      }
    })

    it('wait until the link is started', async () => {
      const [left, right] = await join()
      left.start()
      left.send(MESSAGE, 0, pattern.message(0))
      await turns(20)
      right.start()
      await right.until(() => right.received.length === 1)
      expectMessages(right, 1)
    })

    it('may be written over by the caller as soon as write returns', async () => {
      const [left, right] = await joinStarted()
      const sizes = [1, 100, inlineBytesMax, 5, RING_BYTES, 64, 4 * RING_BYTES]
      for (const [index, bytes] of sizes.entries()) {
        const memory = Buffer.from(pattern.slice(index, bytes))
        for (let offset = -1; offset !== bytes; ) {
          const drains = left.drains
          const before = Math.max(offset, 0)
          const after = left.link.write(MESSAGE, index, memory, before)
          if (after >= 0) {
            memory.fill(0xee, before, after)
            offset = after
          }
          if (after !== bytes) await left.until(() => left.drains > drains)
        }
      }
      await right.until(() => right.received.length === sizes.length)
      for (const [index, { payload }] of right.received.entries()) {
        expect(payload.equals(pattern.slice(index, sizes[index] as number))).toBe(true)
      }
    })

    it('are memory of their own: what came before stays as it was, whatever comes and is written behind it', async () => {
      const [left, right] = await joinStarted()
      const count = 6_000
      // The receiver may write to what it got; every other record must not notice.
      right.onRecord = ({ id, payload }) => {
        if (id % 3 === 0) payload.fill(0xaa)
        return true
      }
      for (let index = 0; index < count; index += 1) left.send(MESSAGE, index, pattern.message(index))
      await right.until(() => right.received.length === count)
      const altered = right.received.findIndex(({ id, payload }) =>
        id % 3 === 0
          ? payload.length !== pattern.message(id).length || payload.some((byte) => byte !== 0xaa)
          : !payload.equals(pattern.message(id)),
      )
      expect(altered).toBe(-1)
    })
  })

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
          if (bytes > UNREAD_BYTES_MAX) throw new Error(`the link took ${bytes} bytes that nobody reads`)
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
      const [left, right] = await join()
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

    it('stops both writers when neither side reads, and lets both go on', async () => {
      const ends = await joinStarted()
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
      const [left, right] = await joinStarted()
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
      const [left, right] = await joinStarted()
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
      const [left, right] = await joinStarted()
      right.onRecord = ({ id }) => id % 10 !== 9
      for (let index = 0; index < 100; index += 1) left.send(MESSAGE, index, pattern.message(index))
      for (let count = 10; count <= 100; count += 10) {
        await right.until(() => right.received.length >= count)
        await turns(10)
        expect(right.received.length).toBe(count)
        right.link.resume()
      }
      expectMessages(right, 100)
    })

    it('does not keep this side from writing', async () => {
      const [left, right] = await joinStarted()
      left.onRecord = () => false
      right.send(MESSAGE, 0, pattern.message(0))
      right.send(MESSAGE, 1, pattern.message(1))
      await left.until(() => left.received.length === 1)
      for (let index = 0; index < 1_000; index += 1) left.send(MESSAGE, index, pattern.message(index))
      await right.until(() => right.received.length === 1_000)
      expectMessages(right, 1_000)
      expect(left.received.length).toBe(1)
      left.onRecord = () => true
      left.link.resume()
      await left.until(() => left.received.length === 2)
    })

    it('resume without a pause changes nothing', async () => {
      const [left, right] = await joinStarted()
      for (let index = 0; index < 50; index += 1) {
        left.send(MESSAGE, index, pattern.message(index))
        right.link.resume()
        if (index % 10 === 0) await turn()
      }
      await right.until(() => right.received.length === 50)
      await turns(5)
      expectMessages(right, 50)
    })

    it('of random length at random records loses, doubles and moves nothing', async () => {
      const seed = newSeed('pauses')
      const random = randomFrom(seed)
      const ends = await joinStarted()
      const count = 5_000
      for (const end of ends) {
        end.onRecord = () => {
          if (random() > 0.05) return true
          if (random() < 0.5) setImmediate(() => end.link.resume())
          else setTimeout(() => end.link.resume(), integerFrom(random, 0, 2))
          return false
        }
      }
      for (let index = 0; index < count; index += 1) for (const end of ends) end.send(MESSAGE, index, pattern.message(index))
      for (const end of ends) {
        await end.until(() => end.received.length === count)
        expectMessages(end, count)
      }
    })
  })

  describe(`${name} link: a listener that throws`, () => {
    it('loses no record, and its exceptions are uncaught ones', async () => {
      const [left, right] = await joinStarted()
      const thrown = await collectUncaught(async () => {
        right.onRecord = ({ id }) => {
          if (id % 7 === 0) throw new Error(`no ${id}`)
          return true
        }
        for (let index = 0; index < 200; index += 1) left.send(MESSAGE, index, pattern.message(index))
        // Three long ones, because they take a way of their own.
        for (let index = 200; index < 203; index += 1) left.send(MESSAGE, index * 7, pattern.slice(index, 2 * RING_BYTES))
        await right.until(() => right.received.length === 203)
        await turns(3)
      })
      expect(right.received.slice(0, 200).map(({ id }) => id)).toEqual(Array.from({ length: 200 }, (_, index) => index))
      expect(thrown.map((error) => (error as Error).message)).toEqual(
        [...Array.from({ length: 29 }, (_, index) => index * 7), 1400, 1407, 1414].map((id) => `no ${id}`),
      )
    })
  })

  describe(`${name} link: the end`, () => {
    it('comes without an error when both sides have ended, after all that was written', async () => {
      const [left, right] = await joinStarted()
      for (let index = 0; index < 3_000; index += 1) {
        left.send(MESSAGE, index, pattern.message(index))
        right.send(MESSAGE, index, pattern.message(index))
      }
      endAfterLast(left, right)
      for (const end of [left, right]) {
        await end.closed()
        expect(end.closes).toEqual([undefined])
        expect(end.received.pop()?.kind).toBe(LAST)
        expectMessages(end, 3_000)
      }
    })

    it('comes without an error although one side pauses when the other ends', async () => {
      const [left, right] = await joinStarted()
      for (let index = 0; index < 20; index += 1) left.send(MESSAGE, index, pattern.message(index))
      endAfterLast(left, right)
      const onRecord = right.onRecord
      right.onRecord = (record) => onRecord(record) && false
      while (right.closes.length === 0) {
        await turns(3)
        right.link.resume()
      }
      await left.closed()
      expect([left.closes, right.closes]).toEqual([[undefined], [undefined]])
      expect(right.received.pop()?.kind).toBe(LAST)
      expectMessages(right, 20)
    })

    it('destroy tells the peer PEER_GONE, after an unbroken run of what was written', async () => {
      const [left, right] = await joinStarted()
      let written = 0
      while (written < 40 && left.link.write(MESSAGE, written, pattern.slice(written, 500), 0) >= 0) written += 1
      left.link.destroy()
      left.link.destroy()
      await right.closed()
      expect(right.closes).toMatchObject([{ code: ErrorCode.PEER_GONE }])
      if (implementation.deliversAfterDestroy) expect(right.received.length).toBe(40)
      expect(right.received.map(({ id }) => id)).toEqual(Array.from(right.received.keys()))
      expect(right.received.every(({ id, payload }) => payload.equals(pattern.slice(id, 500)))).toBe(true)
      await turns(5)
      expect(left.closes).toEqual([])
      expect(left.received).toEqual([])
    })

    it('destroy in the midst of a batch stops it', async () => {
      const [left, right] = await joinStarted()
      right.onRecord = ({ id }) => {
        if (id === 4) right.link.destroy()
        return true
      }
      for (let index = 0; index < 10; index += 1) left.send(MESSAGE, index, pattern.slice(index, 100))
      await left.closed()
      await turns(5)
      expect(right.received.length).toBe(5)
      expect(right.closes).toEqual([])
      expect(left.closes).toMatchObject([{ code: ErrorCode.PEER_GONE }])
    })

    it('destroy during a drain is no fault', async () => {
      const [left, right] = await join()
      left.start()
      const drained = new Promise<void>((resolve) => {
        left.drain = () => {
          left.link.destroy()
          resolve()
        }
      })
      let bytes = 0
      while (left.link.write(MESSAGE, 0, pattern.slice(0, 1_000), 0) >= 0) bytes += 1_000
      expect(bytes).toBeLessThan(UNREAD_BYTES_MAX)
      right.start()
      await drained
      await right.closed()
      expect(right.closes).toMatchObject([{ code: ErrorCode.PEER_GONE }])
    })

    it('the peer of a destroyed link is told although it waits for room', async () => {
      const [left, right] = await joinStarted()
      right.onRecord = () => false
      // More than any buffer holds: the writer waits when the reader goes.
      for (let index = 0; index < UNREAD_BYTES_MAX / MESSAGE_BYTES_MAX; index += 1) {
        left.send(MESSAGE, index, pattern.slice(index, MESSAGE_BYTES_MAX))
      }
      await turns(10)
      expect(left.idle).toBe(false)
      right.link.destroy()
      await left.closed()
      expect(left.closes).toMatchObject([{ code: ErrorCode.PEER_GONE }])
    })

    it('the peer of a destroyed link is told although it pauses and waits for room', async () => {
      const [left, right] = await joinStarted()
      left.onRecord = () => false
      right.onRecord = () => false
      for (let index = 0; index < UNREAD_BYTES_MAX / MESSAGE_BYTES_MAX; index += 1) {
        left.send(MESSAGE, index, pattern.slice(index, MESSAGE_BYTES_MAX))
      }
      right.send(MESSAGE, 0, pattern.message(0))
      await left.until(() => left.received.length === 1)
      await turns(10)
      right.link.destroy()
      await left.closed()
      expect(left.closes).toMatchObject([{ code: ErrorCode.PEER_GONE }])
    })

    it('gives back every descriptor and mapping, after an end as after a destroy', async () => {
      const use = async (finish: (left: LinkEnd, right: LinkEnd) => Promise<void>): Promise<void> => {
        const [left, right] = await joinStarted()
        for (let index = 0; index < 100; index += 1) left.send(MESSAGE, index, pattern.message(index))
        await right.until(() => right.received.length === 100)
        await finish(left, right)
      }
      const destroy = async (left: LinkEnd, right: LinkEnd): Promise<void> => {
        left.link.destroy()
        await right.closed()
      }
      const end = async (left: LinkEnd, right: LinkEnd): Promise<void> => {
        endAfterLast(left, right)
        await Promise.all([left.closed(), right.closed()])
      }
      await use(destroy)
      await turns(10)
      const before = resourcesOf()
      for (let round = 0; round < 10; round += 1) await use(round % 2 === 0 ? destroy : end)
      await eventually(() => resourcesOf().descriptors.length <= before.descriptors.length)
      expect(resourcesOf()).toEqual(before)
    })
  })

  describe(`${name} link: beside the records`, () => {
    it('ref and unref change nothing for a process that lives on', async () => {
      const [left, right] = await joinStarted()
      for (let index = 0; index < 200; index += 1) {
        if (index % 2 === 0) left.link.unref()
        else left.link.ref()
        if (index % 3 === 0) right.link.unref()
        left.send(MESSAGE, index, pattern.message(index))
        if (index % 20 === 0) await turns(2)
      }
      await right.until(() => right.received.length === 200)
      expectMessages(right, 200)
    })

    it('the counters tell of a full link and of an empty one', async () => {
      const [left, right] = await join()
      left.start()
      while (left.link.write(MESSAGE, 0, pattern.slice(0, 1_000), 0) >= 0) {}
      const full = left.link.stats()
      expect(full.fullWaits).toBe(1)
      expect(full.depthBytes).toBeGreaterThan(RING_BYTES / 2)
      expect(full.highWaterBytes).toBeGreaterThanOrEqual(full.depthBytes)
      right.start()
      await left.until(() => left.drains > 0)
      await eventually(() => left.link.stats().depthBytes === 0)
      expect(left.link.stats().highWaterBytes).toBe(full.highWaterBytes)
    })

    it('may be asked for its counters after its end', async () => {
      const [left] = await joinStarted()
      left.link.destroy()
      expect(left.link.stats()).toMatchObject({ spins: expect.any(Number) as number })
    })
  })

  linkSoak(implementation, join)
}
