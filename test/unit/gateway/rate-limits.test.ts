import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkRate,
  type RateLimitOptions,
  RateLimits,
  rateHeaders,
} from '../../../src/gateway/rate-limits.js'
import { RateTable } from '../../../src/gateway/rate-table.js'

/** A clock that the test sets. It begins at a time with a fraction, as that of Node has. */
function clock(): { now: number; read: () => number } {
  const state = { now: 12_345.678, read: () => state.now }
  return state
}

describe('RateTable', () => {
  it('allows the limit at once, then one request for each interval', () => {
    const table = new RateTable(3, 3_000, 10)
    const start = 1_000.25
    expect([1, 2, 3].map(() => table.count('a', start))).toEqual([
      { allowed: true, remaining: 2, resetMs: 1_000 },
      { allowed: true, remaining: 1, resetMs: 2_000 },
      { allowed: true, remaining: 0, resetMs: 3_000 },
    ])
    expect(table.count('a', start)).toEqual({ allowed: false, remaining: 0, resetMs: 1_000 })
    expect(table.count('a', start + 400)).toEqual({ allowed: false, remaining: 0, resetMs: 600 })
    expect(table.count('a', start + 1_000)).toMatchObject({ allowed: true, remaining: 0 })
    expect(table.count('a', start + 1_000)).toMatchObject({ allowed: false })
    expect(table.count('a', start + 9_000)).toMatchObject({ allowed: true, remaining: 2 })
  })

  it('counts each owner on its own', () => {
    const table = new RateTable(1, 1_000, 10)
    expect(table.count('a', 0).allowed).toBe(true)
    expect(table.count('b', 0).allowed).toBe(true)
    expect(table.count('a', 0).allowed).toBe(false)
  })

  it('keeps an owner over its limit when others fill the table', () => {
    const table = new RateTable(1, 1_000, 100)
    expect(table.count('attacker', 0).allowed).toBe(true)
    for (let other = 0; other < 1_000; other += 1) table.count(`other ${other}`, 1)
    expect(table.size).toBe(100)
    expect(table.count('attacker', 2).allowed).toBe(false)
  })

  it('counts further owners together while it is full, and on their own again later', () => {
    const table = new RateTable(2, 2_000, 3)
    for (const owner of ['a', 'b', 'c']) table.count(owner, 0)
    expect(['d', 'e', 'f'].map((owner) => table.count(owner, 0).allowed)).toEqual([true, true, false])
    expect(table.size).toBe(3)
    // The first three are allowed everything again.
    expect(['d', 'e', 'f'].map((owner) => table.count(owner, 1_500).remaining)).toEqual([1, 1, 1])
    expect(table.size).toBe(3)
  })

  it('removes the owners of a burst one after another', () => {
    const table = new RateTable(1, 1_000, 1_000)
    for (let owner = 0; owner < 1_000; owner += 1) table.count(String(owner), 0)
    for (let request = 0; request < 600; request += 1) table.count('one', 2_000 + request * 2_000)
    expect(table.size).toBe(1)
  })

  it('allows exactly what the rule of the algorithm allows, for any times and owners', () => {
    const step = fc.record({
      owner: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      waitMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3_000, noNaN: true })),
    })
    const limits = fc.record({
      limit: fc.integer({ min: 1, max: 20 }),
      entriesMax: fc.integer({ min: 1, max: 4 }),
    })
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 200 }), ({ limit, entriesMax }, steps) => {
        const windowMs = 2_000
        const table = new RateTable(limit, windowMs, entriesMax)
        const allowedAt = new Map<string, number[]>()
        let now = 12_345.678
        for (const { owner, waitMs } of steps) {
          now += waitMs
          const { allowed, remaining, resetMs } = table.count(owner, now)
          expect(table.size).toBeLessThanOrEqual(entriesMax)
          expect(remaining).toBeLessThan(limit)
          expect(resetMs).toBeGreaterThan(0)
          expect(resetMs).toBeLessThanOrEqual(windowMs + 1)
          if (allowed) allowedAt.set(owner, [...(allowedAt.get(owner) ?? []), now])
        }
        for (const times of allowedAt.values())
          for (const [first, start] of times.entries())
            for (const [last, end] of times.entries())
              if (last >= first) {
                // The limit at once, one for each interval, and as much again if the owner moved from the shared limit to its own.
                const bound = (entriesMax < 5 ? 2 : 1) * (limit + ((end - start) * limit) / windowMs + 0.01)
                expect(last - first + 1).toBeLessThanOrEqual(bound)
              }
      }),
      { numRuns: 100 },
    )
  })

  it('allows the limit at once and one for each interval, never more, while nothing is shared', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.double({ min: 0, max: 1_000, noNaN: true }), { maxLength: 200 }),
        (limit, waits) => {
          const table = new RateTable(limit, 1_000, 1)
          const times: number[] = []
          let now = 1e7 + 0.123
          for (const waitMs of waits) {
            now += waitMs
            if (table.count('a', now).allowed) times.push(now)
          }
          for (const [first, start] of times.entries())
            for (const [more, end] of times.slice(first).entries())
              expect(more + 1).toBeLessThanOrEqual(limit + ((end - start) * limit) / 1_000 + 0.01)
        },
      ),
    )
  })
})

