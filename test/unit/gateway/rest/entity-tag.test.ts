import { describe, expect, it } from 'vitest'
import { checkPreconditions, entityTagOf, isCurrent } from '../../../../src/gateway/rest/entity-tag.js'

describe('entityTagOf', () => {
  it('is a strong tag that differs by body and by coding', () => {
    const tag = entityTagOf('{"id":"1"}', 'identity')
    expect(tag).toMatch(/^"[\w-]{22}"$/)
    expect(entityTagOf(Buffer.from('{"id":"1"}'), 'identity')).toBe(tag)
    expect(entityTagOf('{"id":"2"}', 'identity')).not.toBe(tag)
    expect(entityTagOf('{"id":"1"}', 'br')).toBe(`${tag.slice(0, -1)}-br"`)
  })
})

describe('isCurrent', () => {
  it.each([
    [undefined, false],
    ['"abc"', true],
    ['W/"abc"', true],
    ['"x", W/"y" ,"abc"', true],
    [', ,"abc",', true],
    ['*', true],
    [' * ', true],
    ['"x,abc"', false],
    ['"ab"', false],
    ['abc', false],
    ['"x" "abc"', false],
    ['"abc" x', false],
    ['w/"abc"', false],
    ['"abc', false],
    ['*, "abc"', false],
    ['', false],
    ['"a\\"b", "abc"', false],
  ])('compares the header %j', (header, expected) => {
    expect(isCurrent(header, '"abc"')).toBe(expected)
  })

  it('takes linear time for a long malformed header', () => {
    const header = `${', '.repeat(30_000)}x`
    const started = process.cpuUsage().user
    expect(isCurrent(header, '"abc"')).toBe(false)
    // A quadratic scan takes minutes.
    expect(process.cpuUsage().user - started).toBeLessThan(30_000_000)
  })
})

describe('checkPreconditions', () => {
  it('refuses a condition that the gateway cannot check', () => {
    for (const [method, headers] of [
      ['PUT', { 'if-match': '"abc"' }],
      ['PUT', { 'if-none-match': '*' }],
      ['GET', { 'if-match': '*' }],
    ] as const)
      expect(() => checkPreconditions(method, headers)).toThrow(
        expect.objectContaining({
          httpStatus: 501,
          status: 'UNIMPLEMENTED',
          reason: 'PRECONDITION_UNSUPPORTED',
          message: expect.stringContaining(Object.keys(headers)[0] as string),
        }),
      )
  })

  it('accepts if-none-match of a safe method, and requests without a condition', () => {
    for (const method of ['GET', 'HEAD'])
      expect(() => checkPreconditions(method, { 'if-none-match': '"abc"' })).not.toThrow()
    expect(() => checkPreconditions('POST', { 'if-unmodified-since': 'now' })).not.toThrow()
  })
})
