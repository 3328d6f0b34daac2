import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { delay, systemClock } from '../../../src/resilience/clock.js'
import { eventually } from '../../support/turns.js'

describe('the clock of Node', () => {
  it('runs a function once after its time, unless it is cancelled', async () => {
    const runs: string[] = []
    const beganMs = systemClock.nowMs()
    systemClock.after(20, () => runs.push('first'))
    systemClock.after(1, () => runs.push('never'))()
    await eventually(() => runs.length > 0)
    // A timer can fire up to a millisecond early.
    expect(systemClock.nowMs() - beganMs).toBeGreaterThan(18)
    expect(runs).toEqual(['first'])
  })

  it('never runs a function after a time that is too long for a timer', async () => {
    let ran = false
    for (const delayMs of [2 ** 31, Number.POSITIVE_INFINITY])
      systemClock.after(delayMs, () => {
        ran = true
      })
    // setTimeout would run it after a millisecond.
    await sleep(20)
    expect(ran).toBe(false)
  })

  it('ends a delay when its signal fires', async () => {
    const controller = new AbortController()
    const waiting = delay(systemClock, 1_000_000, controller.signal)
    controller.abort()
    expect(await waiting).toBeUndefined()
  })
})
