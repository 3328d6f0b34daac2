import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { endsBatch, RecordKind } from '../../src/wire/record-kind.js'
import { turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { type LinkFixture, MESSAGE, MESSAGE_BYTES_MAX, RING_BYTES } from './link-fixture.js'

/** Records of a link: order, sizes, and ownership of their memory. */
export function linkRecords(fixture: LinkFixture): void {
  const { inlineBytesMax, name, pattern } = fixture

  describe(`${name} link: records`, () => {
    it('arrive in the order of writing, with their kinds and ids, in both directions at once', async () => {
      const ends = await fixture.joinStarted()
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
      const [left, right] = await fixture.joinStarted()
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
      const [left, right] = await fixture.join()
      left.start()
      left.send(MESSAGE, 0, pattern.message(0))
      await turns(20)
      right.start()
      await right.until(() => right.received.length === 1)
      fixture.expectMessages(right, 1)
    })

    it('may be overwritten by the caller as soon as write returns', async () => {
      const [left, right] = await fixture.joinStarted()
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

    it('own their memory: later records and writes do not change earlier ones', async () => {
      const [left, right] = await fixture.joinStarted()
      const count = 6_000
      // The receiver may write to a record; no other record may change.
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

  describe(`${name} link: a batch of messages`, () => {
    it('ends before each record of another kind, which follows although the end throws', async () => {
      const [left, right] = await fixture.joinStarted()
      const { MESSAGE: message, REQUEST: request, CODEC: note } = RecordKind
      const kinds = Array.from(
        { length: 300 },
        (_, index) => [message, note, message, request, request][index % 5] as number,
      )
      /** Kinds of the records since the last end of a batch. */
      let batch: number[] = []
      const faults: number[] = []
      right.onRecord = ({ kind, id }) => {
        if (endsBatch(kind) && batch.includes(message)) faults.push(id)
        batch.push(kind)
        return true
      }
      right.onBatchEnd = () => {
        const ended = batch
        batch = []
        if (ended.includes(message)) throw new Error('batch end')
      }
      const thrown = await collectUncaught(async () => {
        for (const [index, kind] of kinds.entries()) left.send(kind, index, pattern.slice(index, 50))
        await right.until(() => right.received.length === kinds.length)
        await turns(3)
      })
      expect(faults).toEqual([])
      expect(right.received.map(({ kind }) => kind)).toEqual(kinds)
      expect(thrown.length).toBeGreaterThanOrEqual(kinds.length / 5)
    })
  })

  describe(`${name} link: a listener that throws`, () => {
    it('loses no record, and its exceptions become uncaught exceptions', async () => {
      const [left, right] = await fixture.joinStarted()
      const thrown = await collectUncaught(async () => {
        right.onRecord = ({ id }) => {
          if (id % 7 === 0) throw new Error(`no ${id}`)
          return true
        }
        for (let index = 0; index < 200; index += 1) left.send(MESSAGE, index, pattern.message(index))
        // Three long messages, because they take another path.
        for (let index = 200; index < 203; index += 1)
          left.send(MESSAGE, index * 7, pattern.slice(index, 2 * RING_BYTES))
        await right.until(() => right.received.length === 203)
        await turns(3)
      })
      expect(right.received.slice(0, 200).map(({ id }) => id)).toEqual(
        Array.from({ length: 200 }, (_, index) => index),
      )
      expect(thrown.map((error) => (error as Error).message)).toEqual(
        [...Array.from({ length: 29 }, (_, index) => index * 7), 1400, 1407, 1414].map((id) => `no ${id}`),
      )
    })

    it('does not block the room for its own side, or the end, in order or not', async () => {
      const COUNT = 300
      for (const inOrder of [true, false]) {
        const ends = await fixture.joinStarted()
        const thrown = await collectUncaught(async () => {
          for (const end of ends) {
            const fail = (what: string) => (): never => {
              throw new Error(what)
            }
            end.onRecord = fail('record')
            end.onBatchEnd = fail('batch end')
            end.onDrain = fail('drain')
            // More than fits into the link, so each side waits for the other.
            for (let index = 0; index < COUNT; index += 1)
              end.send(MESSAGE, index, pattern.slice(index, 60_000))
          }
          await Promise.all(ends.map((end) => end.until(() => end.received.length === COUNT)))
          if (inOrder) for (const { link } of ends) link.end()
          else ends[0].link.destroy()
          await Promise.all(ends.slice(inOrder ? 0 : 1).map((end) => end.closed()))
        })
        const ids = Array.from({ length: COUNT }, (_, index) => index)
        for (const { received } of ends) expect(received.map(({ id }) => id)).toEqual(ids)
        expect(ends[1].closes.map((error) => error?.code)).toEqual([
          inOrder ? undefined : ErrorCode.PEER_GONE,
        ])
        expect(new Set(thrown.map((error) => (error as Error).message))).toContain('drain')
      }
    })

    it('does not stop records that arrived in pieces during a pause, from batchEnd', async () => {
      const [left, right] = await fixture.joinStarted()
      const thrown = await collectUncaught(async () => {
        right.onRecord = ({ id }) => id !== 0
        right.onBatchEnd = () => {
          throw new Error('batch end')
        }
        left.send(MESSAGE, 0, pattern.slice(0, 2_000))
        await right.until(() => right.received.length === 1)
        // A short piece, and behind it one that fills the buffer of a stream.
        left.send(MESSAGE, 1, pattern.slice(1, 2_000))
        await turns(20)
        for (let index = 2; index < 40; index += 1) left.send(MESSAGE, index, pattern.slice(index, 40_000))
        await turns(20)
        right.link.resume()
        await right.until(() => right.received.length === 40)
        // Pending callbacks of a stream would delay the end.
        for (const { link } of [left, right]) link.end()
        for (const end of [left, right]) await end.closed()
      })
      expect(right.received.map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, id) => id))
      expect(right.closes).toEqual([undefined])
      expect(new Set(thrown.map(String))).toEqual(new Set(['Error: batch end']))
    })

    it('does not block the end behind it, from drain', async () => {
      const [left, right] = await fixture.joinStarted()
      let drains = 0
      const thrown = await collectUncaught(async () => {
        left.onDrain = () => {
          drains += 1
          throw new Error('drain')
        }
        // More than the system accepts at once.
        right.onRecord = ({ id }) => id !== 0
        for (let index = 0; index < 100; index += 1) left.send(MESSAGE, index, pattern.slice(index, 200_000))
        await right.until(() => right.received.length === 1)
        await turns(20)
        right.link.resume()
        await right.until(() => right.received.length === 100)
        await left.until(() => left.idle && drains > 0)
        for (const { link } of [left, right]) link.end()
        for (const end of [left, right]) await end.closed()
      })
      expect(thrown).toHaveLength(drains)
      expect(left.closes).toEqual([undefined])
    })

    it('does not block an end that arrives during a pause', async () => {
      const [left, right] = await fixture.joinStarted()
      const thrown = await collectUncaught(async () => {
        right.onRecord = ({ id }) => id !== 10
        right.onBatchEnd = () => {
          if (right.received.length > 11) throw new Error('batch end')
        }
        // All of it must fit: waiting records are not sent when their side ends.
        for (let index = 0; index < 20; index += 1) left.send(MESSAGE, index, pattern.slice(index, 100))
        expect(left.idle).toBe(true)
        await right.until(() => right.received.length === 11)
        for (const { link } of [left, right]) link.end()
        right.link.resume()
        await right.closed()
      })
      expect(right.received).toHaveLength(20)
      expect(right.closes).toEqual([undefined])
      expect(thrown.map(String)).toContain('Error: batch end')
    })
  })
}
