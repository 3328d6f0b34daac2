// Each check of `npm run load` fails for what it must find. The short form of the run itself is in long-runs.test.ts.
import { describe, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript
import { lostChanges, openOperations } from '../../scripts/load/checks/call-check.mjs'
// @ts-expect-error: plain JavaScript
import { classifyErrors, faultsOfErrors } from '../../scripts/load/checks/error-check.mjs'
// @ts-expect-error: plain JavaScript
import { checkJobs } from '../../scripts/load/checks/job-check.mjs'
// @ts-expect-error: plain JavaScript
import { leaksOf } from '../../scripts/load/checks/leak-check.mjs'
// @ts-expect-error: plain JavaScript
import { faultsOfSubscription } from '../../scripts/load/checks/topic-check.mjs'
// @ts-expect-error: plain JavaScript
import { eventsOf, shareOf } from '../../scripts/load/day.mjs'
// @ts-expect-error: plain JavaScript
import { Histogram } from './children/load/histogram.mjs'

const NS_PER_MS = 1_000_000n

function line(atMs: number, what: string, id: string): object {
  return { time: BigInt(atMs) * NS_PER_MS, what, id, more: [] }
}

describe('jobs', () => {
  const run = [line(1, 'begun', 'a'), line(2, 'held', 'a'), line(3, 'ran', 'a'), line(4, 'done', 'a')]

  it('accepts a job that runs once', () => {
    expect(checkJobs(run, [])).toEqual({ faults: [], held: 1, done: 1, again: 0 })
  })

  it('reports an acknowledged job that is not done', () => {
    expect(checkJobs(run.slice(0, -1), []).faults).toEqual(['1 acknowledged jobs are not done: a'])
  })

  it('reports a job that no program pushed', () => {
    expect(checkJobs(run.slice(2), []).faults).toEqual(['1 jobs ran that no program pushed: a'])
  })

  it('reports a second run unless its worker or queue was killed', () => {
    const twice = [...run, line(50, 'ran', 'a'), line(51, 'done', 'a')]
    expect(checkJobs(twice, []).faults).toEqual(['1 jobs ran again without a reason: a'])
    const other = [{ what: 'gateway killed', fromMs: 40, untilMs: 60 }]
    expect(checkJobs(twice, other).faults).toHaveLength(1)
    expect(checkJobs(twice, [{ what: 'worker killed', fromMs: 40, untilMs: 60 }]).faults).toEqual([])
    expect(checkJobs(twice, [{ what: 'worker killed', fromMs: 10, untilMs: 49 }]).faults).toHaveLength(1)
  })
})

describe('errors', () => {
  const windows = [{ what: 'service killed', fromMs: 1_000, untilMs: 2_000 }]
  const error = { source: 'REST call', kind: '503', atMs: 1_500, lastsMs: 100, count: 3 }
  const faults = (...errors: object[]) => faultsOfErrors(classifyErrors(errors, windows))

  it('accepts the errors of an event while it lasts, also at its borders', () => {
    expect(faults(error, { ...error, atMs: 950 }, { ...error, atMs: 2_000 })).toEqual([])
  })

  it('reports an error before and after the event', () => {
    expect(faults({ ...error, atMs: 800 })).toEqual(['3 × REST call: 503, during: no event'])
    expect(faults({ ...error, atMs: 2_001 })).toHaveLength(1)
  })

  it('reports another error, and that of another operation', () => {
    expect(faults({ ...error, kind: '500' })).toEqual(['3 × REST call: 500, during: service killed'])
    expect(faults({ ...error, source: 'push' })).toHaveLength(1)
  })

  it('counts the same error once for each event', () => {
    expect(classifyErrors([error, { ...error, atMs: 1_700 }], windows)).toEqual([
      { source: 'REST call', kind: '503', phase: 'service killed', count: 6, isExpected: true },
    ])
  })
})

describe('calls', () => {
  it('reports a change that was answered and not executed', () => {
    expect(lostChanges(['1', '2'], ['2', '1', '3'])).toEqual([])
    expect(lostChanges(['1', '2'], ['2'])).toEqual(['1 changes were answered, but not executed: 1'])
  })

  it('reports operations that have not ended', () => {
    const outcomes = [
      { source: 'push', started: 9, open: 2 },
      { source: 'job', started: 9, open: 0 },
    ]
    expect(openOperations(outcomes)).toEqual(['2 of 9 operations have not ended: push'])
  })
})

describe('subscriptions', () => {
  const account = { received: 7, lost: 3, sequence: 10, faults: [] }

  it('accepts losses that were counted', () => {
    expect(faultsOfSubscription('feed', 10, account)).toEqual([])
  })

  it('reports a message that is missing and not counted', () => {
    expect(faultsOfSubscription('feed', 10, { ...account, lost: 2 })).toHaveLength(1)
  })

  it('reports a subscription that ends early, and its own faults', () => {
    expect(faultsOfSubscription('feed', 11, account)).toHaveLength(2)
    expect(faultsOfSubscription('feed', 10, { ...account, faults: ['message 4 after 4'] })).toEqual([
      'feed: message 4 after 4',
    ])
  })
})

describe('leaks', () => {
  const MIB = 1024 ** 2
  const counters = { channels: 2, callsRunning: 1, outboxRecords: 0, requestsOpen: 0, requestsRunning: 0 }
  const gateways = { gatewayRunning: 0, gatewayStreams: 0, jobs: 0, dead: 0 }
  const before = {
    heapBytes: 20 * MIB,
    externalBytes: MIB,
    descriptors: { socket: 5 },
    segments: 4,
    counters: { ...counters, ...gateways },
  }

  it('accepts the same process', () => {
    expect(leaksOf('service', before, before)).toEqual([])
  })

  it('accepts the ids that a queue remembers, and not more', () => {
    const after = { ...before, heapBytes: 32 * MIB }
    expect(leaksOf('queue', before, after, 75_000)).toEqual([])
    expect(leaksOf('queue', before, after, 10_000)).toHaveLength(1)
  })

  it.each([
    ['heap', { heapBytes: 40 * MIB }],
    ['external memory', { externalBytes: 40 * MIB }],
    ['descriptors', { descriptors: { socket: 9 } }],
    ['descriptors of another type', { descriptors: { socket: 5, pipe: 3 } }],
    ['segments', { segments: 6 }],
    ['channels', { counters: { ...before.counters, channels: 3 } }],
    ['running calls', { counters: { ...before.counters, callsRunning: 2 } }],
    ['requests that are open', { counters: { ...before.counters, requestsOpen: 1 } }],
    ['streams', { counters: { ...before.counters, gatewayStreams: 1 } }],
  ])('reports more %s', (_what, difference) => {
    expect(leaksOf('service', before, { ...before, ...difference })).toHaveLength(1)
  })
})

describe('the day', () => {
  it('kills each part once in a short day, and more often in a long one', () => {
    let state = 7
    const below = (limit: number) => {
      state = (state * 48_271) % 2_147_483_647
      return state % limit
    }
    const victims = (events: { what: string; victim: string }[]) =>
      events.filter(({ what }) => what === 'kill').map(({ victim }) => victim)
    const short = victims(eventsOf(60_000, below))
    expect(short.toSorted()).toEqual(['gateway', 'queue', 'service', 'worker'])
    expect(victims(eventsOf(600_000, below)).length).toBeGreaterThan(2 * short.length)
  })

  it('has its peak at noon', () => {
    const shares = Array.from({ length: 24 }, (_, hour) => shareOf(hour) as number)
    expect(Math.max(...shares)).toBe(1)
    expect(shareOf(12)).toBe(1)
  })
})

describe('histograms', () => {
  it('has percentiles with an error of at most 1/32, and the exact maximum', () => {
    const histogram = new Histogram()
    for (let ms = 1; ms <= 10_000; ms += 1) histogram.record(ms / 10)
    for (const share of [0.5, 0.9, 0.99, 0.999]) {
      const exact = share * 1_000
      expect(histogram.percentileMs(share)).toBeGreaterThanOrEqual(exact)
      expect(histogram.percentileMs(share)).toBeLessThanOrEqual(exact * (1 + 1 / 32))
    }
    expect(histogram.maxMs).toBe(1_000)
  })

  it('adds another one after JSON', () => {
    const [one, two] = [new Histogram(), new Histogram()]
    one.record(0.001)
    two.record(5_000_000)
    one.add(JSON.parse(JSON.stringify(two)))
    expect(one.toJSON()).toMatchObject({ count: 2, maxMs: 5_000_000 })
    const rows = one.powersOfTwo() as { count: number }[]
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(2)
    expect([rows[0]?.count, rows.at(-1)?.count]).toEqual([1, 1])
  })
})
