import type { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/service/call/call-context.js'
import type { Interceptor } from '../../src/service/interceptors.js'
import { boundStore, observedTraces } from '../support/observed.js'
import { all, testContract } from '../support/services.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({
  unary: 'unary',
  generator: 'serverStream',
  plain: 'serverStream',
  reader: 'clientStream',
  bidi: 'bidi',
})

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

type Names = 'unary' | 'generator' | 'plain' | 'reader' | 'bidi'
type AnyHandlers = Record<Names, (...args: never[]) => unknown>

/** Handlers that answer with the store at each of their steps. */
function tracingHandlers(storage: Pick<AsyncLocalStorage<unknown>, 'getStore'>): AnyHandlers {
  const store = (): unknown => storage.getStore() ?? 'lost'
  return {
    async unary() {
      const before = store()
      await pause()
      return [before, store()]
    },
    async *generator() {
      yield store()
      await pause()
      yield store()
      yield store()
      await pause()
    },
    *plain() {
      yield store()
      yield store()
    },
    async reader(messages: AsyncIterable<unknown>) {
      const stores = [store()]
      for await (const _message of messages) stores.push(store())
      await pause()
      return [...stores, store()]
    },
    async *bidi(messages: AsyncIterable<unknown>) {
      for await (const _message of messages) {
        yield store()
        await pause()
        yield store()
      }
      yield store()
    },
  }
}

/** The async context of handlers and of the generators of callers, with a store that a tracer binds. */
export function callTraceContext(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`the async context of calls over ${name}`, () => {
    it.each([
      ['a contract', CONTRACT, []],
      ['interceptors', CONTRACT, [(next) => (call) => next(call)] as Interceptor[]],
      ['no contract', undefined, []],
    ] as const)('is that of the tracer in every handler, with %s', async (_form, contract, interceptors) => {
      const traceOf = ({ metadata }: Pick<CallContext, 'metadata'>): string | undefined =>
        metadata.text('traceparent')
      const calling = boundStore('shmwire:service.call', traceOf)
      const streaming = boundStore('shmwire:service.stream', traceOf)
      const storage = { getStore: () => calling.getStore() ?? streaming.getStore() }
      const { calls } = await open(fixture, tracingHandlers(storage), {
        contract,
        serve: { interceptors },
        client: { interceptors },
      })
      const traced = (trace: string) => ({ metadata: { traceparent: trace } })
      async function* messages(): AsyncGenerator<number> {
        yield 1
        await pause()
        yield 2
      }
      expect(
        await Promise.all([
          calls.unary(1, traced('a')),
          all(calls.generator(1, traced('b'))),
          // Without a contract, only an async iterable is a stream.
          contract === undefined ? ['c', 'c'] : all(calls.plain(1, traced('c'))),
          calls.reader(messages(), traced('d')),
          all(calls.bidi(messages(), traced('e'))),
        ]),
      ).toEqual([
        ['a', 'a'],
        ['b', 'b', 'b'],
        ['c', 'c'],
        ['d', 'd', 'd', 'd'],
        ['e', 'e', 'e', 'e', 'e'],
      ])
    })

    it('is that of the tracer in the generator of a caller', async () => {
      const storage = boundStore('shmwire:client.stream', ({ method }) => method)
      const { calls } = await open(
        fixture,
        {
          reader: (messages: AsyncIterable<unknown>) => all(messages),
          async *bidi(messages: AsyncIterable<unknown>) {
            yield* messages
          },
        },
        { contract: testContract({ reader: 'clientStream', bidi: 'bidi' }) },
      )
      async function* stores(): AsyncGenerator {
        yield storage.getStore()
        await pause()
        yield storage.getStore()
        yield storage.getStore()
      }
      expect(await calls.reader(stores())).toEqual(['reader', 'reader', 'reader'])
      expect(await all(calls.bidi(stores()))).toEqual(['bidi', 'bidi', 'bidi'])
      expect(storage.getStore()).toBeUndefined()
    })

    it('passes from a handler to the calls that it makes', async () => {
      const storage = boundStore('shmwire:service.call', ({ metadata }) => metadata.text('traceparent'))
      observedTraces('shmwire:client.call', ({ metadata }) => {
        const trace = storage.getStore()
        if (trace !== undefined) metadata.set('traceparent', `${trace}.child`)
      })
      const inner = await open(fixture, {
        last: (_message: unknown, { metadata }: CallContext) => metadata.text('traceparent'),
      })
      const outer = await open(fixture, {
        first: async () => {
          await pause()
          return inner.calls.last(1)
        },
      })
      expect(await outer.calls.first(1, { metadata: { traceparent: 'root' } })).toBe('root.child')
    })
  })
}
