import { describe, expect, test } from 'vitest'
import { DEEP, ROUND_TRIPS } from '../../support/codec-pair.js'

describe.each(ROUND_TRIPS)('%s', (_name, roundTrip) => {
  test.each(['E_TEXT', 20, 0])('keeps the code %j of an error', (code) => {
    expect(roundTrip(Object.assign(new Error('x'), { code }))).toMatchObject({ code, message: 'x' })
  })

  test('keeps name, message and code that are accessors of the class', () => {
    class Failure extends Error {
      override get name(): string {
        return 'Failure'
      }
      override get message(): string {
        return 'it failed'
      }
      get code(): string {
        return 'E_FAIL'
      }
    }
    const back = roundTrip(new Failure()) as Error & { code?: unknown }
    expect([back.name, back.message, back.code]).toEqual(['Failure', 'it failed', 'E_FAIL'])
  })

  test('omits a name, a message and a stack that are not strings', () => {
    const sent = Object.assign(new TypeError('x'), { name: 5, message: { text: 'x' }, code: 7, cause: 8 })
    Object.defineProperty(sent, 'stack', { value: ['a call site'] })
    for (const back of [roundTrip(sent), roundTrip([DEEP, sent])[1] as TypeError]) {
      expect(back).toBeInstanceOf(TypeError)
      expect([back.name, back.message, typeof back.stack]).toEqual(['TypeError', '', 'string'])
      expect(back).toMatchObject({ code: 7, cause: 8 })
    }
  })

  test.each(['AbortError', 'TimeoutError', 'DataCloneError'])(
    'keeps a DOMException as an error: %s',
    (name) => {
      const sent = new DOMException('it ended', name)
      const { value } = roundTrip({ value: sent })
      expect(value).toBeInstanceOf(Error)
      expect([value.name, value.message, value.code]).toEqual([name, 'it ended', sent.code])
      expect(value.stack).toBe(sent.stack)
    },
  )

  test('keeps the reason of an aborted signal and of a timeout', async () => {
    const { reason } = AbortSignal.abort()
    expect(roundTrip(reason) as unknown).toMatchObject({ name: 'AbortError', code: 20 })
    expect(roundTrip(new Error('x', { cause: reason })).cause).toMatchObject({ name: 'AbortError' })
  })

  test('keeps a cyclic cause, and a cause that two errors share', () => {
    const first = new Error('first')
    const second = new Error('second', { cause: first })
    first.cause = second
    const back = roundTrip(first) as Error & { cause: Error }
    expect([back.cause.message, back.cause.cause]).toEqual(['second', back])
    const shared = new TypeError('shared')
    const both = roundTrip(new AggregateError([new Error('a', { cause: shared }), shared]))
    expect(both.errors[0].cause).toBe(both.errors[1])
  })

  test('keeps the members of an error that have the names of inherited ones', () => {
    const back = roundTrip(Object.assign(new Error('x'), { toString: 'text', constructor: 5 }))
    expect(Object.entries(back)).toEqual([
      ['toString', 'text'],
      ['constructor', 5],
    ])
  })
})
