import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { ServiceError } from '../../src/service-error.js'
import { all, failure, first, testContract } from '../support/services.js'
import { open } from './calls-fixture.js'
import { type ChannelFixture, firstWrong, MESSAGE_BYTES_MAX } from './channel-fixture.js'

const CONTRACT = testContract({
  echo: 'unary',
  repeat: 'serverStream',
  collect: 'clientStream',
  fail: 'unary',
})

const handlers = {
  echo: (message: unknown) => message,
  *repeat({ message, count }: { message: unknown; count: number }) {
    for (let index = 0; index < count; index += 1) yield message
  },
  collect: all,
  fail(details: unknown) {
    throw new ServiceError('ABORTED', 'no', { details })
  },
}

const VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  2 ** 53 - 1,
  1.5,
  '',
  'größe ☃ 😀',
  'x'.repeat(100_000),
  [],
  [1, [2, [3]]],
  {},
  { id: 7, inner: { list: [{ id: 1 }, { id: 2 }] } },
  Array.from({ length: 300 }, (_, id) => ({ id, name: `name ${id}` })),
]

const RICH_VALUES: readonly unknown[] = [
  2n ** 60n,
  Number.NaN,
  new Date(1_700_000_000_000),
  new Uint8Array([1, 2, 3]),
  new Float64Array([1.5, -2.5]),
  new Map<unknown, unknown>([
    ['a', 1],
    [2, { b: 3 }],
  ]),
  new Set([1, 'two']),
  undefined,
]