describe('RateLimits', () => {
  const perAddress = { limit: 2, windowMs: 60_000 }

  it('counts an IPv6 network of 64 bits as one client, and a mapped IPv4 address as that address', () => {
    const limits = new RateLimits({ perAddress }, clock().read)
    const remaining = (address: string): number | undefined => limits.countAddress(address)?.remaining
    expect(remaining('2001:db8::1')).toBe(1)
    expect(remaining('2001:db8:0:0:ffff::9')).toBe(0)
    expect(limits.countAddress('2001:db8::2')?.allowed).toBe(false)
    expect(remaining('2001:db8:0:1::1')).toBe(1)
    expect(remaining('192.0.2.1')).toBe(1)
    expect(remaining('::ffff:192.0.2.1')).toBe(0)
    expect(remaining('192.0.2.2')).toBe(1)
    expect(remaining('unknown')).toBe(1)
  })

  it('has no state for what is not limited', () => {
    const limits = new RateLimits({ perAddress })
    expect(limits.countIdentity('ada')).toBeUndefined()
    expect(new RateLimits({ perIdentity: perAddress }).countAddress('192.0.2.1')).toBeUndefined()
  })

  it('counts identities and addresses apart', () => {
    const limits = new RateLimits({ perAddress, perIdentity: { limit: 1, windowMs: 1_000 } }, clock().read)
    expect(limits.countIdentity('192.0.2.1')).toMatchObject({ policy: 'identity', allowed: true })
    expect(limits.countIdentity('192.0.2.1')).toMatchObject({ policy: 'identity', allowed: false })
    expect(limits.countAddress('192.0.2.1')).toMatchObject({ policy: 'address', remaining: 1 })
  })

  it('formats the headers of draft 11', () => {
    const time = clock()
    const limits = new RateLimits({ perAddress, perIdentity: { limit: 1, windowMs: 1_500 } }, time.read)
    const count = (): Record<string, string> =>
      rateHeaders([limits.countAddress('192.0.2.1'), limits.countIdentity('ada')])
    expect(count()).toEqual({
      'ratelimit-policy': '"address";q=2;w=60, "identity";q=1;w=2',
      ratelimit: '"address";r=1;t=30, "identity";r=0;t=2',
    })
    time.now += 100
    expect(count()).toEqual({
      'ratelimit-policy': '"address";q=2;w=60, "identity";q=1;w=2',
      ratelimit: '"address";r=0;t=60, "identity";r=0;t=2',
      'retry-after': '2',
    })
    expect(rateHeaders([undefined])).toEqual({})
  })

  it('refuses with the time to wait, which is then enough', () => {
    const time = clock()
    const limits = new RateLimits({ perIdentity: { limit: 3, windowMs: 10_000 } }, time.read)
    for (let request = 0; request < 3; request += 1) checkRate(limits.countIdentity('ada'))
    const state = limits.countIdentity('ada')
    expect(() => checkRate(state)).toThrow(
      expect.objectContaining({
        status: 'RESOURCE_EXHAUSTED',
        reason: 'RATE_LIMITED',
        details: { policy: 'identity', retryDelayMs: 4_000 },
        message: 'more than 3 requests of the same identity in 10000 ms; repeat it after 4000 ms',
      }),
    )
    expect(rateHeaders([state])).toMatchObject({ ratelimit: '"identity";r=0;t=4', 'retry-after': '4' })
    time.now += 4_000
    expect(limits.countIdentity('ada')?.allowed).toBe(true)
    expect(() => checkRate(undefined)).not.toThrow()
  })

  it.each<[unknown, string]>([
    [7, 'rateLimit is 7; it must be an object'],
    [{}, 'perIdentity, perAddress or both'],
    [{ perAddres: perAddress }, 'did you mean "perAddress"?'],
    [{ perAddress: 7 }, 'rateLimit.perAddress is 7'],
    [{ perAddress: { limit: 1, windowMs: 999 } }, 'rateLimit.perAddress.windowMs is 999'],
    [{ perAddress: { limit: 0, windowMs: 1_000 } }, 'rateLimit.perAddress.limit is 0'],
    [{ perIdentity: { limit: 1 } }, 'rateLimit.perIdentity.windowMs is undefined'],
    [{ perAddress, maxEntries: 0 }, 'rateLimit.maxEntries is 0'],
  ])('rejects the options %j', (options, message) => {
    expect(() => new RateLimits(options as RateLimitOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      }),
    )
  })
})
