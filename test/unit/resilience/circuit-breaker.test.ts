import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import type { CircuitChange } from '../../../src/resilience/circuit.js'
import { type CircuitBreakerOptions, circuitBreaker } from '../../../src/resilience/circuit-breaker.js'
import type { InterceptedCall } from '../../../src/service/interceptors.js'
import { ServiceError } from '../../../src/service-error.js'
import { FakeClock, settle } from '../../support/fake-clock.js'
import {
  callOf,
  failing,
  gone,
  ManualStream,
  manualService,
  outcomeOf,
} from '../../support/intercepted-calls.js'

interface Opened extends ReturnType<typeof manualService> {
  readonly clock: FakeClock
  readonly breaker: ReturnType<typeof circuitBreaker>
  readonly changes: CircuitChange[]
  /** Makes a call that fails with the error, or succeeds without one. */
  make(error?: unknown, parts?: Partial<InterceptedCall>): Promise<unknown>
}

function opened(options: CircuitBreakerOptions = {}): Opened {
  const clock = new FakeClock()
  const changes: CircuitChange[] = []
  const breaker = circuitBreaker({
    callsMin: 4,
    windowMs: 1_000,
    openMs: 500,
    clock,
    onStateChange: (change) => changes.push(change),
    ...options,
  })
  const service = manualService(breaker)
  return {
    clock,
    breaker,
    changes,
    ...service,
    make: async (error, parts) => {
      const outcome = outcomeOf(service.run(callOf(parts)))
      await settle()
      if (!outcome.done) {
        if (error === undefined) service.attempts.at(-1)?.answer()
        else service.attempts.at(-1)?.fail(error)
      }
      await settle()
      return outcome.error
    },
  }
}

async function openCircuit(at: Opened): Promise<void> {
  for (let count = 0; count < 4; count += 1) await at.make(gone('unknown'))
  expect(at.breaker.state).toBe('open')
}

const REFUSED = { status: 'UNAVAILABLE', code: ErrorCode.SERVICE, reason: 'CIRCUIT_OPEN', executed: 'no' }

