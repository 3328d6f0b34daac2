import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { bulkhead } from '../../src/resilience/bulkhead.js'
import { circuitBreaker } from '../../src/resilience/circuit-breaker.js'
import { hedge } from '../../src/resilience/hedge.js'
import { loadShedding } from '../../src/resilience/load-shedding.js'
import { retry } from '../../src/resilience/retry.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import type { Interceptor } from '../../src/service/interceptors.js'
import { ServiceError } from '../../src/service-error.js'
import { FakeClock } from '../support/fake-clock.js'
import { all, failure, first, numbers, testContract } from '../support/services.js'
import { eventually } from '../support/turns.js'
import { gate, open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({
  get: { kind: 'unary', idempotent: true },
  add: 'unary',
  count: 'serverStream',
})

const handlers = {
  get: (message: unknown): unknown => message,
  add: (message: unknown): unknown => message,
  async *count(to: number) {
    yield* numbers(to)
  },
}

/** Refuses the first calls. */
function refusing(count: number): Interceptor {
  let left = count
  return (next) => async (call) => {
    if (left > 0) {
      left -= 1
      throw new ServiceError('UNAVAILABLE', 'busy', {
        reason: 'BUSY',
        details: { retryDelayMs: 1 },
        executed: 'no',
      })
    }
    return next(call)
  }
}

/** Interceptors of shmwire/resilience, from end to end. */
export function callResilience(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`calls over ${name} that an interceptor of the service refuses`, () => {
    it('state that they did not run, and are repeated although their method is not idempotent', async () => {
      const repeated = retry()
      const { calls, left } = await open(fixture, handlers, {
        contract: CONTRACT,
        serve: { interceptors: [refusing(3)] },
        client: { retries: 0 },
      })
      expect(await failure(calls.add(1))).toMatchObject({
        code: ErrorCode.SERVICE,
        reason: 'BUSY',
        details: { retryDelayMs: 1 },
        executed: 'no',
      })
      expect(left.open).toBe(true)
      const { calls: patient } = await open(fixture, handlers, {
        contract: CONTRACT,
        serve: { interceptors: [refusing(2)] },
        client: { interceptors: [repeated] },
      })
      expect(await patient.add(7)).toBe(7)
      expect(repeated.retries).toBe(2)
    })

    it('are repeated by the client itself, too', async () => {
      const { calls } = await open(fixture, handlers, {
        contract: CONTRACT,
        serve: { interceptors: [refusing(2)] },
      })
      expect(await calls.add(7)).toBe(7)
    })

    it('do not state it if the handler has begun, whatever its error says', async () => {
      const rethrow = (): never => {
        throw new ServiceError('UNAVAILABLE', 'of another service', { executed: 'no' })
      }
      for (const interceptors of [[], [refusing(0)]]) {
        const { calls } = await open(
          fixture,
          { ...handlers, add: rethrow },
          { contract: CONTRACT, serve: { interceptors } },
        )
        const error = await failure(calls.add(1))
        expect(error).toMatchObject({ message: 'of another service' })
        expect(error['executed']).toBeUndefined()
      }
    })

    it('reach the caller with the reason of load shedding', async () => {
      const clock = new FakeClock()
      const shedding = loadShedding({ clock, random: () => 0 })
      const { calls } = await open(fixture, handlers, {
        contract: CONTRACT,
        serve: { interceptors: [shedding] },
        client: { retries: 0 },
      })
      expect(await calls.add(1)).toBe(1)
      for (let count = 0; count < 10; count += 1) {
        clock.block(500)
        await clock.advance(0)
      }
      expect(await failure(calls.add(1))).toMatchObject({
        status: 'UNAVAILABLE',
        reason: 'OVERLOADED',
        executed: 'no',
      })
      await calls.$ping()
    })
  })

  describe(`interceptors of a client over ${name}`, () => {
    it('open a circuit after calls that took too long, and close it with a probe', async () => {
      const clock = new FakeClock()
      const breaker = circuitBreaker({ callsMin: 2, openMs: 1_000, timeoutMinMs: 0, clock })
      let hangs = true
      const { calls } = await open(
        fixture,
        { ...handlers, get: (message: unknown) => (hangs ? new Promise(() => {}) : message) },
        { contract: CONTRACT, client: { interceptors: [breaker] } },
      )
      await failure(calls.get(1, { timeoutMs: 5 }))
      await failure(calls.get(1, { signal: AbortSignal.timeout(5) }))
      expect(await failure(calls.get(1))).toMatchObject({ reason: 'CIRCUIT_OPEN', executed: 'no' })
      hangs = false
      await clock.advance(1_000)
      expect(await calls.get(2)).toBe(2)
      expect(breaker.state).toBe('closed')
    })

    it('cancel the attempt of a hedged call that did not answer first', async () => {
      const slow = gate()
      let begun = 0
      let aborted = 0
      const hedged = hedge({ delayMs: 5 })
      const { calls } = await open(
        fixture,
        {
          ...handlers,
          get: async (message: unknown, { signal }: CallContext) => {
            begun += 1
            if (begun > 1) return message
            signal.addEventListener('abort', () => {
              aborted += 1
              slow.open()
            })
            await slow.opened
            return 'too late'
          },
        },
        { contract: CONTRACT, client: { interceptors: [hedged] } },
      )
      expect(await calls.get('fast')).toBe('fast')
      await eventually(() => aborted === 1)
      expect({ ...hedged }).toMatchObject({ hedges: 1, wins: 1 })
    })

    it('limit the calls that are open, streams included', async () => {
      const places = bulkhead({ concurrency: 1 })
      const { calls } = await open(fixture, handlers, {
        contract: CONTRACT,
        client: { interceptors: [places] },
      })
      const stream = calls.count(1_000)[Symbol.asyncIterator]()
      expect(await stream.next()).toMatchObject({ value: 0 })
      expect(await failure(calls.get(1))).toMatchObject({ reason: 'BULKHEAD_FULL', executed: 'no' })
      await stream.return?.()
      expect(await calls.get(1)).toBe(1)
      expect(await all(calls.count(3))).toEqual([0, 1, 2])
      expect(await first(calls.count(3), 1)).toEqual([0])
      expect(places.running).toBe(0)
    })
  })
}