/** Messages of every type and length, with each codec. */
export function callValues(fixture: ChannelFixture): void {
  const { name, pattern } = fixture

  describe(`messages of calls over ${name}`, () => {
    it.each(['msgpack', 'json', 'v8'] as const)('arrive unchanged with codec %s', async (codec) => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT, channel: { codec } })
      const values = codec === 'json' ? VALUES : [...VALUES, ...RICH_VALUES]
      for (const value of values) expect(await calls.echo(value)).toEqual(value)
      expect(await calls.collect(values)).toEqual(values)
      for (const value of values) {
        if (value === undefined) continue
        expect(await all(calls.repeat({ message: value, count: 2 }))).toEqual([value, value])
        expect(await failure(calls.fail(value))).toMatchObject({ code: ErrorCode.SERVICE, details: value })
      }
    })

    it('arrive unchanged with codec bytes, and nothing and the figures arrive too', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT, channel: { codec: 'bytes' } })
      for (const length of [0, 1, 5_000, 70_000, 300_000]) {
        const message = pattern.slice(length, length)
        expect(message.equals((await calls.echo(message)) as Buffer)).toBe(true)
      }
      expect(await calls.echo()).toBeUndefined()
      const parts = Array.from({ length: 100 }, (_, index) => pattern.slice(index, index * 100))
      const collected = testContract({ collect: 'clientStream', repeat: 'serverStream' })
      const bytes = await open(
        fixture,
        {
          collect: async (messages: AsyncIterable<Buffer>) => Buffer.concat(await all(messages)),
          *repeat(message: Buffer) {
            yield message
            yield message
          },
        },
        { contract: collected, channel: { codec: 'bytes' } },
      )
      expect(Buffer.concat(parts).equals((await bytes.calls.collect(parts)) as Buffer)).toBe(true)
      expect(await all(bytes.calls.repeat(Buffer.from('two')))).toEqual([
        Buffer.from('two'),
        Buffer.from('two'),
      ])
      await calls.$ping()
      expect(await calls.$info()).toMatchObject({ name: CONTRACT.name })
      expect(Object.keys(await calls.$stats())).toEqual(Object.keys(CONTRACT.methods))
    })

    it('can change as soon as the call returns', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT, channel: { codec: 'bytes' } })
      const lengths = [10, 5_000, 70_000, 200_000]
      const replies = Array.from({ length: 40 }, (_, index) => {
        const message = Buffer.alloc(lengths[index % 4] as number, index)
        const reply = calls.echo(message)
        message.fill(255)
        return reply as Promise<Buffer>
      })
      const right = (await Promise.all(replies)).map((reply, index) => reply.every((byte) => byte === index))
      expect(right).toEqual(Array.from({ length: 40 }, () => true))
    })

    it.runIf(fixture.views)('stay unchanged on a channel that delivers views of the ring', async () => {
      const { calls } = await open(fixture, handlers, {
        contract: CONTRACT,
        channel: { codec: 'bytes', views: true },
      })
      const message = (index: number): Buffer => pattern.slice(index, (index * 37) % 3_000)
      const replies = Array.from({ length: 500 }, (_, index) => calls.echo(message(index)) as Promise<Buffer>)
      expect(firstWrong(await Promise.all(replies), message)).toBe(-1)
    })

    it('may be long in streams of both directions', async () => {
      const { calls } = await open(fixture, handlers, { contract: CONTRACT, channel: { codec: 'v8' } })
      const long = 'y'.repeat(600_000)
      expect((await all(calls.repeat({ message: long, count: 20 }))).every((text) => text === long)).toBe(
        true,
      )
      const sum = async (messages: AsyncIterable<string>): Promise<number> =>
        (await all(messages)).reduce((bytes, text) => bytes + text.length, 0)
      const summed = await open(fixture, { sum }, { contract: testContract({ sum: 'clientStream' }) })
      expect(await summed.calls.sum(Array.from({ length: 20 }, () => long))).toBe(20 * long.length)
    })

    it('have at most maxMessageBytes with their metadata; longer ones fail and the channel stays open', async () => {
      const { calls, left, right } = await open(fixture, handlers, {
        contract: CONTRACT,
        channel: { codec: 'bytes' },
      })
      const tooLong = { code: ErrorCode.MESSAGE_TOO_LARGE, status: 'RESOURCE_EXHAUSTED', executed: 'no' }
      await expect(calls.echo(Buffer.alloc(MESSAGE_BYTES_MAX + 1))).rejects.toMatchObject(tooLong)
      await expect(calls.echo(Buffer.alloc(MESSAGE_BYTES_MAX))).rejects.toMatchObject(tooLong)
      const longest = Buffer.alloc(MESSAGE_BYTES_MAX - 100)
      expect((await calls.echo(longest)) as Buffer).toHaveLength(longest.length)
      const metadata = { text: 'x'.repeat(1_000) }
      await expect(calls.echo(longest, { metadata })).rejects.toMatchObject(tooLong)
      expect(
        (await first(calls.repeat({ message: 1, count: 1 }), 1).catch((error: Error) => error)) as Error,
      ).toMatchObject({
        code: ErrorCode.CODEC,
      })
      await expect(calls.collect([Buffer.alloc(5), Buffer.alloc(MESSAGE_BYTES_MAX)])).rejects.toMatchObject({
        code: ErrorCode.MESSAGE_TOO_LARGE,
      })
      expect([left.open, right.open]).toEqual([true, true])
      expect(await calls.echo(Buffer.of(1))).toEqual(Buffer.of(1))
    })

    it('that cannot be encoded fail before they are sent', async () => {
      const { calls, left } = await open(fixture, handlers, { contract: CONTRACT })
      const wrong = { code: ErrorCode.CODEC, status: 'INVALID_ARGUMENT', executed: 'no' }
      const message = (): void => {}
      expect(await failure(calls.echo(message))).toMatchObject(wrong)
      expect(await failure(all(calls.repeat(message)))).toMatchObject(wrong)
      expect(await failure(calls.collect([1, message]))).toMatchObject({ ...wrong, executed: 'unknown' })
      expect(left.stats().messagesSent).toBe(2)
    })

    it('of a handler that are too long or cannot be encoded end the call with an error', async () => {
      const { calls, right } = await open(
        fixture,
        {
          long: () => Buffer.alloc(MESSAGE_BYTES_MAX),
          *stream() {
            yield Buffer.alloc(4)
            yield Buffer.alloc(MESSAGE_BYTES_MAX)
          },
          wrong: () => 5,
          details() {
            throw new ServiceError('ABORTED', 'no', { details: Buffer.alloc(MESSAGE_BYTES_MAX) })
          },
        },
        {
          contract: testContract({ long: 'unary', stream: 'serverStream', wrong: 'unary', details: 'unary' }),
          channel: { codec: 'bytes' },
        },
      )
      const failed = [failure(calls.long()), failure(all(calls.stream())), failure(calls.details())]
      for (const error of failed)
        expect(await error).toMatchObject({
          code: ErrorCode.REMOTE,
          status: 'INTERNAL',
          remoteCode: ErrorCode.MESSAGE_TOO_LARGE,
        })
      expect(await failure(calls.wrong())).toMatchObject({ status: 'INTERNAL', remoteCode: ErrorCode.CODEC })
      expect(right.open).toBe(true)
    })

    it.each([1, 8, 64, 300])('fail in order with a maxMessageBytes of %i', async (maxMessageBytes) => {
      const { calls, left } = await open(
        fixture,
        { echo: (message: unknown) => message, fail: () => Promise.reject(new Error('x'.repeat(500))) },
        { client: { timeoutMs: 20_000 }, channel: { codec: 'bytes', maxMessageBytes } },
      )
      const outcomes = await Promise.allSettled([
        calls.echo(Buffer.alloc(1)),
        calls.fail(),
        calls.echo(Buffer.alloc(50)),
      ])
      const allowed = [undefined, ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.REMOTE]
      for (const outcome of outcomes)
        expect(allowed).toContain(
          outcome.status === 'fulfilled' ? undefined : (outcome.reason as { code: string }).code,
        )
      expect(left.open).toBe(true)
    })
  })
}
