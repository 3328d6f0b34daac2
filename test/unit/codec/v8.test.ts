import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { v8Codec } from '../../../src/codec/v8.js'
import { PLAIN_VALUES } from '../../support/plain-values.js'

function encoded(value: unknown): Buffer {
  return Buffer.from(v8Codec.encode(value))
}

function roundTrip<T>(value: T): T {
  return v8Codec.decode(encoded(value)) as T
}

test('brings back any value that fast-check generates', () => {
  const options = {
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    values: [...PLAIN_VALUES],
  }
  fc.assert(fc.property(fc.anything(options), (value) => assert.deepStrictEqual(roundTrip(value), value)))
})

test('brings back an invalid date', () => {
  const { date } = roundTrip({ date: new Date(Number.NaN) })
  expect(date).toBeInstanceOf(Date)
  expect(date.getTime()).toBeNaN()
})

test('brings back Buffers, views, cycles, lone surrogates and −0', () => {
  const value: Record<string, unknown> = {
    buffer: Buffer.from('bytes'),
    odd: new Uint16Array(Uint8Array.of(1, 2, 3, 4).buffer, 2),
    '\ud83d': '\ude00',
    zero: -0,
  }
  value['self'] = value
  const back = roundTrip(value)
  expect(back['self']).toBe(back)
  expect(Buffer.isBuffer(back['buffer'])).toBe(true)
  assert.deepStrictEqual(back, value)
})

test.each<[string, unknown]>([
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['a SharedArrayBuffer', new SharedArrayBuffer(1)],
])('refuses %s', (_name, value) => {
  expect(() => v8Codec.encode({ value })).toThrow()
})

test('throws for a message truncated at any length', () => {
  const whole = encoded({ a: [1, 'two', new Float64Array(3)], b: Buffer.alloc(20), c: new Map([[1, 2]]) })
  for (let length = 0; length < whole.length; length++) {
    expect(() => v8Codec.decode(Buffer.from(whole.subarray(0, length))), `${length}`).toThrow()
  }
})
