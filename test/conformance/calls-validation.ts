import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { all, failure, numberMessage, numbers, testContract } from '../support/services.js'
import { eventually } from '../support/turns.js'
import { open } from './calls-fixture.js'
import type { ChannelFixture } from './channel-fixture.js'

/** Messages that are checked against a contract. */
export function callValidation(fixture: ChannelFixture): void {
  const { name } = fixture

  describe(`validation of calls over ${name}`, () => {
    const violation = (field: string) => ({
      code: ErrorCode.SERVICE,
      status: 'INVALID_ARGUMENT',
      reason: 'INVALID_MESSAGE',
      details: { fieldViolations: [{ field, description: 'must be a number' }] },
    })

    it.each([false, true])('checks what callers send before the handlers (async: %s)', async (isAsync) => {
      const input = numberMessage(isAsync)
      const contract = testContract({
        unary: { kind: 'unary', input },
        stream: { kind: 'serverStream', input },
        sum: { kind: 'clientStream', input },
        both: { kind: 'bidi', input },
      })
      const begun: string[] = []
      const { calls } = await open(
        fixture,
        {
          unary: (value: number, { method }: CallContext) => {
            begun.push(method)
            return value
          },
          stream: (value: number, { method }: CallContext) => {
            begun.push(method)
            return numbers(value)
          },
          sum: async (messages: AsyncIterable<number>) => (await all(messages)).length,
          both: (messages: AsyncIterable<number>) => messages,
        },
        { contract },
      )
      expect(await calls.unary(1)).toBe(1)
      expect(await all(calls.stream(2))).toEqual([0, 1])
      expect(await calls.sum([1, 2])).toBe(2)
      expect(await all(calls.both([1, 2]))).toEqual([1, 2])
      expect(input.seen).toEqual([1, 2, 1, 2, 1, 2])
      begun.length = 0
      expect(await failure(calls.unary('one'))).toMatchObject(violation('value'))
      expect(await failure(all(calls.stream('one')))).toMatchObject(violation('value'))
      expect(begun).toEqual([])
      expect(await failure(calls.sum([1, 'two', 3]))).toMatchObject(violation('value'))
      const taken: unknown[] = []
      const both = async (): Promise<void> => {
        for await (const message of calls.both([1, 'two', 3])) taken.push(message)
      }
      expect(await failure(both())).toMatchObject(violation('value'))
      expect(taken).toEqual([1])
    })

    it('passes what the check returns to the handler', async () => {
      const input = { empty: false, parse: (value: unknown) => ({ limit: 10, ...(value as object) }) }
      const { calls } = await open(
        fixture,
        { unary: (value: unknown) => value },
        { contract: testContract({ unary: { kind: 'unary', input } }) },
      )
      expect(await calls.unary({ id: 1 })).toEqual({ limit: 10, id: 1 })
    })

    it.each([
      [true, false],
      [true, true],
      [false, false],
    ])('checks what handlers send if validateOutput is %s (async: %s)', async (validateOutput, isAsync) => {
      const output = numberMessage(isAsync, 'INTERNAL')
      const contract = testContract({
        unary: { kind: 'unary', output },
        stream: { kind: 'serverStream', output },
      })
      let ended = false
      const { calls } = await open(
        fixture,
        {
          unary: (value: unknown) => value,
          async *stream() {
            try {
              yield 1
              yield 'two'
              yield 3
            } finally {
              ended = true
            }
          },
        },
        { contract, serve: { validateOutput } },
      )
      expect(await calls.unary(1)).toBe(1)
      if (!validateOutput) {
        expect(await calls.unary('one')).toBe('one')
        expect(await all(calls.stream())).toEqual([1, 'two', 3])
        expect(output.seen).toEqual([])
        return
      }
      const wrong = { ...violation('value'), status: 'INTERNAL' }
      expect(await failure(calls.unary('one'))).toMatchObject(wrong)
      expect(await failure(all(calls.stream()))).toMatchObject(wrong)
      expect(output.seen).toEqual([1, 'one', 1, 'two'])
      await eventually(() => ended)
      expect(await calls.$stats()).toMatchObject({
        unary: { running: 0, errors: 1 },
        stream: { running: 0, errors: 1 },
      })
    })
  })
}
