import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { type CallContext, tracked } from '../../src/service/call/call-context.js'
import { Metadata, type MetadataValue } from '../../src/service/call/metadata.js'
import { serve } from '../../src/service/serve.js'
import { ServiceError } from '../../src/service-error.js'
import { METADATA_BYTES_MAX } from '../../src/wire/call-records.js'
import { all, failure, first, numbers, testClient, testContract } from '../support/services.js'
import { eventually, turns } from '../support/turns.js'
import { collectUncaught } from '../support/uncaught.js'
import { gate, open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({
  echo: 'unary',
  count: 'serverStream',
  sum: 'clientStream',
  both: 'bidi',
  fail: 'unary',
  failLate: 'serverStream',
})

/** Sends its headers and trailers from those of the caller. */
function answer({ metadata, headers, trailers }: CallContext): [string, MetadataValue][] {
  const received = [...metadata]
  for (const [name, value] of received) {
    headers.set(`h-${name}`, value)
    trailers.set(`t-${name}`, value)
  }
  return received
}

const handlers = {
  echo: (_request: unknown, context: CallContext) => answer(context),
  async *count(to: number, context: CallContext) {
    answer(context)
    yield* numbers(to)
  },
  async sum(messages: AsyncIterable<number>, context: CallContext) {
    await all(messages)
    return answer(context)
  },
  async *both(messages: AsyncIterable<number>, context: CallContext) {
    answer(context)
    yield* messages
  },
  fail(_request: unknown, context: CallContext) {
    answer(context)
    throw new ServiceError('NOT_FOUND', 'no')
  },
  async *failLate(_request: unknown, context: CallContext) {
    answer(context)
    yield 1
    throw new ServiceError('NOT_FOUND', 'no')
  },
}

/** Collects the metadata of an answer, and when it arrived. */
function collector() {
  const events: string[] = []
  let headers: Metadata | undefined
  let trailers: Metadata | undefined
  return {
    events,
    options: {
      onHeaders: (received: Metadata) => {
        events.push('headers')
        headers = received
      },
      onTrailers: (received: Metadata) => {
        events.push('trailers')
        trailers = received
      },
    },
    received: () => ({ headers: [...(headers ?? [])], trailers: [...(trailers ?? [])] }),
  }
}

const SENT: readonly [string, MetadataValue][] = [
  ['x-text', 'a value of printable ASCII !~'],
  ['empty', ''],
  ['id-bin', new Uint8Array([0, 1, 254, 255])],
]
const prefixed = (prefix: string) => SENT.map(([name, value]) => [`${prefix}-${name}`, value])

/** Headers, trailers and what else travels with a call. */
export function callMetadata(fixture: ChannelFixture): void {
  const { name } = fixture

  describe.each([
    ['with a contract', CONTRACT],
    ['without a contract', undefined],
  ])(`metadata of calls over ${name} %s`, (_what, contract) => {
    it('arrives on both sides with calls of all kinds', async () => {
      const { calls } = await open(fixture, handlers, { contract })
      const runs = [
        (options: object) => calls.echo(0, options),
        (options: object) => all(calls.count(3, options)),
        (options: object) => calls.sum(numbers(3), options),
        (options: object) => all(calls.both(numbers(3), options)),
        (options: object) => all(calls.count(0, options)),
      ]
      for (const run of runs) {
        const { events, options, received } = collector()
        await run({ ...options, metadata: new Metadata(SENT) })
        expect(events).toEqual(['headers', 'trailers'])
        expect(received()).toEqual({ headers: prefixed('h'), trailers: prefixed('t') })
      }
      expect(await calls.echo(0, { metadata: Object.fromEntries(SENT) })).toEqual(SENT)
      expect(await calls.echo(0, { metadata: { 'X-Upper': '1' } })).toEqual([['x-upper', '1']])
      expect(await calls.echo()).toEqual([])
    })

    it('ends with the trailers of an error', async () => {
      const { calls } = await open(fixture, handlers, { contract })
      const early = collector()
      expect(await failure(calls.fail(0, { ...early.options, metadata: SENT }))).toMatchObject({
        status: 'NOT_FOUND',
      })
      expect(early.received().trailers).toEqual(prefixed('t'))
      const late = collector()
      expect(await failure(all(calls.failLate(0, { ...late.options, metadata: SENT })))).toMatchObject({
        status: 'NOT_FOUND',
      })
      expect(late.events).toEqual(['headers', 'trailers'])
      expect(late.received()).toEqual({ headers: prefixed('h'), trailers: prefixed('t') })
    })

    it('brings the headers before the first message', async () => {
      const opened = gate()
      const { calls } = await open(
        fixture,
        {
          async *count(_request: unknown, { headers }: CallContext) {
            headers.set('early', 'yes')
            yield 1
            headers.set('late', 'no')
            await opened.opened
            yield 2
          },
        },
        { contract: contract && testContract({ count: 'serverStream' }) },
      )
      const { events, options, received } = collector()
      for await (const message of calls.count(0, options)) {
        events.push(`message ${message}`)
        opened.open()
      }
      expect(events).toEqual(['headers', 'message 1', 'message 2'])
      expect(received().headers).toEqual([['early', 'yes']])
    })

    it('has at most 16 KiB in each direction', async () => {
      const { calls } = await open(
        fixture,
        {
          echo: (bytes: number, { headers, metadata }: CallContext) => {
            if (bytes > 0) headers.set('h', 'x'.repeat(bytes))
            return metadata.text('x')?.length
          },
        },
        { contract: contract && testContract({ echo: 'unary' }) },
      )
      const most = METADATA_BYTES_MAX - 4
      expect(await calls.echo(most, { metadata: { x: 'x'.repeat(most) } })).toBe(most)
      expect(await failure(calls.echo(0, { metadata: { x: 'x'.repeat(most + 1) } }))).toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining(`longer than ${METADATA_BYTES_MAX} bytes`) as string,
      })
      expect(await failure(calls.echo(most + 1))).toMatchObject({
        code: ErrorCode.REMOTE,
        remoteCode: ErrorCode.INVALID_ARGUMENT,
      })
    })

    it('resumes a stream after the last message that the program has taken', async () => {
      const { calls } = await open(
        fixture,
        {
          async *count(to: number, { lastEventId }: CallContext) {
            for (let number = Number(lastEventId ?? '-1') + 1; number < to; number += 1)
              yield tracked(String(number), { number })
          },
        },
        { contract: contract && testContract({ count: 'serverStream' }) },
      )
      const stream = calls.count(50)
      const taken = (await first(stream, 20)) as { number: number }[]
      const { lastEventId } = stream
      expect(lastEventId).toBe('19')
      for await (const message of calls.count(50, { lastEventId: lastEventId as string }))
        taken.push(message as { number: number })
      expect(taken.map(({ number }) => number)).toEqual(Array.from({ length: 50 }, (_, index) => index))
    })
  })

  describe(`metadata of calls over ${name}`, () => {
    it.each(['größe', 'x'.repeat(256), '\n'])('does not carry the event id %j', async (id) => {
      const { calls } = await open(
        fixture,
        {
          async *count() {
            yield tracked(id, 1)
          },
        },
        { contract: testContract({ count: 'serverStream' }) },
      )
      expect(await failure(all(calls.count()))).toMatchObject({ remoteCode: ErrorCode.INVALID_ARGUMENT })
    })

    it('does not end calls or the channel when a callback throws', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT })
      const error = new Error('in a callback')
      const options = {
        metadata: { a: '1' },
        onHeaders: () => {
          throw error
        },
        onTrailers: () => {
          throw error
        },
      }
      const thrown = await collectUncaught(async () => {
        expect(await calls.echo(0, options)).toEqual([['a', '1']])
        expect(await all(calls.count(2, options))).toEqual([0, 1])
        await turns(3)
      })
      expect(thrown).toEqual([error, error, error, error])
    })

    it('can end the call in a callback', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT })
      for (const callback of ['onHeaders', 'onTrailers']) {
        const controller = new AbortController()
        const { signal } = controller
        const options = { signal, metadata: { a: '1' }, [callback]: () => controller.abort() }
        expect(await failure(calls.echo(0, options))).toMatchObject({ code: ErrorCode.ABORTED })
        const again = new AbortController()
        const ends = { signal: again.signal, metadata: { a: '1' }, [callback]: () => again.abort() }
        expect(await failure(all(calls.count(2, ends)))).toMatchObject({ code: ErrorCode.ABORTED })
      }
      expect(await calls.echo()).toEqual([])
    })

    it.each([
      [{ metadata: 'text' }],
      [{ metadata: { 'no spaces': '1' } }],
      [{ metadata: { text: 'größe' } }],
      [{ metadata: { text: new Uint8Array(1) } }],
      [{ metadata: { 'x-bin': 'text' } }],
      [{ onHeaders: 5 }],
      [{ onTrailers: 'text' }],
      [{ lastEventId: 'größe' }],
      [{ signal: {} }],
    ])('refuses the options %j', async (options) => {
      for (const contract of [CONTRACT, undefined]) {
        const { calls } = await open(fixture, handlers, { contract })
        expect(await failure(calls.echo(0, options as object))).toMatchObject({
          code: ErrorCode.INVALID_ARGUMENT,
        })
      }
    })
  })

  describe(`a call in a handler over ${name}`, () => {
    it('inherits the deadline, the signal and the tracing headers of its context', async () => {
      const [left, right] = await fixture.join()
      const [far, farther] = await fixture.join()
      const inner = await testClient<'read' | 'hang'>(far)
      let aborted = false
      await serve(farther, {
        read: (_request: unknown, { remainingMs, metadata }: CallContext) => ({
          remainingMs,
          headers: Object.fromEntries(metadata),
        }),
        hang: (_request: unknown, { signal }: CallContext) =>
          new Promise<void>((resolve) => {
            signal.addEventListener('abort', () => {
              aborted = true
              resolve()
            })
          }),
      })
      const outer = await testClient<'read' | 'hang' | 'own'>(left)
      let begun = false
      await serve(right, {
        read: (_request: unknown, context: CallContext) => inner.read(0, { context }),
        own: (_request: unknown, context: CallContext) =>
          inner.read(0, { context, timeoutMs: 1_000, metadata: { traceparent: 'own', extra: '1' } }),
        hang: (_request: unknown, context: CallContext) => {
          begun = true
          return inner.hang(0, { context, timeoutMs: Number.POSITIVE_INFINITY })
        },
      })
      const tracing = { traceparent: '00-1', tracestate: 's', baggage: 'b', 'x-correlation-id': 'c' }
      const read = await outer.read(0, { timeoutMs: 5_000, metadata: { ...tracing, private: 'p' } })
      expect(read.headers).toEqual(tracing)
      expect(read.remainingMs).toBeLessThanOrEqual(5_000)
      expect(read.remainingMs).toBeGreaterThan(0)
      const own = await outer.own(0, { metadata: tracing })
      expect(own.headers).toEqual({ ...tracing, traceparent: 'own', extra: '1' })
      expect(own.remainingMs).toBeLessThanOrEqual(1_000)
      const controller = new AbortController()
      const hanging = failure(outer.hang(0, { signal: controller.signal }))
      await eventually(() => begun)
      controller.abort()
      expect(await hanging).toMatchObject({ code: ErrorCode.ABORTED })
      await eventually(() => aborted)
    })
  })
}
