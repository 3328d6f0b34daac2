import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { LinkEnd } from '../support/link-end.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { eventually, turn, turns } from '../support/turns.js'
import {
  LAST,
  type LinkFixture,
  MESSAGE,
  MESSAGE_BYTES_MAX,
  RING_BYTES,
  UNREAD_BYTES_MAX,
} from './link-fixture.js'

/** The end of links, the release of their resources, and their counters. */
export function linkEndAndCounters(fixture: LinkFixture): void {
  const { name, pattern } = fixture

  describe(`${name} link: the end`, () => {
    it('comes without an error when both sides have ended, after all that was written', async () => {
      const [left, right] = await fixture.joinStarted()
      for (let index = 0; index < 3_000; index += 1) {
        left.send(MESSAGE, index, pattern.message(index))
        right.send(MESSAGE, index, pattern.message(index))
      }
      endAfterLast(left, right)
      for (const end of [left, right]) {
        await end.closed()
        expect(end.closes).toEqual([undefined])
        expect(end.received.pop()?.kind).toBe(LAST)
        fixture.expectMessages(end, 3_000)
      }
    })

    it('comes without an error although one side pauses when the other ends', async () => {
      const [left, right] = await fixture.joinStarted()
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
      fixture.expectMessages(right, 20)
    })

    it('destroy ends the peer with PEER_GONE, after an unbroken run of the written records', async () => {
      const [left, right] = await fixture.joinStarted()
      let written = 0
      while (written < 40 && left.link.write(MESSAGE, written, pattern.slice(written, 500), 0) >= 0)
        written += 1
      left.link.destroy()
      left.link.destroy()
      await right.closed()
      expect(right.closes).toMatchObject([{ code: ErrorCode.PEER_GONE }])
      if (fixture.implementation.deliversAfterDestroy) expect(right.received.length).toBe(40)
      expect(right.received.map(({ id }) => id)).toEqual(Array.from(right.received.keys()))
      expect(right.received.every(({ id, payload }) => payload.equals(pattern.slice(id, 500)))).toBe(true)
      await turns(5)
      expect(left.closes).toEqual([])
      expect(left.received).toEqual([])
    })

    it('destroy ends a paused peer, after all written records', async () => {
      const [left, right] = await fixture.joinStarted()
      right.onRecord = () => false
      left.send(MESSAGE, 0, pattern.slice(0, 500))
      await right.until(() => right.received.length === 1)
      for (let index = 1; index < 40; index += 1) left.send(MESSAGE, index, pattern.slice(index, 500))
      await turns(10)
      expect(right.received.length).toBe(1)
      left.link.destroy()
      await turns(10)
      // A socket that is not read does not report its close.
      while (right.closes.length === 0) {
        right.link.resume()
        await turn()
      }
      expect(right.closes).toMatchObject([{ code: ErrorCode.PEER_GONE }])
      // A turn is enough for a socket to be flushed.
      expect(right.received.map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, index) => index))
      expect(right.received.every(({ id, payload }) => payload.equals(pattern.slice(id, 500)))).toBe(true)
    })

    it('destroy during a batch stops it', async () => {
      const [left, right] = await fixture.joinStarted()
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

    it('destroy during a drain is allowed', async () => {
      const [left, right] = await fixture.join()
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

    it('the peer of a destroyed link ends although it waits for room', async () => {
      const [left, right] = await fixture.joinStarted()
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

    it('the peer of a destroyed link ends although it pauses and waits for room', async () => {
      const [left, right] = await fixture.joinStarted()
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

    it('releases every descriptor and mapping, after an end and after a destroy', async () => {
      const use = async (finish: (left: LinkEnd, right: LinkEnd) => Promise<void>): Promise<void> => {
        const [left, right] = await fixture.joinStarted()
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
      const before = await resourcesOnceCollected()
      for (let round = 0; round < 10; round += 1) await use(round % 2 === 0 ? destroy : end)
      await expectResources(before)
    })
  })

  describe(`${name} link: beside the records`, () => {
    it('ref and unref change nothing for a process that lives on', async () => {
      const [left, right] = await fixture.joinStarted()
      for (let index = 0; index < 200; index += 1) {
        if (index % 2 === 0) left.link.unref()
        else left.link.ref()
        if (index % 3 === 0) right.link.unref()
        left.send(MESSAGE, index, pattern.message(index))
        if (index % 20 === 0) await turns(2)
      }
      await right.until(() => right.received.length === 200)
      fixture.expectMessages(right, 200)
    })

    it('the counters show a full link and an empty one', async () => {
      const [left, right] = await fixture.join()
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
      const [left] = await fixture.joinStarted()
      left.link.destroy()
      expect(left.link.stats()).toMatchObject({ spins: expect.any(Number) as number })
    })
  })
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
