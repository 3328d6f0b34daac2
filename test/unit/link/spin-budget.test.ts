import { describe, expect, it } from 'vitest'
import { SpinBudget } from '../../../src/link/shm/spin-budget.js'

const MICROS_MAX = 100
const LONG = MICROS_MAX + 1

function afterSleeps(microsMax: number, sleeps: number[]): number {
  const budget = new SpinBudget(microsMax)
  for (const sleptMicros of sleeps) budget.slept(sleptMicros, 0)
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
    const budget = new SpinBudget(MICROS_MAX)
    for (const nowMicros of [-60_000, -40_000, -39_000, -9_500, -1_000]) budget.preempted(nowMicros)
    expect(budget.micros).toBe(MICROS_MAX)
    budget.preempted(1_000)
    for (const nowMicros of [1_000, 3_000, 5_999]) {
      budget.slept(1, nowMicros)
      expect(budget.micros).toBe(0)
    }
    budget.slept(1, 6_000)
    expect(budget.micros).toBe(10)
  })

  it('is zero for twice as long each time while the program stays, and as at first after a calm period', () => {
    const budget = new SpinBudget(MICROS_MAX)
    /** The time for which the budget is zero after three losses that end at `nowMicros`. */
    const pause = (nowMicros: number): number => {
      for (const earlier of [2_000, 1_000, 0]) budget.preempted(nowMicros - earlier)
      for (let micros = 0; micros < 1_000_000; micros += 500) {
        budget.slept(1, nowMicros + micros)
        if (budget.micros > 0) return micros
      }
      throw new Error('it is zero for ever')
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

  it('is exhausted when polls find nothing for its time, counted from the first empty one', () => {
    const budget = new SpinBudget(MICROS_MAX)
    expect(
      [1_000, 1_050, 1_099, 1_100].map((nowMicros) => budget.exhausted(nowMicros, false, false)),
    ).toEqual([false, false, false, true])
    budget.found()
    expect(budget.exhausted(2_000, false, false)).toBe(false)
    expect(budget.exhausted(2_100, false, false)).toBe(true)
  })

  it('is exhausted among busy links after 64 polls, and not before its time', () => {
    const budget = new SpinBudget(MICROS_MAX)
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
      expect(emptyWait(new SpinBudget(MICROS_MAX))).toBe(LIMIT)
    })

    it('is the usual one for twice as many waits after each failed extended poll', () => {
      const budget = new SpinBudget(MICROS_MAX)
      const waits = Array.from({ length: 20 }, () => emptyWait(budget))
      expect(waits.flatMap((micros, index) => (micros === LIMIT ? [index] : []))).toEqual([0, 3, 8, 17])
      expect(new Set(waits)).toEqual(new Set([LIMIT, MICROS_MAX]))
    })

    it('is extended as at first after an extended poll has succeeded', () => {
      const budget = new SpinBudget(MICROS_MAX)
      for (let count = 0; count < 3; count += 1) emptyWait(budget)
      budget.found()
      expect([0, MICROS_MAX].map((micros) => budget.exhausted(micros, false, true))).toEqual([false, false])
      const waits = Array.from({ length: 4 }, () => emptyWait(budget))
      expect(waits).toEqual([LIMIT, MICROS_MAX, MICROS_MAX, LIMIT])
    })
  })

  it('stays zero if its maximum is zero: such a link never polls', () => {
    expect(afterSleeps(0, [])).toBe(0)
    expect(afterSleeps(0, [0, 0, 1, 1_000_000])).toBe(0)
    expect(new SpinBudget(0).exhausted(10_000, false, true)).toBe(true)
  })
})
