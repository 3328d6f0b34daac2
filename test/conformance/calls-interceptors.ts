import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { tracked } from '../../src/service/call/call-context.js'
import { Metadata } from '../../src/service/call/metadata.js'
import type { Interceptor } from '../../src/service/interceptors.js'
import { ServiceError } from '../../src/service-error.js'
import { all, failure, first, numbers, testContract } from '../support/services.js'
import { eventually } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({ echo: 'unary', count: 'serverStream', sum: 'clientStream', both: 'bidi' })

const handlers = {
  echo: (message: unknown) => message,
  async *count(to: number) {
    yield* numbers(to)
  },
  async sum(messages: AsyncIterable<number>) {
    return (await all(messages)).reduce((sum, one) => sum + one, 0)
  },
  async *both(messages: AsyncIterable<number>) {
    for await (const message of messages) yield message
  },
}

function isStream(message: unknown): message is AsyncIterable<unknown> {
  return typeof message === 'object' && message !== null && Symbol.asyncIterator in message
}

/** Adds `by` to each message of the call and of the answer. */
function adding(by: number): Interceptor {
  async function* each(messages: AsyncIterable<unknown>): AsyncGenerator {
    for await (const message of messages) yield (message as number) + by
  }
  const add = (message: unknown): unknown => (isStream(message) ? each(message) : (message as number) + by)
  return (next) => async (call) => {
    const answer = await next({ ...call, message: add(call.message) })
    return { ...answer, message: add(answer.message) }
  }
}

