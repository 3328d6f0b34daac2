import { describe, expect, it, vi } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { type RetryOptions, retry } from '../../../src/resilience/retry.js'
import { client } from '../../../src/service/client.js'
import { RetryBudget } from '../../../src/service/retry-budget.js'
import { ServiceError } from '../../../src/service-error.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { FakeClock, settle } from '../../support/fake-clock.js'
import { callOf, failing, gone, manualService, outcomeOf } from '../../support/intercepted-calls.js'

function retried(options: RetryOptions = {}): ReturnType<typeof manualService> & {
  clock: FakeClock
  interceptor: ReturnType<typeof retry>
} {
  const clock = new FakeClock()
  const interceptor = retry({ clock, random: () => 1, ...options })
  return { clock, interceptor, ...manualService(interceptor) }
}

describe('retry', () => {
  it('repeats a call of an idempotent method after waits that grow, and returns its answer', async () => {
    const { clock, attempts, run, interceptor } = retried({ retries: 3, backOff: { minMs: 10, maxMs: 30 } })
    const outcome = outcomeOf(run(callOf()))
    for (const waitMs of [10, 20, 30]) {
      const count = attempts.length
      attempts.at(-1)?.fail(gone('unknown'))
      await clock.advance(waitMs - 1)
      expect(attempts.length).toBe(count)
      await clock.advance(1)
      expect(attempts.length).toBe(count + 1)
    }
    attempts.at(-1)?.answer('done')
    await settle()
    expect(outcome).toMatchObject({ message: 'done' })
    expect(interceptor.retries).toBe(3)
    expect(clock.timers).toBe(0)
  })

  it('takes a random part of each wait', async () => {
    const { clock, attempts, run } = retried({ random: () => 0.25, backOff: { minMs: 100 } })
    void run(callOf())
    attempts[0]?.fail(gone('no'))
    await clock.advance(24)
    expect(attempts.length).toBe(1)
    await clock.advance(1)
    expect(attempts.length).toBe(2)
  })

  it('repeats a call of another method only if it surely did not run', async () => {
    const { clock, attempts, run } = retried()
    const unknown = outcomeOf(run(callOf({ idempotent: false })))
    attempts[0]?.fail(gone('unknown'))
    await clock.advance(100)
    expect(unknown.error).toMatchObject({ code: ErrorCode.PEER_GONE })
    expect(attempts.length).toBe(1)

    const no = outcomeOf(run(callOf({ idempotent: false })))
    attempts[1]?.fail(gone('no'))
    await clock.advance(100)
    attempts[2]?.answer(1)
    await settle()
    expect(no.message).toBe(1)
  })

  it('reports that the call may have run if one of its attempts may have', async () => {
    const { clock, attempts, run } = retried({ retries: 1 })
    const outcome = outcomeOf(run(callOf()))
    attempts[0]?.fail(gone('unknown'))
    await clock.advance(100)
    attempts[1]?.fail(
      new ServiceError('UNAVAILABLE', 'busy', { reason: 'OVERLOADED', details: { x: 1 }, executed: 'no' }),
    )
    await settle()
    expect(outcome.error).toBeInstanceOf(ServiceError)
    expect(outcome.error).toMatchObject({ executed: 'unknown', reason: 'OVERLOADED', details: { x: 1 } })
  })

  it('does not repeat calls with another status, with a stream, or without a contract', async () => {
    const { clock, attempts, run } = retried()
    for (const [parts, error] of [
      [{}, failing('NOT_FOUND')],
      [{}, new Error('of an interceptor')],
      [{ kind: 'serverStream' }, gone('no')],
      [{ kind: 'clientStream' }, gone('no')],
      [{ kind: undefined }, gone('no')],
    ] as const) {
      const count = attempts.length
      const outcome = outcomeOf(run(callOf(parts)))
      attempts.at(-1)?.fail(error)
      await clock.advance(1_000)
      expect(outcome.error).toBe(error)
      expect(attempts.length).toBe(count + 1)
    }
  })

  it('repeats calls with the statuses that the program chooses', async () => {
    const { clock, attempts, run } = retried({ statuses: ['ABORTED'] })
    void outcomeOf(run(callOf()))
    attempts[0]?.fail(failing('ABORTED'))
    await clock.advance(100)
    expect(attempts.length).toBe(2)
    attempts[1]?.fail(failing('UNAVAILABLE'))
    await clock.advance(1_000)
    expect(attempts.length).toBe(2)
  })

  it('stops when the budget is empty, which successes fill again', async () => {
    const budget = new RetryBudget({ tokensMax: 2, tokensPerSuccess: 0.5 })
    const { clock, attempts, run } = retried({ budget, retries: 10 })
    const outcome = outcomeOf(run(callOf()))
    for (let count = 0; count < 3; count += 1) {
      attempts.at(-1)?.fail(gone('no'))
      await clock.advance(10_000)
    }
    expect(outcome.done).toBe(true)
    expect(attempts.length).toBe(3)
    expect(budget.tokens).toBe(0)
    for (let count = 0; count < 2; count += 1) {
      void run(callOf())
      attempts.at(-1)?.answer()
      await settle()
    }
    expect(budget.tokens).toBe(1)
  })

  it('counts a success once if two interceptors of the call share the budget', async () => {
    const budget = new RetryBudget()
    budget.take()
    const outer = retry({ budget })
    const { attempts, run } = manualService((next) => outer(retry({ budget })(next)))
    void run(callOf())
    attempts[0]?.answer()
    await settle()
    expect(budget.tokens).toBeCloseTo(9.1)
  })

  it('does not begin a wait that is longer than the time of the call', async () => {
    const { clock, attempts, run } = retried({ backOff: { minMs: 50 } })
    const outcome = outcomeOf(run(callOf({ remainingMs: 40 })))
    attempts[0]?.fail(gone('no'))
    await settle()
    expect(outcome.error).toMatchObject({ code: ErrorCode.PEER_GONE })
    expect(clock.timers).toBe(0)
  })

  it('passes the time that is left to each attempt, at most attemptTimeoutMs', async () => {
    const { clock, attempts, run } = retried({ attemptTimeoutMs: 100, backOff: { minMs: 20 } })
    void outcomeOf(run(callOf({ remainingMs: 150 })))
    expect(attempts[0]?.call.remainingMs).toBe(100)
    await clock.advance(100)
    attempts[0]?.fail(failing('DEADLINE_EXCEEDED'))
    await clock.advance(20)
    expect(attempts[1]?.call.remainingMs).toBe(30)
  })

  it('waits as long as the service states, and does not wait longer than maxMs', async () => {
    const { clock, attempts, run } = retried({ backOff: { minMs: 10, maxMs: 500 } })
    void outcomeOf(run(callOf()))
    attempts[0]?.fail(failing('UNAVAILABLE', { retryDelayMs: 300 }))
    await clock.advance(299)
    expect(attempts.length).toBe(1)
    await clock.advance(1)
    expect(attempts.length).toBe(2)
    attempts[1]?.fail(failing('UNAVAILABLE', { retryDelayMs: 501 }))
    await clock.advance(10_000)
    expect(attempts.length).toBe(2)
  })

  it('ends the wait when the signal fires', async () => {
    const { clock, attempts, run } = retried({ backOff: { minMs: 1_000 } })
    const controller = new AbortController()
    const outcome = outcomeOf(run(callOf({ signal: controller.signal })))
    attempts[0]?.fail(gone('unknown'))
    await settle()
    controller.abort(new Error('enough'))
    await settle()
    expect(outcome.error).toMatchObject({ code: ErrorCode.ABORTED, executed: 'unknown' })
    expect(clock.timers).toBe(0)
  })

  it('reports each retry before its wait', async () => {
    const onRetry = vi.fn()
    const { clock, attempts, run } = retried({ onRetry })
    void outcomeOf(run(callOf({ method: 'list' })))
    const error = gone('no')
    attempts[0]?.fail(error)
    await clock.advance(10)
    expect(onRetry.mock.calls).toMatchObject([
      [{ call: { method: 'list' }, error: { code: error.code }, attempt: 1, delayMs: 20 }],
    ])
  })

  it('rejects bad options', () => {
    for (const options of [
      { retries: 11 },
      { retries: 1.5 },
      { backOff: { minMs: 0 } },
      { backOff: { minMs: 10, maxMs: 5 } },
      { backOff: { min: 1 } },
      { budget: {} },
      { statuses: ['BUSY'] },
      { attemptTimeoutMs: 0 },
      { onRetry: 1 },
      { random: 1 },
      { clock: {} },
      { attempts: 1 },
    ])
      expect(() => retry(options as RetryOptions)).toThrow(
        expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
      )
  })

  it('refuses to run in a service, and beside the option retries', async () => {
    const { run } = retried()
    expect(() => run(callOf({ side: 'service' }))).toThrow(/interceptor of clients/)
    const [channel] = createChannelPair()
    await expect(client(channel, { retries: 1, interceptors: [retry()] })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
    channel.destroy()
  })
})
