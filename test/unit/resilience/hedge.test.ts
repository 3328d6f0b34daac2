import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { type HedgeOptions, hedge } from '../../../src/resilience/hedge.js'
import { RetryBudget } from '../../../src/service/retry-budget.js'
import { ServiceError } from '../../../src/service-error.js'
import { FakeClock, settle } from '../../support/fake-clock.js'
import { callOf, failing, gone, manualService, outcomeOf } from '../../support/intercepted-calls.js'

function hedged(options: Partial<HedgeOptions> = {}): ReturnType<typeof manualService> & {
  clock: FakeClock
  interceptor: ReturnType<typeof hedge>
} {
  const clock = new FakeClock()
  const interceptor = hedge({ delayMs: 50, clock, ...options })
  return { clock, interceptor, ...manualService(interceptor) }
}

describe('hedge', () => {
  it('makes no further attempt if the first one answers in time', async () => {
    const { clock, attempts, run, interceptor } = hedged()
    const outcome = outcomeOf(run(callOf()))
    await clock.advance(49)
    attempts[0]?.answer('first')
    await clock.advance(100)
    expect(outcome.message).toBe('first')
    expect(attempts.length).toBe(1)
    expect({ ...interceptor }).toMatchObject({ hedges: 0, wins: 0 })
    expect(clock.timers).toBe(0)
  })

  it('takes the first answer and cancels the other attempts', async () => {
    const { clock, attempts, run, interceptor } = hedged({ hedges: 2 })
    const outcome = outcomeOf(run(callOf({ remainingMs: 1_000 })))
    await clock.advance(100)
    expect(attempts.map(({ call }) => call.remainingMs)).toEqual([1_000, 950, 900])
    await clock.advance(100)
    expect(attempts.length).toBe(3)
    attempts[1]?.answer('second')
    await settle()
    expect(outcome.message).toBe('second')
    expect(attempts.map(({ call }) => call.signal.aborted)).toEqual([true, false, true])
    expect({ ...interceptor }).toMatchObject({ hedges: 2, wins: 1 })
  })

  it('passes calls that may not run twice, and calls with streams, unchanged', async () => {
    const { clock, attempts, run } = hedged()
    for (const parts of [{ idempotent: false }, { kind: 'serverStream' }, { kind: undefined }] as const)
      void run(callOf(parts))
    await clock.advance(1_000)
    expect(attempts.length).toBe(3)
  })

  it('takes a token of the budget for each further attempt', async () => {
    const budget = new RetryBudget({ tokensMax: 1, tokensPerSuccess: 1 })
    const { clock, attempts, run } = hedged({ budget })
    void run(callOf())
    await clock.advance(50)
    expect(budget.tokens).toBe(0)
    void run(callOf())
    await clock.advance(50)
    expect(attempts.length).toBe(3)
    attempts[0]?.answer()
    await settle()
    expect(budget.tokens).toBe(1)
  })

  it('waits for the other attempts if the server of one is gone', async () => {
    const { clock, attempts, run } = hedged()
    const outcome = outcomeOf(run(callOf()))
    await clock.advance(50)
    attempts[0]?.fail(gone('unknown'))
    await settle()
    expect(outcome.done).toBe(false)
    attempts[1]?.answer('second')
    await settle()
    expect(outcome.message).toBe('second')
  })

  it('reports that the call may have run if the first attempt may have', async () => {
    const { clock, attempts, run } = hedged()
    const outcome = outcomeOf(run(callOf()))
    await clock.advance(50)
    attempts[0]?.fail(gone('unknown'))
    attempts[1]?.fail(gone('no'))
    await settle()
    expect(outcome.error).toMatchObject({ code: ErrorCode.PEER_GONE, executed: 'unknown' })
  })

  it('waits for the first attempt if the further one is refused', async () => {
    const { clock, attempts, run } = hedged()
    const outcome = outcomeOf(run(callOf()))
    await clock.advance(50)
    attempts[1]?.fail(new ServiceError('RESOURCE_EXHAUSTED', 'full', { executed: 'no' }))
    await settle()
    expect(outcome.done).toBe(false)
    expect(attempts[0]?.call.signal.aborted).toBe(false)
    attempts[0]?.answer('first')
    await settle()
    expect(outcome.message).toBe('first')
  })

  it('rejects with the error of the first attempt if all attempts are refused or unavailable', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { clock, attempts, run } = hedged()
      const outcome = outcomeOf(run(callOf()))
      await clock.advance(50)
      const errors = [gone('no'), new ServiceError('RESOURCE_EXHAUSTED', 'full', { executed: 'no' })]
      for (const index of order) attempts[index]?.fail(errors[index])
      await settle()
      expect(outcome.error).toBe(errors[0])
    }
  })

  it('rejects with an answer of the service although the first attempt was refused', async () => {
    const { clock, attempts, run } = hedged()
    const outcome = outcomeOf(run(callOf()))
    await clock.advance(50)
    attempts[0]?.fail(new ServiceError('RESOURCE_EXHAUSTED', 'full', { executed: 'no' }))
    attempts[1]?.fail(failing('NOT_FOUND'))
    await settle()
    expect(outcome.error).toMatchObject({ status: 'NOT_FOUND' })
  })

  it('leaves a call that failed before the delay to retry', async () => {
    const { clock, attempts, run } = hedged()
    const outcome = outcomeOf(run(callOf()))
    const error = gone('no')
    attempts[0]?.fail(error)
    await clock.advance(100)
    expect(outcome.error).toBe(error)
    expect(attempts.length).toBe(1)
  })

  it('ends the call at the answer of a service that refuses it', async () => {
    const { clock, attempts, run } = hedged()
    const outcome = outcomeOf(run(callOf()))
    await clock.advance(50)
    attempts[1]?.fail(failing('NOT_FOUND'))
    await settle()
    expect(outcome.error).toMatchObject({ status: 'NOT_FOUND' })
    expect(attempts[0]?.call.signal.aborted).toBe(true)
  })

  it('cancels all attempts when the signal of the caller fires', async () => {
    const { clock, attempts, run } = hedged()
    const controller = new AbortController()
    const outcome = outcomeOf(run(callOf({ signal: controller.signal })))
    await clock.advance(50)
    controller.abort(new Error('enough'))
    await settle()
    expect(outcome.error).toMatchObject({ code: ErrorCode.ABORTED, cause: { message: 'enough' } })
    expect(attempts.every(({ call }) => call.signal.aborted)).toBe(true)
    expect(clock.timers).toBe(0)
  })

  it('rejects the call if the next interceptor throws at once, also in a later attempt', async () => {
    const clock = new FakeClock()
    let count = 0
    const run = hedge({ delayMs: 10, clock })(() => {
      count += 1
      if (count === 2) throw new Error('at once')
      return new Promise(() => {})
    })
    const outcome = outcomeOf(run(callOf()))
    await clock.advance(10)
    expect(outcome.error).toMatchObject({ message: 'at once' })
  })

  it('rejects bad options, and refuses to run in a service', () => {
    for (const options of [{}, { delayMs: -1 }, { delayMs: 1, hedges: 4 }, { delayMs: 1, budget: {} }])
      expect(() => hedge(options as HedgeOptions)).toThrow(
        expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
      )
    expect(() => hedged().run(callOf({ side: 'service' }))).toThrow(/interceptor of clients/)
  })
})
