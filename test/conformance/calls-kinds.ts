import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import type { NextInterceptor } from '../../src/service/interceptors.js'
import { serve } from '../../src/service/serve.js'
import { all, failure, numbers, testClient, testContract } from '../support/services.js'
import { eventually, turn } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({
  echo: 'unary',
  count: 'serverStream',
  sum: 'clientStream',
  both: 'bidi',
})

const handlers = {
  echo: (message: unknown) => message,
  async *count(to: number) {
    for (let number = 0; number < to; number += 1) {
      if (number % 7 === 0) await turn()
      yield number
    }
  },
  async sum(messages: AsyncIterable<number>) {
    let sum = 0
    for await (const message of messages) sum += message
    return sum
  },
  async *both(messages: AsyncIterable<number>) {
    for await (const message of messages) yield message * 2
  },
}

/** The four kinds of calls. */
export function callKinds(fixture: ChannelFixture): void {
  const { name } = fixture

  describe.each([
    ['with a contract', CONTRACT],
    ['without a contract', undefined],
  ])(`calls over ${name} %s`, (_what, contract) => {
    it('have one message or a stream of messages in each direction', async () => {
      const { calls } = await open(fixture, handlers, { contract })
      expect(await calls.echo({ id: 7 })).toEqual({ id: 7 })
      expect(await all(calls.count(100))).toEqual(Array.from({ length: 100 }, (_, index) => index))
      expect(await calls.sum(numbers(1_000))).toBe(499_500)
      expect(await all(calls.both(numbers(200)))).toEqual(Array.from({ length: 200 }, (_, at) => at * 2))
    })

    it('can have nothing as their message', async () => {
      const { calls } = await open(fixture, handlers, { contract })
      expect(await calls.echo()).toBeUndefined()
      expect(await calls.echo(undefined, {})).toBeUndefined()
      expect(await calls.echo(null)).toBeNull()
      const nothing = [undefined, null, undefined]
      expect(
        await all(
          calls.both(
            (async function* () {
              yield* nothing
            })(),
          ),
        ),
      ).toEqual([Number.NaN, 0, Number.NaN])
    })

    it('can have empty streams', async () => {
      const { calls } = await open(fixture, handlers, { contract })
      expect(await all(calls.count(0))).toEqual([])
      expect(await calls.sum(numbers(0))).toBe(0)
      expect(await all(calls.both(numbers(0)))).toEqual([])
    })

    it('keep the order of their messages', async () => {
      const { calls } = await open(fixture, handlers, { contract })
      const expected = Array.from({ length: 5_000 }, (_, index) => index)
      const [counted, doubled] = await Promise.all([all(calls.count(5_000)), all(calls.both(numbers(5_000)))])
      expect(counted).toEqual(expected)
      expect(doubled).toEqual(expected.map((number) => number * 2))
    })

    it('reach the handlers in the order in which they were made', async () => {
      const order: unknown[] = []
      const { calls } = await open(
        fixture,
        { ...handlers, echo: (value: number) => order.push(value) },
        { contract },
      )
      await Promise.all(Array.from({ length: 2_000 }, (_, index) => calls.echo(index)))
      expect(order).toEqual(Array.from({ length: 2_000 }, (_, index) => index))
    })

    it('run side by side', async () => {
      const { calls } = await open(fixture, handlers, { contract })
      const runs = Array.from({ length: 50 }, async (_, index) => {
        const [one, counted, sum, doubled] = await Promise.all([
          calls.echo(index),
          all(calls.count(index * 5)),
          calls.sum(numbers(index * 5)),
          all(calls.both(numbers(index * 5))),
        ])
        return one === index && counted.length === index * 5 && doubled.length === index * 5 ? sum : -1
      })
      const sums = Array.from({ length: 50 }, (_, index) =>
        index === 0 ? 0 : (index * 5 * (index * 5 - 1)) / 2,
      )
      expect(await Promise.all(runs)).toEqual(sums)
    })

    it('fail with UNIMPLEMENTED for an unknown method, and name the closest reason', async () => {
      const { calls, left } = await open(fixture, handlers, { contract })
      const wider = await testClient<'missing'>(left, { name: contract?.name ?? '' })
      const other = await testClient<'echo'>(left, { name: 'other' })
      const wrong = { code: ErrorCode.NO_HANDLER, status: 'UNIMPLEMENTED', executed: 'no' }
      await expect(wider.missing(1)).rejects.toMatchObject(wrong)
      await expect(wider.missing(1)).rejects.toThrow('has no method "missing"')
      await expect(other.echo(1)).rejects.toMatchObject(wrong)
      await expect(other.echo(1)).rejects.toThrow('there is no service "other"')
      await expect(all(wider.missing(numbers(5)))).rejects.toMatchObject(wrong)
      expect(await calls.echo(1)).toBe(1)
    })
  })

  describe(`calls over ${name}`, () => {
    it('send the messages of plain iterables if the contract has a stream', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT })
      expect(await calls.sum([1, 2, 3])).toBe(6)
      expect(await calls.sum(new Set([4, 5]))).toBe(9)
      expect(await all(calls.both([1, 2]))).toEqual([2, 4])
      const served = await open(
        fixture,
        { count: () => [1, 2, 3] },
        { contract: testContract({ count: 'serverStream' }) },
      )
      expect(await all(served.calls.count())).toEqual([1, 2, 3])
    })

    it('send an array as one message without a contract', async () => {
      const { calls } = await open(fixture, handlers)
      expect(await calls.echo([1, 2, 3])).toEqual([1, 2, 3])
    })

    it('of a method with a stream refuse a request that is not iterable', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT })
      const wrong = { code: ErrorCode.INVALID_ARGUMENT, executed: 'no' }
      await expect(calls.sum(5)).rejects.toMatchObject(wrong)
      await expect(all(calls.both('text'))).rejects.toMatchObject(wrong)
    })

    it('deliver a single message to a handler that takes a stream, also a long one', async () => {
      const lengths: number[] = []
      const take = async (messages: AsyncIterable<{ length: number }>): Promise<number> => {
        for await (const { length } of messages) lengths.push(length)
        return lengths.length
      }
      const contract = testContract({ take: 'clientStream' })
      const { calls, left } = await open(fixture, { take }, { contract })
      const loose = await testClient<'take'>(left, { name: contract.name })
      expect(await loose.take('short')).toBe(1)
      expect(await loose.take('x'.repeat(200_000))).toBe(2)
      expect(await calls.take(['a', 'b'])).toBe(lengths.length)
      expect(left.open).toBe(true)
    })

    it('refuse a stream for a method that takes one message', async () => {
      const { left } = await open(fixture, handlers, { contract: CONTRACT })
      const loose = await testClient<'echo' | 'count'>(left, { name: CONTRACT.name })
      const wrong = { code: ErrorCode.INVALID_ARGUMENT, executed: 'no' }
      await expect(loose.echo(numbers(500))).rejects.toMatchObject(wrong)
      await expect(all(loose.count(numbers(500)))).rejects.toMatchObject(wrong)
      expect(await loose.echo(1)).toBe(1)
    })

    it('fail when a program awaits a stream, and the handler ends', async () => {
      let ended = 0
      const { calls, left } = await open(fixture, {
        async *count() {
          try {
            for (;;) yield 1
          } finally {
            ended += 1
          }
        },
      })
      const typed = await testClient<'count'>(left, {
        contract: { ...testContract({ count: 'unary' }), name: '' },
      })
      await expect(typed.count()).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
      await eventually(() => ended === 1)
      const answer = calls.count()
      await expect(answer).rejects.toThrow('for await')
      await eventually(() => ended === 2)
      expect(await failure(all(answer))).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    })

    it.each([[[]], [[(next: NextInterceptor) => next]]])(
      'without a contract can be the answer of a handler, with interceptors %o',
      async (interceptors) => {
        const back = await open(fixture, handlers)
        const relay = {
          echo: (message: unknown) => back.calls.echo(message),
          count: (to: number) => back.calls.count(to),
          both: (messages: AsyncIterable<number>) => back.calls.both(messages),
        }
        const { calls } = await open(fixture, relay, { serve: { interceptors }, client: { interceptors } })
        expect(await calls.echo('one')).toBe('one')
        expect(await all(calls.count(100))).toEqual(await all(numbers(100)))
        expect(await all(calls.both(numbers(3)))).toEqual([0, 2, 4])
      },
    )

    it('without a contract deliver one message also to a loop', async () => {
      const { calls } = await open(fixture, handlers)
      expect(await all(calls.echo('one'))).toEqual(['one'])
    })

    it('reject an unknown option, in a promise and in a loop', async () => {
      for (const contract of [CONTRACT, undefined]) {
        const { calls } = await open(fixture, handlers, { contract })
        const options = { timeout: 5 } as object
        const wrong = {
          code: ErrorCode.INVALID_ARGUMENT,
          message: expect.stringContaining('timeoutMs') as string,
        }
        await expect(calls.echo(1, options)).rejects.toMatchObject(wrong)
        expect(await failure(all(calls.count(1, options)))).toMatchObject(wrong)
      }
    })

    it('must have a name of printable ASCII characters', async () => {
      const { calls } = await open(fixture, handlers)
      const wrong = expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error
      const names = calls as unknown as Record<string, unknown>
      expect(() => names['größe']).toThrow(wrong)
      expect(() => names['\u0141dd']).toThrow(wrong)
      expect(() => names['x'.repeat(255)]).toThrow(wrong)
      expect(names['x'.repeat(254)]).toBeTypeOf('function')
      expect((calls as unknown as { then?: unknown }).then).toBeUndefined()
    })

    it('can be answered with a service on a class, whose methods use `this`', async () => {
      class Counter {
        #count = 0
        next(by: number): number {
          this.#count += by
          return this.#count
        }
        async *all(_request: unknown, { method }: CallContext): AsyncGenerator {
          yield method
          yield this.#count
        }
      }
      const [left, right] = await fixture.join()
      await serve(right, new Counter(), { name: 'counter' })
      const calls = await testClient<'next' | 'all'>(left, { name: 'counter' })
      expect([await calls.next(2), await calls.next(3)]).toEqual([2, 5])
      expect(await all(calls.all())).toEqual(['all', 5])
    })

    it('report what a service is with $ping, $info and $stats', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT, serve: { version: '1.2.3' } })
      expect(await calls.$ping()).toBeUndefined()
      expect(await calls.$info()).toEqual({
        name: CONTRACT.name,
        version: '1.2.3',
        hash: CONTRACT.hash,
        methods: Object.entries(CONTRACT.methods).map(([method, { kind }]) => ({ name: method, kind })),
      })
      await calls.echo(1)
      await all(calls.count(3))
      const stats = await calls.$stats()
      expect(Object.keys(stats)).toEqual(['echo', 'count', 'sum', 'both'])
      expect(stats['echo']).toMatchObject({ calls: 1, errors: 0, running: 0 })
      expect(stats['count']).toMatchObject({ calls: 1, errors: 0, running: 0 })
      expect(stats['sum']).toMatchObject({ calls: 0, latencyMs: { p50: 0, max: 0 } })
    })
  })
}
