import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { ServiceError } from '../../src/service-error.js'
import { STATUSES } from '../../src/status.js'
import { all, failure, numbers, type TestClient, testClient, testContract } from '../support/services.js'
import { eventually, turns } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const KINDS = testContract({
  unary: 'unary',
  later: 'unary',
  stream: 'serverStream',
  input: 'clientStream',
  both: 'bidi',
})

/** Links whose peer is a process of this machine. */
const LOCAL: ReadonlySet<string> = new Set(['shm', 'unix', 'stdio'])

/** Throws in a handler of each kind, before and after its first `await`. */
function throwing(error: () => unknown) {
  return {
    unary: () => {
      throw error()
    },
    later: async () => {
      await turns(1)
      throw error()
    },
    async *stream() {
      yield 1
      throw error()
    },
    async input(messages: AsyncIterable<unknown>) {
      for await (const _message of messages) throw error()
    },
    async *both(messages: AsyncIterable<unknown>) {
      for await (const message of messages) {
        yield message
        throw error()
      }
    },
  }
}

type Throwing = TestClient<keyof ReturnType<typeof throwing>>

function failAll(calls: Throwing): Promise<Record<string, unknown>[]> {
  return Promise.all([
    failure(calls.unary()),
    failure(calls.later()),
    failure(all(calls.stream())),
    failure(calls.input(numbers(3))),
    failure(all(calls.both(numbers(3)))),
  ])
}

