import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { Metadata } from '../../src/service/call/metadata.js'
import type { Interceptor } from '../../src/service/interceptors.js'
import { ServiceError } from '../../src/service-error.js'
import { eventsOf, FAILURE, observedTraces, SUCCESS } from '../support/observed.js'
import { all, failure, numberMessage, numbers, testContract } from '../support/services.js'
import { eventually } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({
  echo: 'unary',
  fail: 'unary',
  hang: 'unary',
  count: 'serverStream',
  sum: 'clientStream',
  twice: 'bidi',
})

const handlers = {
  echo: (message: unknown) => message,
  fail: () => {
    throw new ServiceError('NOT_FOUND', 'none')
  },
  hang: () => new Promise(() => {}),
  async *count(to: number) {
    yield* numbers(to)
  },
  async sum(messages: AsyncIterable<number>) {
    let sum = 0
    for await (const message of messages) sum += message
    return sum
  },
  async *twice(messages: AsyncIterable<number>) {
    for await (const message of messages) yield 2 * message
  },
}

/** The diagnostics channels of calls, on both sides. */
export function callDiagnostics(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`diagnostics of calls over ${name}`, () => {
    it('report a call once on each side', async () => {
      const client = observedTraces('shmwire:client.call')
      const service = observedTraces('shmwire:service.call')
      const { calls, left, right } = await open(fixture, handlers, { contract: CONTRACT })
      expect(await calls.echo('hello', { metadata: { a: '1' } })).toBe('hello')
      await eventually(() => service.length === SUCCESS.length)
      expect(eventsOf(client)).toEqual(SUCCESS)
      expect(eventsOf(service)).toEqual(SUCCESS)
      const method = { service: CONTRACT.name, method: 'echo', kind: 'unary' }
      const { metadata, ...rest } = client[0]?.payload ?? {}
      expect(rest).toEqual({ ...method, address: undefined, channel: left })
      expect([...(metadata ?? [])]).toEqual([['a', '1']])
      const { metadata: received, context, ...others } = service[0]?.payload ?? {}
      expect(others).toEqual({ ...method, requestBytes: 6 })
      expect([...(received ?? [])]).toEqual([['a', '1']])
      expect(context?.channel).toBe(right)
    })

    it.each([undefined, CONTRACT])('report the error of a call', async (contract) => {
      const client = observedTraces('shmwire:client.call')
      const service = observedTraces('shmwire:service.call')
      const { calls } = await open(fixture, handlers, { contract })
      const error = await failure(calls.fail(1))
      expect(eventsOf(client)).toEqual(FAILURE)
      expect(client.at(-1)?.payload.error).toBe(error)
      expect(eventsOf(service)).toEqual(FAILURE)
      expect(service.at(-1)?.payload.error).toMatchObject({ status: 'NOT_FOUND', message: 'none' })
    })

    it('report the kinds of streams, until their loops end', async () => {
      const client = observedTraces('shmwire:client.stream')
      const service = observedTraces('shmwire:service.stream')
      const others = observedTraces('shmwire:client.call')
      const { calls } = await open(fixture, handlers, { contract: CONTRACT })
      const stream = calls.count(2)
      expect(await stream.next()).toEqual({ done: false, value: 0 })
      expect(eventsOf(client)).toEqual(['start', 'end'])
      expect(await all(stream)).toEqual([1])
      expect(eventsOf(client)).toEqual(SUCCESS)
      expect(await calls.sum([1, 2])).toBe(3)
      expect(await all(calls.twice([1, 2]))).toEqual([2, 4])
      await eventually(() => service.length === 3 * SUCCESS.length)
      expect(eventsOf(client)).toEqual([...SUCCESS, ...SUCCESS, ...SUCCESS])
      const started = (seen: typeof client | typeof service) =>
        seen.filter(({ event }) => event === 'start').map(({ payload: { method, kind } }) => [method, kind])
      const kinds = [
        ['count', 'serverStream'],
        ['sum', 'clientStream'],
        ['twice', 'bidi'],
      ]
      expect(started(client)).toEqual(kinds)
      expect(started(service)).toEqual(kinds)
      expect(
        service.filter(({ payload }) => 'requestBytes' in payload && payload.requestBytes === undefined),
      ).toHaveLength(8)
      expect(others).toEqual([])
    })

    it('report the end of a loop that is left, and the error of one that fails', async () => {
      const client = observedTraces('shmwire:client.stream')
      const service = observedTraces('shmwire:service.stream')
      const { calls } = await open(
        fixture,
        {
          ...handlers,
          async *count() {
            yield 1
            throw new ServiceError('ABORTED', 'broken')
          },
          async *twice() {
            for (;;) yield 1
          },
        },
        { contract: CONTRACT },
      )
      for await (const _message of calls.twice([])) break
      await eventually(() => service.length === FAILURE.length)
      expect(eventsOf(client)).toEqual(SUCCESS)
      expect(service.at(-1)?.payload.error).toMatchObject({ code: ErrorCode.ABORTED })
      expect(await failure(all(calls.count(1)))).toMatchObject({ status: 'ABORTED' })
      expect(eventsOf(client)).toEqual([...SUCCESS, ...FAILURE])
    })

    it('report calls without a contract, whatever their answer is', async () => {
      const client = observedTraces('shmwire:client.call')
      const { calls } = await open(fixture, handlers)
      expect(await calls.echo(1)).toBe(1)
      expect(eventsOf(client)).toEqual(SUCCESS)
      const stream = calls.count(2)[Symbol.asyncIterator]()
      expect(await stream.next()).toEqual({ done: false, value: 0 })
      expect(client).toHaveLength(SUCCESS.length + 2)
      expect(await all(stream)).toEqual([1])
      expect(eventsOf(client)).toEqual([...SUCCESS, ...SUCCESS])
      expect(await all(calls.echo(5))).toEqual([5])
      expect(await failure(calls.count(1))).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
      expect(eventsOf(client).slice(8)).toEqual([...SUCCESS, ...FAILURE])
      expect(client[0]?.payload.kind).toBeUndefined()
    })

    it('report a call that is cancelled, and one with a message that the contract refuses', async () => {
      const client = observedTraces('shmwire:client.call')
      const service = observedTraces('shmwire:service.call')
      const contract = testContract({ hang: 'unary', echo: { kind: 'unary', input: numberMessage() } })
      const { calls } = await open(fixture, handlers, { contract })
      const controller = new AbortController()
      const reply = failure(calls.hang(1, { signal: controller.signal }))
      await eventually(() => service.length === 2)
      controller.abort()
      await reply
      await eventually(() => service.length === FAILURE.length)
      for (const seen of [client, service])
        expect(seen.at(-1)).toMatchObject({
          event: 'asyncEnd',
          payload: { error: { code: ErrorCode.ABORTED } },
        })
      await failure(calls.echo('text'))
      expect(service.at(-1)).toMatchObject({
        event: 'asyncEnd',
        payload: { method: 'echo', error: { status: 'INVALID_ARGUMENT' } },
      })
    })

    it('report a call that cannot begin, with its own error', async () => {
      const client = observedTraces('shmwire:client.call')
      const { calls, left } = await open(fixture, handlers, { contract: CONTRACT })
      const wrong = await failure(calls.echo(1, { metadata: 5 as never }))
      expect(wrong).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
      expect(client.at(-1)?.payload.error).toBe(wrong)
      left.destroy()
      const absent = await failure(calls.echo(1))
      expect(client.at(-1)?.payload).toMatchObject({ channel: undefined, error: absent })
      expect(eventsOf(client)).toEqual([...FAILURE, ...FAILURE])
    })

    it('let a subscriber add headers, which the objects of the program do not get', async () => {
      observedTraces('shmwire:client.call', ({ metadata }) => metadata.set('traceparent', 'injected'))
      observedTraces('shmwire:client.stream', ({ metadata }) => metadata.set('traceparent', 'injected'))
      const intercepted: unknown[] = []
      const see: Interceptor = (next) => (call) => {
        intercepted.push(call.metadata.text('traceparent'))
        return next(call)
      }
      const trace = (_message: unknown, { metadata }: CallContext) =>
        [...metadata].map(([key, value]) => `${key}=${String(value)}`).join()
      const { calls } = await open(
        fixture,
        {
          echo: trace,
          async *count(message: unknown, context: CallContext) {
            yield trace(message, context)
          },
        },
        { client: { interceptors: [see] } },
      )
      const own = new Metadata({ own: '1' })
      expect(await calls.echo(1)).toBe('traceparent=injected')
      expect(await calls.echo(1, { metadata: own })).toBe('own=1,traceparent=injected')
      expect(await all(calls.count(1, { metadata: { traceparent: 'mine' } }))).toEqual([
        'traceparent=injected',
      ])
      expect([...own]).toEqual([['own', '1']])
      expect(intercepted).toEqual(['injected', 'injected', 'injected'])
    })
  })
}
