import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import type { InterceptedCall, Interceptor } from '../../src/service/interceptors.js'
import { ServiceError } from '../../src/service-error.js'
import { all, failure, numberMessage, numbers, testContract } from '../support/services.js'
import { eventually, turns } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({ echo: 'unary', count: 'serverStream' })

const handlers = {
  echo: (message: unknown) => message,
  async *count(to: number) {
    yield* numbers(to)
  },
}

/** The call that interceptors see: its time, its signal and its message. */
export function callInterceptorContext(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`interceptors of calls over ${name}`, () => {
    it('can shorten the time of a call and replace its signal', async () => {
      const controller = new AbortController()
      let remainingMs = 0
      const { calls } = await open(
        fixture,
        {
          hang: (_request: unknown, context: CallContext) => {
            ;({ remainingMs } = context)
            return new Promise(() => {})
          },
        },
        {
          contract: testContract({ hang: 'unary' }),
          client: {
            interceptors: [
              (next) => (call) =>
                next(
                  call.message === 'signal'
                    ? { ...call, signal: controller.signal }
                    : { ...call, remainingMs: Math.min(20, call.remainingMs) },
                ),
            ],
          },
        },
      )
      expect(await failure(calls.hang())).toMatchObject({ code: ErrorCode.TIMEOUT })
      expect(remainingMs).toBeLessThanOrEqual(20)
      const reply = failure(calls.hang('signal'))
      await eventually(() => remainingMs > 20)
      controller.abort()
      expect(await reply).toMatchObject({ code: ErrorCode.ABORTED })
    })

    it('share the deadline of the call', async () => {
      const { calls } = await open(
        fixture,
        { time: (_request: unknown, { remainingMs }: CallContext) => remainingMs },
        {
          contract: testContract({ time: 'unary' }),
          client: {
            interceptors: [
              (next) => async (call) => {
                const begunMs = performance.now()
                await eventually(() => performance.now() - begunMs > 30)
                return next(call)
              },
            ],
          },
        },
      )
      expect(await calls.time(0, { timeoutMs: 10_000 })).toBeLessThanOrEqual(9_970)
    })

    it('see a call as it is', async () => {
      const seen: InterceptedCall[] = []
      const see: Interceptor = (next) => (call) => {
        seen.push(call)
        return next(call)
      }
      const { calls } = await open(fixture, handlers, {
        contract: CONTRACT,
        client: { interceptors: [see] },
        serve: { interceptors: [see] },
      })
      await calls.echo({ id: 1 }, { timeoutMs: 5_000, metadata: { a: '1' } })
      const shared = { service: CONTRACT.name, method: 'echo', kind: 'unary', message: { id: 1 } }
      expect(seen).toHaveLength(2)
      expect(seen[0]).toMatchObject({ ...shared, side: 'client', context: undefined, remainingMs: 5_000 })
      expect(seen[1]).toMatchObject({ ...shared, side: 'service' })
      expect(seen[1]?.remainingMs).toBeLessThanOrEqual(5_000)
      expect(seen[1]?.context?.method).toBe('echo')
      for (const call of seen) {
        expect(call.metadata.text('a')).toBe('1')
        expect(call.signal.aborted).toBe(false)
      }
    })

    it('of the service run before the message is checked', async () => {
      const input = numberMessage()
      const events: unknown[] = []
      const guard: Interceptor = (next) => async (call) => {
        events.push(['intercepted', call.message])
        if (call.message === 'refused') throw new ServiceError('PERMISSION_DENIED', 'no')
        return next(call)
      }
      const { calls } = await open(
        fixture,
        {
          echo: (value: unknown) => value,
          sum: async (messages: AsyncIterable<unknown>) => (await all(messages)).length,
        },
        {
          contract: testContract({ echo: { kind: 'unary', input }, sum: { kind: 'clientStream', input } }),
          serve: { interceptors: [guard] },
        },
      )
      expect(await failure(calls.echo('refused'))).toMatchObject({ status: 'PERMISSION_DENIED' })
      expect(input.seen).toEqual([])
      expect(await failure(calls.echo('text'))).toMatchObject({ status: 'INVALID_ARGUMENT' })
      expect(await failure(calls.sum([1, 'two']))).toMatchObject({ status: 'INVALID_ARGUMENT' })
      expect(await calls.sum([1, 2])).toBe(2)
      expect(await calls.echo(5)).toBe(5)
    })

    it.each([5, [5], [undefined], 'text'])('must be an array of functions, not %j', async (interceptors) => {
      const options = { interceptors: interceptors as never }
      await expect(open(fixture, handlers, { serve: options })).rejects.toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
      })
      await expect(open(fixture, handlers, { client: options })).rejects.toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
      })
    })

    it('end a call by a signal of another realm, and keep no listener of it afterwards', async () => {
      const pass: Interceptor = (next) => next
      const { calls } = await open(
        fixture,
        { ...handlers, hang: () => new Promise(() => {}) },
        {
          contract: testContract({ echo: 'unary', count: 'serverStream', hang: 'unary' }),
          client: { interceptors: [pass] },
        },
      )
      const listeners = new Set<() => void>()
      const foreign = {
        aborted: false,
        reason: new Error('foreign'),
        addEventListener: (_name: string, listener: () => void) => listeners.add(listener),
        removeEventListener: (_name: string, listener: () => void) => listeners.delete(listener),
      }
      const options = { signal: foreign as unknown as AbortSignal }
      expect(await calls.echo(1, options)).toBe(1)
      expect(await all(calls.count(2, options))).toEqual([0, 1])
      for await (const _message of calls.count(9, options)) break
      expect(listeners.size).toBe(0)
      const reply = failure(calls.hang(0, options))
      await turns(2)
      for (const listener of listeners) listener()
      expect(await reply).toMatchObject({ code: ErrorCode.ABORTED, cause: foreign.reason })
      expect(listeners.size).toBe(0)
    })

    it('cancel a call that waits in an interceptor', async () => {
      const wait: Interceptor = (next) => async (call) => {
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()))
        return next(call)
      }
      const { calls } = await open(fixture, handlers, {
        contract: CONTRACT,
        client: { interceptors: [wait] },
      })
      const controller = new AbortController()
      const reply = failure(calls.echo(1, { signal: controller.signal }))
      await turns(3)
      controller.abort()
      expect(await reply).toMatchObject({ code: ErrorCode.ABORTED, executed: 'no' })
      const stream = calls.count(5)
      const next = stream.next()
      await turns(3)
      await stream.return?.()
      expect(await next).toEqual({ value: undefined, done: true })
    })
  })
}
