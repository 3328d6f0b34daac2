import { describe, expect, it } from 'vitest'
import { decodeRemoteError, encodeRemoteError } from '../../../src/channel/remote-error.js'
import { ErrorCode } from '../../../src/errors.js'
import { type FieldViolation, invalidMessage, ServiceError } from '../../../src/service-error.js'
import { foreign } from '../../support/foreign.js'

const BYTES_MAX = 64 * 1024

interface Described extends Error {
  code?: unknown
  cause?: Described
  errors?: Described[]
}

function received(thrown: unknown, bytesMax = BYTES_MAX) {
  const payload = encodeRemoteError(thrown, bytesMax)
  expect(payload.length).toBeLessThanOrEqual(bytesMax)
  return decodeRemoteError(payload)
}

function causeOf(thrown: unknown): Described {
  return received(thrown).cause as Described
}

describe('what a handler throws', () => {
  it.each<[string, unknown, string, string | number | undefined]>([
    ['an error', Object.assign(new RangeError('far'), { code: 'E_FAR' }), 'RangeError: far', 'E_FAR'],
    ['an error with a number as code', Object.assign(new Error('m'), { code: 7 }), 'Error: m', 7],
    [
      'an error of another realm',
      foreign('Object.assign(new TypeError("t"), { code: "E_T" })'),
      'TypeError: t',
      'E_T',
    ],
    ['a DOMException', new DOMException('late', 'TimeoutError'), 'TimeoutError: late', 23],
    [
      'the reason of an aborted signal',
      AbortSignal.abort().reason,
      'AbortError: This operation was aborted',
      20,
    ],
    ['a plain object', { code: 'E_X', message: 'text' }, 'Error: text', 'E_X'],
    ['a plain object with a name', { name: 'Mine', message: 'text', code: 0 }, 'Mine: text', 0],
    ['a proxy of an error', new Proxy(Object.assign(new Error('p'), { code: 'E_P' }), {}), 'Error: p', 'E_P'],
    ['a plain object without a message', { code: 'E_X' }, 'Error: [object Object]', 'E_X'],
    ['a string', 'text', 'Error: text', undefined],
    ['nothing', undefined, 'Error: undefined', undefined],
    ['an error with an object as code', Object.assign(new Error('m'), { code: {} }), 'Error: m', undefined],
    ['an error with NaN as code', Object.assign(new Error('m'), { code: Number.NaN }), 'Error: m', undefined],
  ])('arrives with its name, message and code: %s', (_name, thrown, text, code) => {
    const error = received(thrown)
    expect(error.code).toBe(ErrorCode.REMOTE)
    expect(error.message).toBe(`the peer's handler failed: ${text}`)
    expect(error.remoteCode).toBe(code)
    const cause = error.cause as Described
    expect(cause).toBeInstanceOf(Error)
    expect([`${cause.name}: ${cause.message}`, cause.stack, cause.code]).toEqual([text, text, code])
  })

  it('arrives with its causes', () => {
    const root = Object.assign(new TypeError('root'), { code: 'E_ROOT' })
    const cause = causeOf(new Error('outer', { cause: new RangeError('middle', { cause: root }) }))
    expect(cause.cause).toMatchObject({ name: 'RangeError', message: 'middle' })
    expect(cause.cause?.cause).toMatchObject({ name: 'TypeError', message: 'root', code: 'E_ROOT' })
    expect(causeOf(new Error('x', { cause: 'a text' })).cause).toMatchObject({
      name: 'Error',
      message: 'a text',
    })
    expect(Object.hasOwn(causeOf(new Error('x')), 'cause')).toBe(false)
  })

  it('arrives with the errors of an AggregateError', () => {
    const cause = causeOf(
      new AggregateError([new TypeError('a'), 2, 2, { message: 'c', code: 3 }], 'several'),
    )
    expect(cause).toMatchObject({ name: 'AggregateError', message: 'several' })
    expect(cause.errors?.map(({ name, message, code }) => [name, message, code])).toEqual([
      ['TypeError', 'a', undefined],
      ['Error', '2', undefined],
      ['Error', '2', undefined],
      ['Error', 'c', 3],
    ])
  })

  it('arrives with the wrong fields of a message', () => {
    const fieldViolations = [{ field: 'id', description: 'expected a number' }]
    const invalid = invalidMessage('the input', fieldViolations)
    expect(causeOf(new Error('outer', { cause: invalid })).cause).toMatchObject({
      name: 'ServiceError',
      code: ErrorCode.SERVICE,
      details: { fieldViolations },
    })
    // Other details stay with the peer.
    const details = { fieldViolations: [{ field: 7 }, null, 'x'], secret: 'x' }
    for (const thrown of [
      new ServiceError('NOT_FOUND', 'm', { details }),
      Object.assign(new Error('m'), { details: { fieldViolations } }),
      new ServiceError('NOT_FOUND', 'm', { details: null }),
    ])
      expect(causeOf(thrown)).not.toHaveProperty('details')
    const throwing = Object.defineProperty(new ServiceError('NOT_FOUND', 'm'), 'details', {
      get: () => {
        throw new Error('again')
      },
    })
    expect(causeOf(throwing).message).toBe('m')
  })

  it('has a bounded number of wrong fields, which fit into the limit of the receiver', () => {
    const long = '\0'.repeat(100_000)
    const list = Array.from({ length: 100 }, () => ({ field: long, description: long }))
    const invalid = (): Error => invalidMessage('the input', list)
    const payload = encodeRemoteError(new AggregateError(Array.from({ length: 15 }, invalid), 'm'), 1e9)
    expect(payload.length).toBeLessThan(BYTES_MAX)
    const short = Array.from({ length: 100 }, () => ({ field: 'f', description: 'd' }))
    const two = new Error('outer', { cause: invalidMessage('the input', short) })
    const { cause } = causeOf(two)
    expect((cause as unknown as ServiceError).details).toMatchObject({ fieldViolations: { length: 32 } })
  })

  it('ends a cycle of causes where it begins again', () => {
    const first: Error & { cause?: unknown } = new Error('first')
    first.cause = new AggregateError([first, new Error('other', { cause: first })], 'second')
    const cause = causeOf(first)
    expect(cause.cause).toMatchObject({ message: 'second', errors: [{ message: 'other' }] })
    expect(cause.cause?.errors?.[0]?.cause).toBeUndefined()
  })

  it('has a bounded number of causes and of errors', () => {
    let deep: unknown = 'core'
    for (let level = 0; level < 100; level++) deep = new Error(`level ${level}`, { cause: deep })
    let depth = 0
    for (let at: Described | undefined = causeOf(deep); at !== undefined; at = at.cause) depth += 1
    expect(depth).toBe(9)
    const many = new AggregateError(Array.from({ length: 1000 }, (_, index) => new Error(`${index}`)))
    expect(causeOf(many).errors).toHaveLength(15)
  })

  it('has bounded texts, and fits into the limit of the receiver', () => {
    const long = '\0'.repeat(100_000)
    const errors = Array.from({ length: 100 }, () =>
      Object.assign(new Error(long), { code: long, name: long }),
    )
    const thrown = Object.assign(new AggregateError(errors, long, { cause: errors[0] }), { code: long })
    const payload = encodeRemoteError(thrown, Number.POSITIVE_INFINITY)
    expect(payload.length).toBeLessThan(BYTES_MAX)
    expect(decodeRemoteError(payload)).toMatchObject({
      code: ErrorCode.REMOTE,
      remoteCode: '\0'.repeat(2048),
    })
  })

  it('loses its causes, and then the rest, when messages are short', () => {
    const thrown = new Error('outer', { cause: new Error('c'.repeat(500)) })
    const alone = received(thrown, 200)
    expect(alone.message).toContain('Error: outer')
    expect((alone.cause as Described).cause).toBeUndefined()
    const empty = received(thrown, 10)
    expect([empty.message, empty.cause]).toEqual(["the peer's handler failed", undefined])
  })

  it.each([
    [
      'a name',
      {
        get name() {
          throw new Error('again')
        },
      },
    ], // prettier-ignore
    [
      'a cause',
      {
        message: 'm',
        cause: {
          get message() {
            throw new Error('again')
          },
        },
      },
    ], // prettier-ignore
  ])('arrives when an accessor throws: %s', (_name, thrown) => {
    expect(received(thrown).message).toMatch(/the thrown value cannot be read|Error: m/)
  })
})