describe('circuitBreaker', () => {
  it('opens when the share of failures is reached, and refuses calls without making them', async () => {
    const at = opened()
    await at.make()
    await at.make()
    await at.make(gone('unknown'))
    expect(at.breaker.state).toBe('closed')
    await at.make(gone('unknown'))
    expect({ ...at.breaker }).toMatchObject({ state: 'open', successes: 2, failures: 2, refused: 0 })
    await at.clock.advance(100)
    expect(await at.make()).toMatchObject({ ...REFUSED, details: { retryDelayMs: 400 } })
    expect(at.attempts.length).toBe(4)
    expect(at.breaker.refused).toBe(1)
    expect(at.changes).toEqual([{ from: 'closed', to: 'open' }])
  })

  it('stays closed for fewer calls than callsMin, and forgets calls after windowMs', async () => {
    const at = opened()
    for (let count = 0; count < 3; count += 1) await at.make(gone('no'))
    await at.clock.advance(1_100)
    expect(at.breaker.failures).toBe(0)
    await at.make(gone('no'))
    expect(at.breaker.state).toBe('closed')
  })

  const TIMEOUT = new ShmwireError(ErrorCode.TIMEOUT, 'too long')
  const DEADLINES = [
    TIMEOUT,
    failing('DEADLINE_EXCEEDED'),
    new ShmwireError(ErrorCode.ABORTED, 'aborted', { cause: TIMEOUT }),
    new ShmwireError(ErrorCode.ABORTED, 'aborted', { cause: new DOMException('too long', 'TimeoutError') }),
  ]

  async function late(error: Error, remainingMs: number, options: CircuitBreakerOptions): Promise<string> {
    const at = opened({ callsMin: 1, ...options })
    const outcome = outcomeOf(at.run(callOf({ remainingMs })))
    await at.clock.advance(Math.min(remainingMs, 500))
    at.attempts[0]?.fail(error)
    await settle()
    expect(outcome.error).toBe(error)
    return at.breaker.state
  }

  it('counts deadlines of all kinds as failures', async () => {
    for (const error of DEADLINES) {
      expect(await late(error, 100, {})).toBe('open')
      expect(await late(error, 1_000, { timeoutMinMs: 500 })).toBe('open')
      expect(await late(error, 1, { timeoutMinMs: 0 })).toBe('open')
    }
  })

  it('does not count the deadline of an attempt that had less time than timeoutMinMs', async () => {
    for (const error of DEADLINES) {
      expect(await late(error, 99, {})).toBe('closed')
      expect(await late(error, 400, { timeoutMinMs: 401 })).toBe('closed')
    }
    const fired = new ShmwireError(ErrorCode.ABORTED, 'aborted', { cause: TIMEOUT })
    const at = opened({ callsMin: 1 })
    // The call has an hour, and the signal of the caller fires at once.
    await at.make(fired, { remainingMs: 3_600_000 })
    expect(at.breaker.state).toBe('closed')
  })

  it('passes another probe when the deadline of one was too short', async () => {
    const at = opened()
    await openCircuit(at)
    await at.clock.advance(500)
    await at.make(TIMEOUT, { remainingMs: 2 })
    expect(at.breaker.state).toBe('half-open')
    expect(await at.make()).toBeUndefined()
    expect(at.breaker.state).toBe('closed')
  })

  it('counts an error that the service answers as a success, and no cancelled or refused call', async () => {
    const at = opened()
    await at.make(failing('NOT_FOUND'))
    expect({ ...at.breaker }).toMatchObject({ successes: 1, failures: 0 })
    for (const error of [
      new ShmwireError(ErrorCode.ABORTED, 'aborted', { cause: new Error('enough') }),
      new ShmwireError(ErrorCode.INVALID_ARGUMENT, 'wrong', { executed: 'no' }),
      new ServiceError('RESOURCE_EXHAUSTED', 'full', { executed: 'no' }),
      new Error('of an interceptor'),
    ])
      await at.make(error)
    expect({ ...at.breaker }).toMatchObject({ successes: 1, failures: 0 })
  })

  it('counts the statuses that the program chooses', async () => {
    const at = opened({ callsMin: 1, failureStatuses: ['NOT_FOUND'] })
    await at.make(gone('unknown'))
    expect(at.breaker.state).toBe('closed')
    await at.make(failing('NOT_FOUND'))
    expect(at.breaker.state).toBe('open')
  })

  it('passes one probe at a time after openMs, and closes when one succeeds', async () => {
    const at = opened()
    await openCircuit(at)
    await at.clock.advance(500)
    expect(at.breaker.state).toBe('half-open')
    const probe = outcomeOf(at.run(callOf()))
    expect(await at.make()).toMatchObject(REFUSED)
    expect(at.attempts.length).toBe(5)
    at.attempts[4]?.answer('well')
    await settle()
    expect(probe.message).toBe('well')
    expect({ ...at.breaker }).toMatchObject({ state: 'closed', successes: 0, failures: 0 })
    expect(await at.make()).toBeUndefined()
    expect(at.changes.map(({ to }) => to)).toEqual(['open', 'half-open', 'closed'])
  })

  it('opens again when a probe fails', async () => {
    const at = opened()
    await openCircuit(at)
    await at.clock.advance(500)
    await at.make(gone('no'))
    expect(at.breaker.state).toBe('open')
    await at.clock.advance(499)
    expect(await at.make()).toMatchObject(REFUSED)
    await at.clock.advance(1)
    expect(await at.make()).toBeUndefined()
    expect(at.breaker.state).toBe('closed')
  })

  it('passes another probe when one is cancelled', async () => {
    const at = opened()
    await openCircuit(at)
    await at.clock.advance(500)
    await at.make(new ShmwireError(ErrorCode.ABORTED, 'aborted', { cause: new Error('enough') }))
    expect(at.breaker.state).toBe('half-open')
    expect(await at.make()).toBeUndefined()
    expect(at.breaker.state).toBe('closed')
  })

  it('passes another probe when one has no result in time', async () => {
    const at = opened({ probeTimeoutMs: 300 })
    await openCircuit(at)
    await at.clock.advance(500)
    void outcomeOf(at.run(callOf()))
    await at.clock.advance(299)
    expect(await at.make()).toMatchObject({ ...REFUSED, details: { retryDelayMs: 1 } })
    await at.clock.advance(1)
    void outcomeOf(at.run(callOf()))
    await settle()
    expect(at.attempts.length).toBe(6)
    expect(at.breaker.state).toBe('half-open')
    at.attempts[5]?.answer()
    await settle()
    expect(at.breaker.state).toBe('closed')
  })

  it('counts the late result of a probe that another one has replaced', async () => {
    for (const [error, state] of [
      [undefined, 'closed'],
      [gone('no'), 'open'],
      [new ShmwireError(ErrorCode.ABORTED, 'aborted', { cause: new Error('enough') }), 'half-open'],
    ] as const) {
      const at = opened({ probeTimeoutMs: 300 })
      await openCircuit(at)
      await at.clock.advance(500)
      void outcomeOf(at.run(callOf()))
      await at.clock.advance(300)
      void outcomeOf(at.run(callOf()))
      await settle()
      if (error === undefined) at.attempts[4]?.answer()
      else at.attempts[4]?.fail(error)
      await settle()
      expect(at.breaker.state).toBe(state)
      // The newer probe still runs.
      if (state === 'half-open') expect(await at.make()).toMatchObject(REFUSED)
    }
  })

  it('ignores results of calls that began before the state changed', async () => {
    const at = opened()
    const early = outcomeOf(at.run(callOf()))
    await openCircuit(at)
    at.attempts[0]?.answer()
    await settle()
    expect(early.done).toBe(true)
    expect(at.breaker.state).toBe('open')
  })

  it('throws an error of the callback apart from the call', async () => {
    const errors: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => errors.push(error))
    const at = opened({
      callsMin: 1,
      onStateChange: () => {
        throw new Error('of the program')
      },
    })
    try {
      expect(await at.make(gone('no'))).toMatchObject({ code: ErrorCode.PEER_GONE })
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
    expect(errors).toMatchObject([{ message: 'of the program' }])
  })

  it('rejects bad options, and refuses to run in a service', () => {
    for (const options of [
      { failureShare: 0 },
      { failureShare: 1.1 },
      { callsMin: 0 },
      { windowMs: 9 },
      { openMs: 0 },
      { probeTimeoutMs: 0 },
      { timeoutMinMs: -1 },
      { failureStatuses: 'UNAVAILABLE' },
      { onStateChange: true },
      { threshold: 1 },
    ])
      expect(() => circuitBreaker(options as CircuitBreakerOptions)).toThrow(
        expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }),
      )
    expect(() => opened().run(callOf({ side: 'service' }))).toThrow(/interceptor of clients/)
  })
})