/** The errors of calls. */
export function callErrors(fixture: ChannelFixture): void {
  const { name } = fixture

  describe.each([
    ['with a contract', KINDS],
    ['without a contract', undefined],
  ])(`errors of calls over ${name} %s`, (_what, contract) => {
    it('arrive as the same ServiceError with every status', async () => {
      let error = new ServiceError('UNKNOWN', '')
      const { calls } = await open(
        fixture,
        throwing(() => error),
        { contract },
      )
      for (const status of STATUSES) {
        error = new ServiceError(status, `message of ${status} ☃`, {
          reason: 'A_REASON',
          details: { status, list: [1, { two: 2 }], none: null },
          cause: new Error('a secret'),
        })
        const { code, message, reason, details } = error
        for (const received of await failAll(calls)) {
          expect(received).toBeInstanceOf(ServiceError)
          expect(received).toMatchObject({ name: 'ServiceError', code, status, message, reason, details })
          expect('cause' in received).toBe(false)
          expect(String(received['stack'])).not.toContain('throwing')
        }
      }
    })

    it('arrive with the exact message in rawMessage, and with escapes in message', async () => {
      const text = '\t\ntest \u001b[2J ☺ 😈\r\n'
      const { calls } = await open(
        fixture,
        throwing(() => new ServiceError('UNKNOWN', text)),
        { contract },
      )
      const message = String.raw`\t\ntest \u001b[2J ☺ 😈\r\n`
      for (const received of await failAll(calls))
        expect(received).toMatchObject({ message, rawMessage: text })
    })

    it('arrive without parts that they do not have', async () => {
      const { calls } = await open(
        fixture,
        throwing(() => new ServiceError('ABORTED', '')),
        { contract },
      )
      for (const received of await failAll(calls))
        expect(received).toMatchObject({ message: '', reason: undefined, details: undefined })
    })

    it('of another copy of this package arrive as ServiceError', async () => {
      const foreign = Object.assign(new Error('foreign'), {
        code: ErrorCode.SERVICE,
        status: 'NOT_FOUND',
        details: 5,
      })
      const { calls } = await open(
        fixture,
        throwing(() => foreign),
        { contract },
      )
      for (const received of await failAll(calls))
        expect(received).toMatchObject({
          code: ErrorCode.SERVICE,
          status: 'NOT_FOUND',
          message: 'foreign',
          details: 5,
        })
    })

    it('of handlers that throw something else arrive as REMOTE', async () => {
      const error = Object.assign(new RangeError('out of range'), { code: 'E_RANGE' })
      const { calls, left } = await open(
        fixture,
        throwing(() => error),
        { contract },
      )
      for (const received of await failAll(calls)) {
        expect(received).toMatchObject({ code: ErrorCode.REMOTE, status: 'INTERNAL', remoteCode: 'E_RANGE' })
        expect(received['message']).toContain('RangeError: out of range')
      }
      expect(left.open).toBe(true)
    })

    it.each([
      ['undefined', undefined],
      ['null', null],
      ['a string', 'text'],
      ['an object whose accessors throw', accessorsThatThrow()],
      [
        'a proxy that throws',
        new Proxy({}, { get: () => fail(), getPrototypeOf: () => fail(), has: () => fail() }),
      ],
    ])('of handlers that throw %s arrive as REMOTE', async (_value, thrown) => {
      const { calls, left } = await open(
        fixture,
        throwing(() => thrown),
        { contract },
      )
      for (const received of await failAll(calls)) expect(received).toMatchObject({ code: ErrorCode.REMOTE })
      expect(left.open).toBe(true)
    })

    it.each([
      ['local', LOCAL.has(fixture.transport)],
      ['always', true],
      ['never', false],
    ] as const)('hide what handlers throw as exposeErrors %s says', async (exposeErrors, isShown) => {
      const { calls } = await open(
        fixture,
        throwing(() => Object.assign(new RangeError('a secret'), { code: 'E_SECRET' })),
        { contract, serve: { exposeErrors } },
      )
      for (const received of await failAll(calls)) {
        expect(received).toMatchObject({ code: ErrorCode.REMOTE, status: 'INTERNAL' })
        expect(
          JSON.stringify([received['message'], received['remoteCode'], String(received['cause'])]).includes(
            'ecret',
          ),
        ).toBe(isShown)
      }
    })
  })

  describe(`errors of calls over ${name}`, () => {
    it('with details that cannot be encoded are INTERNAL', async () => {
      const { calls, left } = await open(
        fixture,
        throwing(() => new ServiceError('ABORTED', 'no', { details: () => {} })),
        { contract: KINDS },
      )
      for (const received of await failAll(calls))
        expect(received).toMatchObject({ status: 'INTERNAL', remoteCode: ErrorCode.CODEC })
      expect(left.open).toBe(true)
    })

    it('of values whose accessors throw are REMOTE', async () => {
      const value = Object.defineProperty({}, Symbol.asyncIterator, { get: fail })
      const { calls, service } = await open(fixture, {
        now: () => value,
        later: () => Promise.resolve(value),
      })
      for (const received of [await failure(calls.now()), await failure(calls.later())])
        expect(received).toMatchObject({ code: ErrorCode.REMOTE, status: 'INTERNAL' })
      expect(service.stats()['later']).toMatchObject({ running: 0, errors: 1 })
    })

    it('cut long texts', async () => {
      const { calls } = await open(
        fixture,
        throwing(() => new ServiceError('ABORTED', 'x'.repeat(10_000), { reason: 'R'.repeat(1_000) })),
        { contract: KINDS },
      )
      const { message, reason } = await failure(calls.unary())
      expect([String(message).length, String(reason).length]).toEqual([2_048, 256])
    })

    it('of messages that the service cannot decode are INVALID_ARGUMENT', async () => {
      const contract = testContract({ unary: 'unary', input: 'clientStream' })
      let begun = 0
      const handlers = {
        unary: () => {
          begun += 1
        },
        input: async (messages: AsyncIterable<unknown>) => {
          begun += 1
          await all(messages)
        },
      }
      const codec = {
        name: 'refuses',
        encode: (value: unknown) => Buffer.from(String(value)),
        decode: (bytes: Uint8Array) => {
          const text = Buffer.from(bytes).toString()
          if (text === 'bad') throw new Error('a bad message')
          return text
        },
      }
      const { calls } = await open(fixture, handlers, { contract, channel: { codec } })
      const wrong = { code: ErrorCode.CODEC, status: 'INVALID_ARGUMENT' }
      expect(await failure(calls.unary('bad'))).toMatchObject({ ...wrong, executed: 'no' })
      expect(begun).toBe(0)
      expect(await failure(calls.input(['good', 'bad']))).toMatchObject({ ...wrong, executed: 'unknown' })
      const loose = await open(fixture, handlers, { channel: { codec } })
      expect(await failure(loose.calls.unary('bad'))).toMatchObject({ ...wrong, executed: 'no' })
      const stats = await calls.$stats()
      expect(stats['unary']).toMatchObject({ running: 0, errors: 1 })
      expect(stats['input']).toMatchObject({ running: 0, errors: 1 })
    })

    it('of replies that the caller cannot decode are INTERNAL', async () => {
      const codec = {
        name: 'refuses',
        encode: (value: unknown) => Buffer.from(String(value)),
        decode: (bytes: Uint8Array) => {
          const text = Buffer.from(bytes).toString()
          if (text === 'bad') throw new Error('a bad message')
          return text
        },
      }
      let ended = false
      const { calls, left } = await open(
        fixture,
        {
          unary: () => 'bad',
          async *stream() {
            try {
              yield 'good'
              yield 'bad'
              for (;;) yield 'good'
            } finally {
              ended = true
            }
          },
        },
        { contract: testContract({ unary: 'unary', stream: 'serverStream' }), channel: { codec } },
      )
      const wrong = { code: ErrorCode.CODEC, status: 'INTERNAL', executed: 'unknown' }
      expect(await failure(calls.unary())).toMatchObject(wrong)
      expect(await failure(all(calls.stream()))).toMatchObject(wrong)
      await eventually(() => ended)
      expect(left.open).toBe(true)
    })

    it('of the channel reject open calls and later ones with their status', async () => {
      const hang = (): Promise<never> => new Promise(() => {})
      const ends = [
        ['destroy of the caller', ErrorCode.CLOSED],
        ['destroy of the caller with an error', ErrorCode.CLOSED],
        ['destroy of the caller with an error of this package', ErrorCode.DENIED],
        ['destroy of the service', ErrorCode.PEER_GONE],
      ] as const
      for (const [way, code] of ends) {
        const { calls, left, right, service } = await open(fixture, { hang })
        const reply = failure(calls.hang())
        await eventually(() => service.stats()['hang']?.running === 1)
        if (way === 'destroy of the caller') left.destroy()
        else if (way === 'destroy of the caller with an error') left.destroy(new Error('mine'))
        else if (way === 'destroy of the service') right.destroy()
        else left.destroy(new ShmwireError(ErrorCode.DENIED, 'not allowed'))
        const status = code === ErrorCode.DENIED ? 'PERMISSION_DENIED' : 'UNAVAILABLE'
        expect(await reply).toMatchObject({ code, status, executed: 'unknown' })
        expect(await failure(calls.hang())).toMatchObject({ status: 'UNAVAILABLE', executed: 'no' })
        expect(await failure(all(calls.hang()))).toMatchObject({ status: 'UNAVAILABLE', executed: 'no' })
      }
    })

    it('do not become unhandled rejections if the program handles the call', async () => {
      const unhandled: unknown[] = []
      const collect = (error: unknown): void => {
        unhandled.push(error)
      }
      const listeners = process.listeners('unhandledRejection')
      process.removeAllListeners('unhandledRejection')
      process.on('unhandledRejection', collect)
      try {
        for (const contract of [KINDS, undefined]) {
          for (const interceptors of [[], [(next: (call: never) => Promise<never>) => next]]) {
            const { calls, left, right } = await open(
              fixture,
              throwing(() => new ServiceError('ABORTED', 'no')),
              {
                contract,
                client: { interceptors: interceptors as never },
                serve: { interceptors: interceptors as never },
              },
            )
            await failAll(calls)
            // A stream that is never iterated, and one that is left.
            void calls.stream()
            for await (const _message of calls.stream()) break
            const late = calls.stream()
            await turns(10)
            if (contract !== undefined) await failure(all(late))
            else await failure(late)
            right.destroy()
            await eventually(() => !left.open)
            await failAll(calls)
          }
        }
        await turns(10)
        expect(unhandled).toEqual([])
        const { calls } = await open(
          fixture,
          throwing(() => new ServiceError('ABORTED', 'not awaited')),
        )
        void calls.unary()
        await eventually(() => unhandled.length === 1)
        expect(unhandled[0]).toMatchObject({ message: 'not awaited' })
      } finally {
        process.off('unhandledRejection', collect)
        for (const listener of listeners) process.on('unhandledRejection', listener)
      }
    })
  })

  describe(`a call over ${name} to a handler of the wrong kind`, () => {
    it('is INTERNAL when a stream is declared and one message returned', async () => {
      const { calls } = await open(
        fixture,
        { stream: () => 5 },
        { contract: testContract({ stream: 'serverStream' }) },
      )
      expect(await failure(all(calls.stream()))).toMatchObject({ code: ErrorCode.REMOTE, status: 'INTERNAL' })
    })

    it('does not reach a handler twice', async () => {
      let count = 0
      const { left } = await open(fixture, {
        count: () => {
          count += 1
          throw new ServiceError('UNAVAILABLE', 'busy')
        },
      })
      const calls = await testClient<'count'>(left, {
        contract: { ...testContract({ count: 'unary' }), name: '' },
        retries: 5,
      })
      expect(await failure(calls.count())).toMatchObject({ status: 'UNAVAILABLE' })
      expect(count).toBe(1)
    })
  })
}

function fail(): never {
  throw new Error('a trap')
}

function accessorsThatThrow(): object {
  return Object.defineProperties(
    {},
    Object.fromEntries(['code', 'status', 'message', 'name', 'stack'].map((key) => [key, { get: fail }])),
  )
}