/** Interceptors of both sides. */
export function callInterceptors(fixture: ChannelFixture): void {
  const { name } = fixture

  describe.each([
    ['with a contract', CONTRACT],
    ['without a contract', undefined],
  ])(`interceptors of calls over ${name} %s`, (_what, contract) => {
    it('run in their order on both sides, with calls of all kinds', async () => {
      const events: string[] = []
      const log =
        (what: string): Interceptor =>
        (next) =>
        async (call) => {
          events.push(`${what} ${call.side} ${call.method}`)
          const answer = await next(call)
          events.push(`${what} answer`)
          return answer
        }
      const { calls } = await open(fixture, handlers, {
        contract,
        client: { interceptors: [log('first'), log('second')] },
        serve: { interceptors: [log('third'), log('fourth')] },
      })
      const runs = {
        echo: () => calls.echo(1),
        count: () => all(calls.count(2)),
        sum: () => calls.sum(numbers(3)),
        both: () => all(calls.both(numbers(2))),
      }
      for (const [method, run] of Object.entries(runs)) {
        events.length = 0
        await run()
        await eventually(() => events.length === 8)
        // The answer of the client begins before that of the service if it is a stream.
        const of = (side: RegExp): string[] => events.filter((event) => side.test(event))
        expect(of(/^(?:first|second)/)).toEqual([
          `first client ${method}`,
          `second client ${method}`,
          'second answer',
          'first answer',
        ])
        expect(of(/^(?:third|fourth)/)).toEqual([
          `third service ${method}`,
          `fourth service ${method}`,
          'fourth answer',
          'third answer',
        ])
      }
    })

    it('replace messages and streams in both directions', async () => {
      const { calls } = await open(fixture, handlers, {
        contract,
        client: { interceptors: [adding(1)] },
        serve: { interceptors: [adding(10), adding(100)] },
      })
      expect(await calls.echo(0)).toBe(222)
      expect(await all(calls.count(0))).toEqual(Array.from({ length: 111 }, (_, index) => index + 111))
      expect(await calls.sum(numbers(3))).toBe(3 + 3 * 111 + 111)
      expect(await all(calls.both(numbers(3)))).toEqual([222, 223, 224])
    })

    it.each(['client', 'service'])('of the %s can refuse a call', async (side) => {
      let begun = 0
      const refuse: Interceptor = () => async () => {
        throw new ServiceError('UNAUTHENTICATED', 'who are you?', { reason: 'NO_TOKEN' })
      }
      const { calls } = await open(
        fixture,
        {
          echo: () => {
            begun += 1
          },
          async *count() {
            begun += 1
            yield 1
          },
        },
        {
          contract: contract && testContract({ echo: 'unary', count: 'serverStream' }),
          [side === 'client' ? 'client' : 'serve']: { interceptors: [refuse] },
        },
      )
      const refused = { code: ErrorCode.SERVICE, status: 'UNAUTHENTICATED', reason: 'NO_TOKEN' }
      expect(await failure(calls.echo())).toMatchObject(refused)
      expect(await failure(all(calls.count()))).toMatchObject(refused)
      expect(begun).toBe(0)
    })

    it.each(['client', 'service'])('of the %s see errors and can replace them', async (side) => {
      const seen: unknown[] = []
      const replace: Interceptor = (next) => async (call) => {
        const answer = await next(call).catch((error: unknown) => {
          seen.push((error as { status?: string }).status)
          throw new ServiceError('DATA_LOSS', 'replaced')
        })
        const { message } = answer
        if (!isStream(message)) return answer
        async function* replaced(): AsyncGenerator {
          try {
            yield* message as AsyncIterable<unknown>
          } catch (error) {
            seen.push((error as { status?: string }).status)
            throw new ServiceError('DATA_LOSS', 'replaced')
          }
        }
        return { ...answer, message: replaced() }
      }
      const { calls } = await open(
        fixture,
        {
          fail: () => {
            throw new ServiceError('NOT_FOUND', 'original')
          },
          async *failLate() {
            yield 1
            throw new ServiceError('NOT_FOUND', 'original')
          },
        },
        {
          contract: contract && testContract({ fail: 'unary', failLate: 'serverStream' }),
          [side === 'client' ? 'client' : 'serve']: { interceptors: [replace] },
        },
      )
      const replaced = { status: 'DATA_LOSS', message: 'replaced' }
      expect(await failure(calls.fail())).toMatchObject(replaced)
      expect(await failure(all(calls.failLate()))).toMatchObject(replaced)
      expect(seen).toEqual(['NOT_FOUND', 'NOT_FOUND'])
    })

    it('exchange headers and trailers', async () => {
      const seen: Record<string, unknown> = {}
      const { calls } = await open(fixture, handlers, {
        contract,
        client: {
          interceptors: [
            (next) => async (call) => {
              call.metadata.set('token', 'secret')
              const { message, headers, trailers } = await next({ ...call, metadata: call.metadata })
              seen['headers'] = headers.text('region')
              if (!isStream(message)) seen['trailers'] = trailers.text('cost')
              return { message, headers, trailers }
            },
          ],
        },
        serve: {
          interceptors: [
            (next) => async (call) => {
              if (call.metadata.text('token') !== 'secret')
                throw new ServiceError('UNAUTHENTICATED', 'no token')
              call.context?.headers.set('region', 'eu')
              const answer = await next(call)
              answer.trailers.set('cost', '5')
              return answer
            },
          ],
        },
      })
      expect(await calls.echo(1)).toBe(1)
      expect(seen).toEqual({ headers: 'eu', trailers: '5' })
      let trailers = new Metadata()
      const onTrailers = (received: Metadata): void => {
        trailers = received
      }
      expect(await all(calls.count(2, { onTrailers }))).toEqual([0, 1])
      expect(trailers.text('cost')).toBe('5')
    })

    it('can answer without the service, and call it again', async () => {
      let count = 0
      const again: Interceptor = (next) => async (call) => {
        if (call.message === 'cached')
          return { message: 'from the cache', headers: new Metadata(), trailers: new Metadata() }
        await next(call)
        return next({ ...call, message: 'again' })
      }
      const { calls } = await open(
        fixture,
        {
          echo: (message: unknown) => {
            count += 1
            return message
          },
        },
        { contract: contract && testContract({ echo: 'unary' }), client: { interceptors: [again] } },
      )
      expect(await calls.echo('cached')).toBe('from the cache')
      expect(count).toBe(0)
      expect(await calls.echo('first')).toBe('again')
      expect(count).toBe(2)
    })

    it('end with a loop that the program leaves, on both sides', async () => {
      const events = new Set<string>()
      const wrapping =
        (side: string): Interceptor =>
        (next) =>
        async (call) => {
          const answer = await next(call)
          async function* wrapped(): AsyncGenerator {
            try {
              yield* answer.message as AsyncIterable<unknown>
            } finally {
              events.add(side)
            }
          }
          return { ...answer, message: wrapped() }
        }
      const { calls } = await open(
        fixture,
        {
          async *count(_request: unknown, { signal }: CallContext) {
            signal.addEventListener('abort', () => events.add('signal'))
            try {
              for (;;) yield 1
            } finally {
              events.add('handler')
            }
          },
        },
        {
          contract: contract && testContract({ count: 'serverStream' }),
          client: { interceptors: [wrapping('client')] },
          serve: { interceptors: [wrapping('service')] },
        },
      )
      for await (const _message of calls.count()) break
      await eventually(() => events.size === 4)
      expect([...events].toSorted()).toEqual(['client', 'handler', 'service', 'signal'])
    })

    it('keep the id of the last message of a stream', async () => {
      const pass: Interceptor = (next) => next
      const { calls } = await open(
        fixture,
        {
          async *count(to: number) {
            for (let number = 0; number < to; number += 1) yield tracked(`id ${number}`, number)
          },
        },
        {
          contract: contract && testContract({ count: 'serverStream' }),
          client: { interceptors: [pass] },
          serve: { interceptors: [pass] },
        },
      )
      const stream = calls.count(10)
      expect(await first(stream, 3)).toEqual([0, 1, 2])
      expect(stream.lastEventId).toBe('id 2')
    })
  })
}
