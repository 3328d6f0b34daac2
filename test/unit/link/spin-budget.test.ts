import { describe, expect, it } from 'vitest'
import { SpinBudget, type WakeTimes } from '../../../src/link/shm/spin-budget.js'
import { ClosedLoop } from '../../support/closed-loop.js'

const MICROS_MAX = 100
const LONG = MICROS_MAX + 1

function newBudget(microsMax: number, wakeTimes: Partial<WakeTimes> = {}): SpinBudget {
  return new SpinBudget({ woken: () => 0, peerWakeNanos: () => 0, ...wakeTimes }, microsMax)
}

/** A wait that ends now with a wake-up. */
function sleep(budget: SpinBudget, micros: number, nowMicros: number): void {
  budget.found()
  budget.waits(nowMicros - micros)
  budget.woken(nowMicros)
}

/** For how long the budget is zero from `nowMicros` on. */
function zeroMicros(budget: SpinBudget, nowMicros: number): number {
  for (let micros = 0; micros < 1_000_000; micros += 500) {
    sleep(budget, 1, nowMicros + micros)
    if (budget.micros > 0) return micros
  }
  throw new Error('it is zero for ever')
}

function afterSleeps(microsMax: number, sleeps: number[], wakeTimes?: Partial<WakeTimes>): number {
  const budget = newBudget(microsMax, wakeTimes)
  for (const micros of sleeps) sleep(budget, micros, 0)
  return budget.micros
}

