import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { type LoadSheddingOptions, loadShedding } from '../../../src/resilience/load-shedding.js'
import type { InterceptedCall } from '../../../src/service/interceptors.js'
import { serve } from '../../../src/service/serve.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { FakeClock } from '../../support/fake-clock.js'
import { answerOf, callOf } from '../../support/intercepted-calls.js'
import { testClient } from '../../support/services.js'

interface Opened {
  readonly clock: FakeClock
  readonly shedding: ReturnType<typeof loadShedding>
  readonly call: (parts?: Partial<InterceptedCall>) => Promise<unknown>
  /** Makes the loop late by `delayMs` for a second. */
  readonly busy: (delayMs: number) => Promise<void>
}

function opened(options: LoadSheddingOptions = {}): Opened {
  const clock = new FakeClock()
  const shedding = loadShedding({ clock, random: () => 0.5, ...options })
  const run = shedding(async () => answerOf('done'))
  const call = async (parts?: Partial<InterceptedCall>): Promise<unknown> => {
    try {
      return (await run(callOf({ side: 'service', ...parts }))).message
    } catch (error) {
      return error
    }
  }
  return {
    clock,
    shedding,
    call,
    busy: async (delayMs) => {
      await call({ method: '$ping' })
      for (let count = 0; count < 40; count += 1) {
        clock.block(20 + delayMs)
        await clock.advance(0)
      }
    },
  }
}

const REFUSED = {
  code: ErrorCode.SERVICE,
  status: 'UNAVAILABLE',
  reason: 'OVERLOADED',
  executed: 'no',
  details: { retryDelayMs: 1_000 },
}

describe('loadShedding', () => {
  it('passes all calls while the event loop is in time', async () => {
    const { call, busy, shedding } = opened()
    await busy(0)
    expect(await call()).toBe('done')
    expect({ ...shedding }).toMatchObject({ delayMs: 0, refused: 0 })
  })

  it('refuses a part of the calls that grows with the delay', async () => {
    const { call, busy, shedding } = opened()
    await busy(140)
    expect(shedding.delayMs).toBeCloseTo(140, 0)
    expect(await call()).toBe('done')
    await busy(160)
    expect(await call()).toMatchObject(REFUSED)
    expect(shedding.refused).toBe(1)
  })

  it('refuses calls of low priority first, those of high priority last, and no built-in method', async () => {
    const priority = ({ method }: InterceptedCall): 'low' | 'normal' | 'high' =>
      method === 'report' ? 'low' : method === 'pay' ? 'high' : 'normal'
    const { call, busy } = opened({ priority, random: () => 0, retryDelayMs: 50 })
    await busy(60)
    expect(await call({ method: 'report' })).toMatchObject({ ...REFUSED, details: { retryDelayMs: 50 } })
    expect(await call()).toBe('done')
    await busy(150)
    expect(await call()).toMatchObject({ reason: 'OVERLOADED' })
    expect(await call({ method: 'pay' })).toBe('done')
    await busy(800)
    expect(await call({ method: 'pay' })).toMatchObject({ reason: 'OVERLOADED' })
    expect(await call({ method: '$ping' })).toBe('done')
  })

  it('never refuses calls with an infinite limit', async () => {
    const { call, busy } = opened({ limitsMs: { normal: Number.POSITIVE_INFINITY }, random: () => 0 })
    await busy(10_000)
    expect(await call()).toBe('done')
  })

  it('passes calls again when the load has ended', async () => {
    const { call, busy } = opened()
    await busy(300)
    expect(await call()).toMatchObject(REFUSED)
    await busy(0)
    expect(await call()).toBe('done')
  })

  it('has no timer after a second without calls, and measures again with the next one', async () => {
    const { call, busy, clock, shedding } = opened()
    await busy(300)
    await clock.advance(1_100)
    expect(clock.timers).toBe(0)
    expect(shedding.delayMs).toBe(0)
    expect(await call()).toBe('done')
    expect(clock.timers).toBe(1)
  })

  it('rejects bad options, and a priority that is none', async () => {
    for (const options of [
      { limitsMs: { low: 0 } },
      { limitsMs: { middle: 1 } },
      { priority: 'low' },
      { retryDelayMs: -1 },
    ])
      expect(() => loadShedding(options as LoadSheddingOptions)).toThrow(
        expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
      )
    const { call, busy } = opened({ priority: () => 'urgent' as 'low' })
    await busy(10)
    expect(await call()).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
  })

  it('refuses calls of a service whose handlers keep its event loop busy', async () => {
    const shedding = loadShedding({ limitsMs: { normal: 2 } })
    const [channel, served] = createChannelPair()
    const work = (): void => {
      const untilMs = performance.now() + 10
      while (performance.now() < untilMs);
    }
    await serve(served, { work }, { interceptors: [shedding] })
    const calls = await testClient<'work'>(channel, { retries: 0 })
    const errors: unknown[] = []
    while (errors.length === 0) {
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => calls.work()))
      for (const result of results) if (result.status === 'rejected') errors.push(result.reason)
    }
    expect(errors[0]).toMatchObject(REFUSED)
    expect(shedding.delayMs).toBeGreaterThan(2)
    channel.destroy()
  })
})