describe('an ERROR record of a peer', () => {
  const decoded = (text: string) => decodeRemoteError(Buffer.from(text)).cause as Described

  it('has only members of the expected types', () => {
    const cause = decoded(
      '{"name":7,"message":[],"code":{},"cause":5,"errors":{},"stack":"s","other":1,"fieldViolations":{}}',
    )
    expect(cause).toMatchObject({ name: 'Error', message: '', stack: 'Error: ' })
    for (const key of ['code', 'cause', 'errors', 'details', 'other'])
      expect(Object.hasOwn(cause, key)).toBe(false)
    expect(decoded('{"message":"m","code":1e999}')).not.toHaveProperty('code')
    expect(
      decoded('{"message":"m","errors":[1,null,[],{"message":"x"}]}').errors?.map(({ message }) => message),
    ).toEqual(['', 'x'])
  })

  it('has wrong fields that are printable and bounded', () => {
    const short = Array.from({ length: 100 }, () => ({ field: 'f', description: 'd' }))
    const fieldViolations = [7, { field: 'a\n', description: 'x'.repeat(10_000) }, ...short]
    const { details } = decoded(JSON.stringify({ fieldViolations })) as unknown as ServiceError
    const { fieldViolations: list } = details as { fieldViolations: FieldViolation[] }
    expect(list).toHaveLength(32)
    expect([list[0]?.field, list[0]?.description.length]).toEqual(['a\\n', 2048])
  })

  it('has texts that are printable and bounded', () => {
    const text = JSON.stringify({
      name: 'N\n',
      message: 'm\u001b',
      cause: { message: '\u202e', code: 'c\n' },
    })
    const cause = decoded(text)
    expect([cause.name, cause.message, cause.stack]).toEqual(['N\\n', 'm\\u001b', 'N\\n: m\\u001b'])
    // A program compares it.
    expect([cause.cause?.message, cause.cause?.code]).toEqual(['\\u202e', 'c\n'])
    expect(decoded(JSON.stringify({ message: 'x'.repeat(10_000) })).message).toHaveLength(2048)
  })

  it('has a bounded number of causes and errors', () => {
    const nested = `${'{"cause":'.repeat(5000)}{}${'}'.repeat(5000)}`
    let depth = 0
    for (let at: Described | undefined = decoded(nested); at !== undefined; at = at.cause) depth += 1
    expect(depth).toBe(9)
    expect(decoded(`{"errors":[${'{},'.repeat(1000)}{}]}`).errors).toHaveLength(15)
  })
})
