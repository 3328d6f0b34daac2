import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { bytesCodec } from '../../../src/codec/bytes.js'
import { v8Codec } from '../../../src/codec/v8.js'
import { DEEP, ROUND_TRIPS, type RoundTrip } from '../../support/codec-pair.js'
import { foreign } from '../../support/foreign.js'
import { TYPED_ARRAYS } from '../../support/typed-arrays.js'

const V8: [string, RoundTrip] = [
  'v8',
  (value) => v8Codec.decode(Buffer.from(v8Codec.encode(value))) as typeof value,
]

/** An expression in another realm, and what arrives. */
const VALUES: [string, unknown][] = [
  ['new Date(5)', new Date(5)],
  ['/a(b)/giu', /a(b)/giu],
  [
    'new Map([[1, new Map()], ["k", [1]]])',
    new Map<unknown, unknown>([
      [1, new Map()],
      ['k', [1]],
    ]),
  ], // prettier-ignore
  ['new Set([1, {}])', new Set([1, {}])],
  ['({ a: 1, list: [1, [2]], inner: { b: null } })', { a: 1, list: [1, [2]], inner: { b: null } }],
  ['[1, "two", [3], {}]', [1, 'two', [3], {}]],
  ['new ArrayBuffer(3)', new ArrayBuffer(3)],
  ['new DataView(new ArrayBuffer(3))', new DataView(new ArrayBuffer(3))],
  ...TYPED_ARRAYS.map((TypedArray): [string, unknown] => {
    const elements = TypedArray.name.startsWith('Big') ? '[1n, 2n]' : '[1, 2]'
    return [`${TypedArray.name}.from(${elements})`, Reflect.construct(TypedArray, [foreign(elements)])]
  }),
]

describe.each([...ROUND_TRIPS, V8])('%s', (_name, roundTrip) => {
  test.each(VALUES)(
    'brings back %s of another realm, alone and in a tree and a graph',
    (expression, expected) => {
      const shared = {}
      for (const wrap of [
        (value: unknown) => value,
        (value: unknown) => ({ value, list: [value === undefined] }),
        (value: unknown) => [shared, shared, value],
        (value: unknown) => [DEEP, value],
      ])
        assert.deepStrictEqual(roundTrip(wrap(foreign(expression))), wrap(expected))
    },
  )

  test('keeps the parts of an error of another realm', () => {
    const sent = foreign(
      'Object.assign(new RangeError("far", { cause: new TypeError("c") }), { code: "E_FAR", n: 1 })',
    )
    const back = (roundTrip({ sent }) as unknown as { sent: RangeError & { n: number } }).sent
    expect(back).toBeInstanceOf(RangeError)
    expect([back.name, back.message]).toEqual(['RangeError', 'far'])
  })
})

describe.each(ROUND_TRIPS)('%s', (_name, roundTrip) => {
  test('keeps the code, the cause and other members of an error of another realm', () => {
    const sent = foreign(
      'Object.assign(new RangeError("far", { cause: new TypeError("c") }), { code: 7, n: 1 })',
    )
    const back = roundTrip(sent) as RangeError
    expect(back).toMatchObject({ code: 7, n: 1, cause: { name: 'TypeError', message: 'c' } })
    expect(back.cause).toBeInstanceOf(TypeError)
  })

  test('keeps instances of classes of another realm as plain objects', () => {
    expect(roundTrip(foreign('new (class Point { x = 1 })()'))).toStrictEqual({ x: 1 })
    expect(
      roundTrip(foreign('Object.create(Error.prototype, { a: { value: 1, enumerable: true } })')),
    ).toStrictEqual({
      a: 1,
    })
  })

  test.each(['new Number(5)', 'new String("x")', 'new Boolean(true)', 'Promise.resolve()', 'new WeakMap()'])(
    'refuses %s of another realm',
    (expression) => {
      expect(() => roundTrip({ value: foreign(expression) })).toThrow(/^message\.value is a /)
    },
  )
})

test.each([
  'new Uint8Array([1, 2])',
  'new DataView(new Uint8Array([1, 2]).buffer)',
  'new Uint8Array([1, 2]).buffer',
])('bytes takes %s of another realm', (expression) => {
  expect([...bytesCodec.encode(foreign(expression))]).toEqual([1, 2])
})
