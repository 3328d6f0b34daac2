import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonCodec } from '../../../src/codec/json.js'

function roundTrip(value: unknown): unknown {
  return jsonCodec.decode(Buffer.from(jsonCodec.encode(value)))
}

test('brings back any JSON value', () => {
  // Not −0, which JSON.stringify writes as 0.
  const value = fc.jsonValue().map((json) => JSON.parse(JSON.stringify(json)) as unknown)
  fc.assert(fc.property(value, (json) => assert.deepStrictEqual(roundTrip(json), json)))
})

test('brings back lone surrogates and a __proto__ key', () => {
  expect(roundTrip({ '\ud83d': 'x\ude00' })).toStrictEqual({ '\ud83d': 'x\ude00' })
  const sent = JSON.parse('{"__proto__":{"x":1}}') as object
  const back = roundTrip(sent) as Record<string, unknown>
  expect(Object.keys(back)).toStrictEqual(['__proto__'])
  expect(back['x']).toBeUndefined()
})

test('loses only the values that its description names', () => {
  const sent = { a: undefined, b: () => 1, c: Number.NaN, d: -0, e: new Date(0) }
  expect(roundTrip(sent)).toStrictEqual({ c: null, d: 0, e: '1970-01-01T00:00:00.000Z' })
})

test.each<[string, unknown]>([
  ['undefined', undefined],
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['a bigint', 1n],
  ['a bigint inside', { a: [1n] }],
])('refuses %s', (_name, value) => {
  expect(() => jsonCodec.encode(value)).toThrow(TypeError)
})

test('refuses a cycle', () => {
  const cycle: unknown[] = []
  cycle.push(cycle)
  expect(() => jsonCodec.encode(cycle)).toThrow(TypeError)
})

test('throws for invalid JSON and for invalid UTF-8', () => {
  for (const text of ['', '{', '[1,]', 'nul', '\ufeff1', '1 2']) {
    expect(() => jsonCodec.decode(Buffer.from(text))).toThrow(SyntaxError)
  }
  expect(() => jsonCodec.decode(Buffer.from([0x22, 0xff, 0x22]))).toThrow('not UTF-8')
})

test('throws for nesting beyond the stack', () => {
  expect(() => jsonCodec.decode(Buffer.from('['.repeat(1_000_000)))).toThrow()
})
