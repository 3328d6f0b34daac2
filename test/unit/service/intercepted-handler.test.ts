import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { bulkhead } from '../../../src/resilience/bulkhead.js'
import type { InterceptedAnswer, Interceptor } from '../../../src/service/interceptors.js'
import { serve } from '../../../src/service/serve.js'
import { ServiceError } from '../../../src/service-error.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { all, failure, numbers, type TestClient, testClient, testContract } from '../../support/services.js'
import { eventually } from '../../support/turns.js'

const CONTRACT = testContract({ get: 'unary', count: 'serverStream' })

async function opened(
  handlers: Record<'get' | 'count', (...values: unknown[]) => unknown>,
  interceptors: readonly Interceptor[],
  contract: typeof CONTRACT | undefined = CONTRACT,
): Promise<TestClient<'get' | 'count'>> {
  const [left, right] = createChannelPair()
  await serve(right, handlers, { contract, interceptors })
  return testClient<'get' | 'count'>(left, { contract, retries: 0, timeoutMs: Number.POSITIVE_INFINITY })
}

/** A point that a test passes when it says so. */
function gate(): { readonly passed: Promise<void>; pass(): void } {
  let pass: () => void = () => {}
  const passed = new Promise<void>((resolve) => {
    pass = resolve
  })
  return { passed, pass: () => pass() }
}

const denied: Interceptor = (next) => async (call) => {
  await next(call)
  throw new ServiceError('PERMISSION_DENIED', 'denied later')
}

describe('a service whose interceptor fails after the handler has returned a stream', () => {
  it.each([CONTRACT, undefined])('ends the stream, which keeps no place of a bulkhead', async (contract) => {
    const places = bulkhead({ concurrency: 1 })
    let streams = 0
    const handlers = {
      get: () => 1,
      count: () => {
        streams += 1
        return numbers(3)
      },
    }
    const calls = await opened(handlers, [denied, places], contract)
    for (let count = 1; count <= 3; count += 1) {
      await expect(all(calls.count(3))).rejects.toMatchObject({ status: 'PERMISSION_DENIED' })
      expect(streams).toBe(count)
      await eventually(() => places.running === 0)
    }
  })

  it('also ends a stream that it gets after the call has failed', async () => {
    const places = bulkhead({ concurrency: 1 })
    const slow = gate()
    const impatient: Interceptor = (next) => (call) =>
      Promise.race<InterceptedAnswer>([next(call), Promise.reject(new ServiceError('UNAVAILABLE', 'busy'))])
    const handlers = {
      get: () => 1,
      count: async () => {
        await slow.passed
        return numbers(3)
      },
    }
    const calls = await opened(handlers, [impatient, places])
    await expect(all(calls.count(3))).rejects.toMatchObject({ status: 'UNAVAILABLE' })
    expect(places.running).toBe(1)
    slow.pass()
    await eventually(() => places.running === 0)
  })

  it('keeps the streams of an interceptor that reads them one after the other', async () => {
    const places = bulkhead({ concurrency: 1 })
    const twice: Interceptor = (next) => async (call) => {
      const answer = await next(call)
      async function* messages(): AsyncGenerator {
        yield* answer.message as AsyncIterable<unknown>
        yield* (await next(call)).message as AsyncIterable<unknown>
      }
      return { ...answer, message: messages() }
    }
    const calls = await opened({ get: () => 1, count: () => numbers(2) }, [twice, places])
    expect(await all(calls.count(2))).toEqual([0, 1, 0, 1])
    expect(places.running).toBe(0)
  })
})

describe('a bulkhead of a service', () => {
  it('keeps no place for one message that has an iterator', async () => {
    const places = bulkhead({ concurrency: 1 })
    const message = (): unknown =>
      Object.defineProperty({ text: 'one' }, Symbol.asyncIterator, { value: () => numbers(1) })
    const calls = await opened({ get: message, count: () => numbers(1) }, [places])
    for (let count = 0; count < 2; count += 1) expect(await calls.get(1)).toEqual({ text: 'one' })
    expect(places.running).toBe(0)
  })
})

describe('a call that an interceptor of the service has ended', () => {
  it('does not begin its handler any more', async () => {
    const places = bulkhead({ concurrency: 1, waiting: 1 })
    const slow = gate()
    const lateErrors: unknown[] = []
    let runs = 0
    const impatient: Interceptor = (next) => (call) => {
      const answer = next(call)
      if (runs === 0) return answer
      answer.catch((error: unknown) => lateErrors.push(error))
      return Promise.reject(new ServiceError('UNAVAILABLE', 'busy', { executed: 'no' }))
    }
    const handlers = {
      get: async () => {
        runs += 1
        await slow.passed
        return 'done'
      },
      count: () => numbers(1),
    }
    const calls = await opened(handlers, [impatient, places])
    const first = calls.get(1)
    await eventually(() => runs === 1)
    expect(await failure(calls.get(2))).toMatchObject({ status: 'UNAVAILABLE', executed: 'no' })
    expect(places.waiting).toBe(1)
    slow.pass()
    expect(await first).toBe('done')
    await eventually(() => lateErrors.length === 1)
    expect(lateErrors).toMatchObject([{ code: ErrorCode.ABORTED, executed: 'no' }])
    expect({ runs, running: places.running }).toEqual({ runs: 1, running: 0 })
  })
})
