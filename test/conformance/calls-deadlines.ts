import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { client } from '../../src/service/client.js'
import { all, failure, numbers, testClient, testContract } from '../support/services.js'
import { eventually } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

const CONTRACT = testContract({
  time: 'unary',
  hang: 'unary',
  hangStream: 'serverStream',
  hangInput: 'clientStream',
  hangBoth: 'bidi',
})

interface Time {
  readonly remainingMs: number | null
  readonly deadline: number | null
}

/** Handlers that end only with their signals, whose reasons are collected. */
function hanging(reasons: string[]) {
  const wait = ({ signal }: CallContext): Promise<void> =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        const { code } = signal.reason as { code: string }
        reasons.push(code)
        resolve()
      })
    })
  return {
    time: (_request: unknown, { remainingMs, deadline }: CallContext): Time => ({
      remainingMs: remainingMs === Number.POSITIVE_INFINITY ? null : remainingMs,
      deadline: deadline?.getTime() ?? null,
    }),
    hang: (_request: unknown, context: CallContext) => wait(context),
    async *hangStream(_request: unknown, context: CallContext) {
      const aborted = wait(context)
      yield 1
      await aborted
    },
    hangInput: (_messages: unknown, context: CallContext) => wait(context),
    async *hangBoth(_messages: unknown, context: CallContext) {
      const aborted = wait(context)
      yield 1
      await aborted
    },
  }
}

const LATE = { code: ErrorCode.TIMEOUT, status: 'DEADLINE_EXCEEDED', executed: 'unknown' }

/** The time limits of calls. */
export function callDeadlines(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`deadlines of calls over ${name}`, () => {
    it('travel to the handler', async () => {
      const { calls, left } = await open(fixture, hanging([]), { contract: CONTRACT })
      const before = Date.now()
      const time = (await calls.time(0, { timeoutMs: 60_000 })) as Time
      expect(time.remainingMs).toBeGreaterThan(0)
      expect(time.remainingMs).toBeLessThanOrEqual(60_000)
      expect(time.deadline).toBeGreaterThan(before)
      const usual = (await calls.time()) as Time
      expect(usual.remainingMs).toBeGreaterThan(0)
      expect(usual.remainingMs).toBeLessThanOrEqual(30_000)
      expect(await calls.time(0, { timeoutMs: Number.POSITIVE_INFINITY })).toEqual({
        remainingMs: null,
        deadline: null,
      })
      const own = await testClient<'time'>(left, { contract: CONTRACT, timeoutMs: 5_000 })
      expect(((await own.time()) as Time).remainingMs).toBeLessThanOrEqual(5_000)
      expect(((await own.time(0, { timeoutMs: 60_000 })) as Time).remainingMs).toBeGreaterThan(5_000)
    })

    it.each([0, 0.5, 20])('of %f ms end calls of all kinds, and their handlers', async (timeoutMs) => {
      const reasons: string[] = []
      const { calls, service } = await open(fixture, hanging(reasons), { contract: CONTRACT })
      const options = { timeoutMs }
      const errors = await Promise.all([
        failure(calls.hang(0, options)),
        failure(all(calls.hangStream(0, options))),
        failure(calls.hangInput(numbers(1e9), options)),
        failure(all(calls.hangBoth(numbers(1e9), options))),
      ])
      for (const error of errors) expect(error).toMatchObject(LATE)
      await eventually(() => reasons.length === 4)
      expect(reasons.every((code) => code === ErrorCode.TIMEOUT || code === ErrorCode.ABORTED)).toBe(true)
      await eventually(() => Object.values(service.stats()).every(({ running }) => running === 0))
    })

    it('without a contract end calls, too', async () => {
      const reasons: string[] = []
      const { calls } = await open(fixture, hanging(reasons))
      expect(await failure(calls.hang(0, { timeoutMs: 5 }))).toMatchObject(LATE)
      expect(await failure(all(calls.hangStream(0, { timeoutMs: 5 })))).toMatchObject(LATE)
      await eventually(() => reasons.length === 2)
    })

    it('end a handler that waits for its signal, although the caller does not cancel', async () => {
      const reasons: string[] = []
      const { calls, right } = await open(fixture, hanging(reasons), { contract: CONTRACT })
      const error = failure(calls.hang(0, { timeoutMs: 50 }))
      // The record of the caller cannot arrive while the service has other work.
      await eventually(() => right.stats().messagesReceived > 0)
      for (const end = performance.now() + 100; performance.now() < end; );
      await eventually(() => reasons.length === 1)
      expect(await error).toMatchObject(LATE)
    })

    it.each([-1, Number.NaN, 2 ** 31, '5', null])('refuse %o', async (timeoutMs) => {
      const { calls, left } = await open(fixture, hanging([]), { contract: CONTRACT })
      const options = { timeoutMs: timeoutMs as number }
      const wrong = {
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining('timeoutMs') as string,
      }
      expect(await failure(calls.time(0, options))).toMatchObject(wrong)
      expect(await failure(client(left, options))).toMatchObject(wrong)
    })
  })
}
