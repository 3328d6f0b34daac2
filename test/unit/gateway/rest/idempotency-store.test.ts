import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type IdempotencyEntry,
  MemoryIdempotencyStore,
  type StoredAnswer,
} from '../../../../src/gateway/rest/idempotency-store.js'

const BOUNDS = { ttlMs: 1_000, entriesMax: 4, bytesMax: 100 }

function entryOf(id: string, owner = 'ada'): IdempotencyEntry {
  return { id, fingerprint: `fingerprint of ${id}`, owner }
}

function answerOf(bytes: number): StoredAnswer {
  return { status: 200, headers: {}, body: Buffer.alloc(bytes) }
}

describe('MemoryIdempotencyStore', () => {
  it('keeps an answer for its time, then forgets it', () => {
    let now = 0
    const store = new MemoryIdempotencyStore(BOUNDS, () => now)
    const answer = { ...answerOf(10), headers: { etag: '"1"' } }
    store.begin(entryOf('a'))
    now = 5_000
    // A running request has no age.
    expect(store.begin(entryOf('a'))).toEqual({ state: 'running', fingerprint: 'fingerprint of a' })
    store.finish(entryOf('a'), answer)
    expect(store.bytes).toBe(17)
    now = 5_999
    expect(store.begin(entryOf('a'))).toEqual({ state: 'answered', fingerprint: 'fingerprint of a', answer })
    now = 6_000
    expect(store.begin(entryOf('a'))).toEqual({ state: 'new' })
    expect([store.size, store.bytes]).toEqual([1, 0])
  })

  it('leaves half of its entries to other owners', () => {
    const store = new MemoryIdempotencyStore(BOUNDS, () => 0)
    store.begin(entryOf('a'))
    store.begin(entryOf('b'))
    store.finish(entryOf('b'), answerOf(1))
    expect(() => store.begin(entryOf('c'))).toThrow(
      expect.objectContaining({ httpStatus: 429, reason: 'IDEMPOTENCY_STORE_FULL' }),
    )
    expect(store.begin(entryOf('c', 'bob'))).toEqual({ state: 'new' })
    expect(store.begin(entryOf('d', 'eve'))).toEqual({ state: 'new' })
    expect(() => store.begin(entryOf('e', 'eve'))).toThrow(
      expect.objectContaining({ httpStatus: 503, reason: 'IDEMPOTENCY_STORE_FULL' }),
    )
    // Known keys still have their answers.
    expect(store.begin(entryOf('b'))).toMatchObject({ state: 'answered' })
    store.finish(entryOf('d', 'eve'), undefined)
    expect(store.begin(entryOf('e', 'eve'))).toEqual({ state: 'new' })
  })

  it('keeps the key of an answer without room', () => {
    const store = new MemoryIdempotencyStore(BOUNDS, () => 0)
    store.begin(entryOf('a'))
    store.finish(entryOf('a'), answerOf(51))
    expect(store.begin(entryOf('a'))).toMatchObject({ state: 'answered', answer: undefined })
    store.begin(entryOf('b'))
    store.finish(entryOf('b'), answerOf(50))
    expect(store.begin(entryOf('b'))).toMatchObject({ answer: answerOf(50) })
    expect(store.bytes).toBe(50)
  })

  it('ignores the end of an entry that does not run', () => {
    const store = new MemoryIdempotencyStore(BOUNDS, () => 0)
    store.finish(entryOf('a'), answerOf(1))
    expect([store.size, store.bytes]).toEqual([0, 0])
    store.begin(entryOf('a'))
    store.finish(entryOf('a'), answerOf(1))
    store.finish(entryOf('a'), undefined)
    expect(store.begin(entryOf('a'))).toMatchObject({ state: 'answered' })
  })

  it('runs a key once within its time, and stays within its bounds, whatever happens', () => {
    const step = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      action: fc.constantFrom('begin', 'finish', 'drop'),
      bytes: fc.nat(70),
      waitMs: fc.nat(400),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        let now = 0
        const store = new MemoryIdempotencyStore(BOUNDS, () => now)
        const running = new Set<string>()
        const answeredAt = new Map<string, number>()
        for (const { id, action, bytes, waitMs } of steps) {
          now += waitMs
          const entry = entryOf(id, id < 'd' ? 'ada' : 'bob')
          if (action !== 'begin') {
            if (!running.delete(id)) continue
            store.finish(entry, action === 'drop' ? undefined : answerOf(bytes))
            if (action === 'finish') answeredAt.set(id, now)
          } else if (running.has(id)) expect(store.begin(entry).state).toBe('running')
          else if (now - (answeredAt.get(id) ?? -1_000) < 1_000)
            expect(store.begin(entry).state).toBe('answered')
          else {
            try {
              expect(store.begin(entry).state).toBe('new')
              running.add(id)
            } catch (error) {
              expect(error).toMatchObject({ reason: 'IDEMPOTENCY_STORE_FULL' })
            }
          }
          expect(store.size).toBeLessThanOrEqual(4)
          expect(store.bytes).toBeLessThanOrEqual(100)
        }
      }),
    )
  })
})