describe('the spin budget', () => {
  it('begins at its maximum', () => {
    expect(afterSleeps(MICROS_MAX, [])).toBe(MICROS_MAX)
  })

  it('is halved by a sleep that no polling could have avoided', () => {
    expect(afterSleeps(MICROS_MAX, [LONG])).toBe(50)
    expect(afterSleeps(MICROS_MAX, [LONG, LONG])).toBe(25)
  })

  it('falls to zero when all sleeps are long', () => {
    expect(afterSleeps(MICROS_MAX, [LONG, LONG, LONG, LONG])).toBe(0)
    expect(
      afterSleeps(
        MICROS_MAX,
        Array.from({ length: 50 }, () => LONG),
      ),
    ).toBe(0)
  })

  it('rises from zero with the first short sleep, and is doubled by each further one', () => {
    const none = [LONG, LONG, LONG, LONG]
    const grown = [1, 2, 3, 4, 5].map((count) =>
      afterSleeps(MICROS_MAX, [...none, ...Array.from({ length: count }, () => 1)]),
    )
    expect(grown).toEqual([10, 20, 40, 80, 100])
  })

  it('counts a sleep of exactly its maximum as one that polling would have avoided', () => {
    expect(afterSleeps(MICROS_MAX, [LONG, MICROS_MAX])).toBe(MICROS_MAX)
  })

  it.each([0, 1, 9])('never exceeds a maximum of %i', (microsMax) => {
    expect(afterSleeps(microsMax, [0, 0, 0])).toBeLessThanOrEqual(microsMax)
  })

  it('is zero for a while after another program has taken the core three times in a row', () => {
    const budget = newBudget(MICROS_MAX)
    for (const nowMicros of [-60_000, -40_000, -39_000, -9_500, -1_000]) budget.preempted(nowMicros, 1)
    expect(budget.micros).toBe(MICROS_MAX)
    budget.preempted(1_000, 1)
    for (const nowMicros of [1_000, 3_000, 5_999]) {
      sleep(budget, 1, nowMicros)
      expect(budget.micros).toBe(0)
    }
    sleep(budget, 1, 6_000)
    expect(budget.micros).toBe(10)
  })

  it('is zero for twice as long each time while the program stays, and as at first after a calm period', () => {
    const budget = newBudget(MICROS_MAX)
    /** The time for which the budget is zero after three losses that end at `nowMicros`. */
    const pause = (nowMicros: number): number => {
      for (const earlier of [2_000, 1_000, 0]) budget.preempted(nowMicros - earlier, 1)
      return zeroMicros(budget, nowMicros)
    }
    let nowMicros = 1_000_000
    const pauses = [0, 1, 2, 3, 4, 5, 6].map(() => {
      const micros = pause(nowMicros)
      // The time to lose three slices.
      nowMicros += micros + 15_000
      return micros
    })
    expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 200_000])
    expect(pause(nowMicros + 1_000_000)).toBe(5_000)
  })

  it('is zero for 20 ms after one loss of the core while records queued', () => {
    const budget = newBudget(MICROS_MAX)
    budget.preempted(0, 2)
    for (const nowMicros of [0, 10_000, 19_999]) {
      sleep(budget, 1, nowMicros)
      expect(budget.micros).toBe(0)
    }
    sleep(budget, 1, 20_000)
    expect(budget.micros).toBe(10)
  })

  it('is zero for at least 20 ms after records queued soon after a shorter pause, and for twice as long next', () => {
    const budget = newBudget(MICROS_MAX)
    for (const nowMicros of [1_000, 2_000, 3_000]) budget.preempted(nowMicros, 1)
    /** The time for which the budget is zero after a loss at `nowMicros`. */
    const pause = (nowMicros: number): number => {
      budget.preempted(nowMicros, 2)
      return zeroMicros(budget, nowMicros)
    }
    expect([10_000, 40_000, 90_000, 180_000, 350_000].map(pause)).toEqual([
      20_000, 40_000, 80_000, 160_000, 200_000,
    ])
    expect(pause(1_000_000)).toBe(20_000)
  })

  it('is exhausted when polls find nothing for its time, counted from the first empty one', () => {
    const budget = newBudget(MICROS_MAX)
    expect(
      [1_000, 1_050, 1_099, 1_100].map((nowMicros) => budget.exhausted(nowMicros, false, false)),
    ).toEqual([false, false, false, true])
    budget.found()
    expect(budget.exhausted(2_000, false, false)).toBe(false)
    expect(budget.exhausted(2_100, false, false)).toBe(true)
  })

  it('is exhausted among busy links after 64 polls, and not before its time', () => {
    const budget = newBudget(MICROS_MAX)
    const polls = Array.from({ length: 64 }, (_, poll) => budget.exhausted(1_000 + 10 * poll, true, false))
    expect(polls.indexOf(true)).toBe(63)
    budget.found()
    expect(Array.from({ length: 100 }, () => budget.exhausted(5_000, true, false))).not.toContain(true)
  })

  describe('while the peer is at work', () => {
    const LIMIT = 10 * MICROS_MAX
    /** The time for which a link polls when it finds nothing. */
    const emptyWait = (budget: SpinBudget): number => {
      budget.found()
      for (let micros = 0; micros < 1_000_000; micros += MICROS_MAX / 2)
        if (budget.exhausted(micros, false, true)) return micros
      throw new Error('it is never exhausted')
    }

    it('is ten times its maximum', () => {
      expect(emptyWait(newBudget(MICROS_MAX))).toBe(LIMIT)
    })

    it('is the usual one for twice as many waits after each failed extended poll', () => {
      const budget = newBudget(MICROS_MAX)
      const waits = Array.from({ length: 20 }, () => emptyWait(budget))
      expect(waits.flatMap((micros, index) => (micros === LIMIT ? [index] : []))).toEqual([0, 3, 8, 17])
      expect(new Set(waits)).toEqual(new Set([LIMIT, MICROS_MAX]))
    })

    it('is extended as at first after an extended poll has succeeded', () => {
      const budget = newBudget(MICROS_MAX)
      for (let count = 0; count < 3; count += 1) emptyWait(budget)
      budget.found()
      expect([0, MICROS_MAX].map((micros) => budget.exhausted(micros, false, true))).toEqual([false, false])
      const waits = Array.from({ length: 4 }, () => emptyWait(budget))
      expect(waits).toEqual([LIMIT, MICROS_MAX, MICROS_MAX, LIMIT])
    })
  })

  it('counts the polls before a sleep as a part of the gap', () => {
    const budget = newBudget(MICROS_MAX)
    expect([0, MICROS_MAX].map((micros) => budget.exhausted(micros, false, false))).toEqual([false, true])
    budget.waits(MICROS_MAX)
    budget.woken(LONG)
    expect(budget.micros).toBe(MICROS_MAX / 2)
  })

  describe('with the times of wake-ups', () => {
    const woken = (waitedNanos: number): number => Math.min(50_000, waitedNanos)

    it('counts neither wake-ups nor the slow start after them', () => {
      expect(afterSleeps(MICROS_MAX, [160], { woken })).toBe(MICROS_MAX)
      expect(afterSleeps(MICROS_MAX, [161], { woken })).toBe(MICROS_MAX / 2)
    })

    it('passes how long it has waited, in nanoseconds', () => {
      const waits: number[] = []
      afterSleeps(MICROS_MAX, [3, 250], { woken: (waitedNanos) => waits.push(waitedNanos) })
      expect(waits).toEqual([3_000, 250_000])
    })

    it('counts the whole wait when it is so long that the wake-ups make no difference', () => {
      const wokenAtOnce = (waitedNanos: number): number => waitedNanos
      expect(afterSleeps(MICROS_MAX, [600], { woken: wokenAtOnce })).toBe(MICROS_MAX)
      const fail = (): number => {
        throw new Error('asked')
      }
      expect(afterSleeps(MICROS_MAX, [601], { woken: fail })).toBe(MICROS_MAX / 2)
    })

    it('counts the whole wait as the gap when they are unknown', () => {
      expect(afterSleeps(MICROS_MAX, [MICROS_MAX])).toBe(MICROS_MAX)
      expect(afterSleeps(MICROS_MAX, [LONG])).toBe(MICROS_MAX / 2)
    })

    it('lasts longer by the wake-up of the peer, once the peer is awake', () => {
      let peerWakeNanos = 0
      const budget = newBudget(MICROS_MAX, { peerWakeNanos: () => peerWakeNanos })
      const exhausted = (micros: number): boolean => budget.exhausted(micros, false, false)
      expect([0, 100].map(exhausted)).toEqual([false, true])
      peerWakeNanos = 30_000
      expect([100, 139, 140].map(exhausted)).toEqual([false, false, true])
    })

    it('lasts at most twice its maximum, whatever the peer reports', () => {
      const budget = newBudget(MICROS_MAX, { peerWakeNanos: (waitedNanos) => waitedNanos })
      expect([0, 199, 200].map((micros) => budget.exhausted(micros, false, false))).toEqual([
        false,
        false,
        true,
      ])
    })

    it('does not ask for them before its time, nor when it is zero', () => {
      const peerWakeNanos = (): number => {
        throw new Error('asked')
      }
      expect(newBudget(MICROS_MAX, { peerWakeNanos }).exhausted(0, false, false)).toBe(false)
      expect(newBudget(0, { peerWakeNanos }).exhausted(0, false, false)).toBe(true)
    })
  })

  describe('in a closed loop with equal work on both sides', () => {
    it.each([20, 40, 60, 80, 90])('ends the sleep of both sides: %i µs of work', (workMicros) => {
      const loop = new ClosedLoop({ microsMax: MICROS_MAX })
      loop.run(20, 3_000)
      expect(loop.budgets).toEqual([0, 0])
      loop.run(20, workMicros)
      expect(loop.run(20, workMicros)).toEqual({ wakes: 0, polledMicros: 20 * 2 * workMicros })
    })

    it('does not poll for work that takes longer than its maximum', () => {
      const loop = new ClosedLoop({ microsMax: MICROS_MAX })
      loop.run(20, 120)
      expect(loop.run(20, 120)).toEqual({ wakes: 40, polledMicros: 0 })
    })

    it('polls again after a single long gap', () => {
      const loop = new ClosedLoop({ microsMax: MICROS_MAX })
      loop.run(20, 90)
      expect(loop.run(1, 400).wakes).toBe(2)
      loop.run(4, 90)
      expect(loop.run(20, 90).wakes).toBe(0)
    })

    it('sleeps as it would with its wake-ups in the gap when the peer reports none', () => {
      const loop = new ClosedLoop({ microsMax: MICROS_MAX, reportsTimes: false })
      loop.run(20, 3_000)
      loop.run(20, 60)
      expect(loop.run(20, 60)).toEqual({ wakes: 40, polledMicros: 0 })
      loop.run(20, 10)
      expect(loop.run(20, 10).wakes).toBe(0)
    })
  })

  it('stays zero if its maximum is zero: such a link never polls', () => {
    expect(afterSleeps(0, [])).toBe(0)
    expect(afterSleeps(0, [0, 0, 1, 1_000_000])).toBe(0)
    expect(newBudget(0).exhausted(10_000, false, true)).toBe(true)
  })
})