describe('circuitBreaker with a stream', () => {
  const STREAM = { kind: 'serverStream' } as const

  async function begun(
    at: Opened,
    parts: Partial<InterceptedCall> = {},
  ): Promise<{ source: ManualStream; read: AsyncIterator<unknown> }> {
    const source = new ManualStream()
    const answer = at.run(callOf({ ...STREAM, ...parts }))
    await settle()
    at.attempts.at(-1)?.answer(source)
    const { message } = await answer
    return { source, read: (message as AsyncIterable<unknown>)[Symbol.asyncIterator]() }
  }

  it('counts its end, or its error, once', async () => {
    const at = opened()
    const { source, read } = await begun(at)
    const first = read.next()
    source.send(1)
    expect(await first).toEqual({ value: 1, done: false })
    expect(at.breaker.successes).toBe(0)
    const last = read.next()
    source.end()
    expect(await last).toEqual({ value: undefined, done: true })
    await read.return?.()
    expect({ ...at.breaker }).toMatchObject({ successes: 1, failures: 0 })

    const failed = await begun(at)
    const next = failed.read.next()
    failed.source.fail(gone('unknown'))
    await expect(next).rejects.toMatchObject({ code: ErrorCode.PEER_GONE })
    expect({ ...at.breaker }).toMatchObject({ successes: 1, failures: 1 })
  })

  it('counts a stream that was left after a message as a success, and before one not at all', async () => {
    const at = opened()
    const early = await begun(at)
    await early.read.return?.()
    expect(early.source.returned).toBe(true)
    expect({ ...at.breaker }).toMatchObject({ successes: 0, failures: 0 })
    const { source, read } = await begun(at)
    void read.next()
    source.send(1)
    await settle()
    await read.return?.()
    expect({ ...at.breaker }).toMatchObject({ successes: 1, failures: 0 })
  })

  it('counts a stream without a reader at its deadline, or when its signal fires', async () => {
    const at = opened({ timeoutMinMs: 0 })
    await begun(at, { remainingMs: 50 })
    await at.clock.advance(50)
    expect(at.breaker.failures).toBe(1)
    const late = new AbortController()
    await begun(at, { signal: late.signal })
    late.abort(new DOMException('too long', 'TimeoutError'))
    expect(at.breaker.failures).toBe(2)
    const left = new AbortController()
    await begun(at, { signal: left.signal })
    left.abort()
    expect({ ...at.breaker }).toMatchObject({ successes: 0, failures: 2 })
    expect(at.clock.timers).toBe(0)
  })

  it('closes a half-open circuit with the first message of a probe that does not end', async () => {
    const at = opened()
    await openCircuit(at)
    await at.clock.advance(500)
    const { source, read } = await begun(at)
    expect(at.breaker.state).toBe('half-open')
    void read.next()
    source.send(1)
    await settle()
    expect(at.breaker.state).toBe('closed')
  })
})
