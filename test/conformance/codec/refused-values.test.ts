import { describe, expect, test, vi } from 'vitest'
import type { Codec } from '../../../src/codec/codec.js'
import { jsonCodec } from '../../../src/codec/json.js'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { pathTo } from '../../../src/codec/path.js'
import { TEXT_BYTES_MAX } from '../../../src/codec/tree-format.js'
import { v8Codec } from '../../../src/codec/v8.js'
import { DEEP } from '../../support/codec-pair.js'

const CULPRIT = () => 1
const KEY = {}
const cyclic: Record<string, unknown> = { list: [1, { deep: CULPRIT }] }
cyclic['self'] = cyclic
let deep: unknown = CULPRIT
for (let level = 0; level < 1000; level++) deep = { inner: deep }

/** A message with a function, and where it is. */
const PLACES: [string, unknown, string][] = [
  ['the message itself', CULPRIT, 'message'],
  ['members', { config: { http: { transform: [CULPRIT] } } }, 'message.config.http.transform[0]'],
  ['elements', [1, [2, CULPRIT]], 'message[1][1]'],
  ['a key that is not an identifier', { 'a b': { 1: CULPRIT } }, 'message["a b"]["1"]'],
  ['a value of a Map', new Map([['k', CULPRIT]]), 'message.get("k")'],
  ['a value of a Map with a number', { m: new Map([[7, CULPRIT]]) }, 'message.m.get(7)'],
  ['a value of a Map with an object as key', new Map([[KEY, CULPRIT]]), 'message[value 0]'],
  [
    'a key of a Map',
    new Map<unknown, unknown>([
      [1, 1],
      [CULPRIT, 1],
    ]),
    'message[key 1]',
  ], // prettier-ignore
  ['an element of a Set', { set: new Set([1, CULPRIT]) }, 'message.set[element 1]'],
  ['a member of an error', Object.assign(new Error('x'), { retry: CULPRIT }), 'message.retry'],
  ['the cause of an error', new Error('x', { cause: [CULPRIT] }), 'message.cause[0]'],
  ['a Map with a long bigint as key', new Map([[2n ** 64n, CULPRIT]]), 'message[value 0]'],
  ['a Map with a bigint as key', new Map([[2n ** 63n, CULPRIT]]), 'message.get(9223372036854775808)'],
  ['a cyclic message', cyclic, 'message.list[1].deep'],
  ['a long key', { ['k'.repeat(100)]: CULPRIT }, `message["${'k'.repeat(40)}…"]`],
]

describe.each<[string, Codec, string]>([
  ['msgpack', msgpackCodec, ' is a function (CULPRIT)'],
  ['v8', v8Codec, ': () => 1 could not be cloned.'],
])('%s', (name, codec, problem) => {
  // v8.serialize does not read other members of an error than the standard ones.
  const places = PLACES.filter(([where]) => name === 'msgpack' || !where.includes('error'))
  test.each(places)('names the place of a function: %s', (_where, message, place) => {
    expect(() => codec.encode(message)).toThrow(`${place}${problem}`)
  })

  test('names the end of a long path', () => {
    expect(() => codec.encode(deep)).toThrow(/^message…(\.inner){34}/)
  })

  test('refuses a Proxy of a built-in object with its place', () => {
    const error = new TypeError('x')
    for (const target of [
      new Map(),
      new Set(),
      new Date(),
      /x/,
      error,
      new Uint8Array(2),
      Buffer.alloc(2),
      Object(1),
    ])
      expect(() => codec.encode({ a: [new Proxy(target, {})] })).toThrow(/message\.a\[0\]/)
  })
})

class Tagged {
  x = 1
  get [Symbol.toStringTag](): string {
    return 'Tagged'
  }
}

class WithTag {
  readonly [Symbol.toStringTag] = 'Own'
  x = 1
}

describe('msgpack', () => {
  test.each<[string, unknown, string]>([
    ['a symbol', Symbol('s'), 'a symbol (Symbol(s))'],
    ['a promise', Promise.resolve(), 'a Promise'],
    ['an iterator', [][Symbol.iterator](), 'a Array Iterator'],
    ['a URLSearchParams', new URLSearchParams(), 'a URLSearchParams'],
    ['an instance of a tagged class', new Tagged(), 'a Tagged (a class with Symbol.toStringTag)'],
    [
      'an instance of a class derived from it',
      new (class extends Tagged {})(),
      'a Tagged (a class with Symbol.toStringTag)',
    ],
    [
      'a Proxy of such an instance',
      new Proxy(new Tagged(), {}),
      'a Proxy of a Tagged (a class with Symbol.toStringTag)',
    ],
    ['a boxed number', Object(1), 'a Number object'],
    ['a proxy of a Map', new Proxy(new Map(), {}), 'a Proxy of a built-in object (Map)'],
    ['a proxy of a Date', new Proxy(new Date(), {}), 'a Proxy of a built-in object (Date)'],
    [
      'a proxy of a derived class',
      new Proxy(new (class extends Error {})(), {}),
      'a Proxy of a built-in object (Error)',
    ],
    ['a proxy of a proxy', new Proxy(new Proxy(new Set(), {}), {}), 'a Proxy of a built-in object (Set)'],
    ['a proxy of a promise', new Proxy(Promise.resolve(), {}), 'a Proxy of a built-in object (Promise)'],
    [
      'a function without a name',
      (
        () => () =>
          1
      )(),
      'a function',
    ],
    ['a function with another name', Object.defineProperty(() => 1, 'name', { value: 5 }), 'a function'],
    [
      'an array with holes',
      Object.assign([1], { 2: 3 }),
      'an array with holes: of 3 elements, number 1 is missing',
    ],
  ])('says what %s is', (_name, value, problem) => {
    expect(() => msgpackCodec.encode({ value })).toThrow(new TypeError(`message.value is ${problem}`))
  })

  test('sends a Proxy of a plain object, an array and an instance of a class', () => {
    class Point {
      x = 1
    }
    const message = new Proxy(
      { list: new Proxy([1, new Proxy({ a: 1 }, {})], {}), point: new Proxy(new Point(), {}) },
      {},
    )
    const shared = new Proxy([5], {})
    const roundTrip = (value: unknown) => msgpackCodec.decode(Buffer.from(msgpackCodec.encode(value)))
    expect(roundTrip(message)).toStrictEqual({ list: [1, { a: 1 }], point: { x: 1 } })
    expect(roundTrip([shared, shared, message])).toStrictEqual([
      [5],
      [5],
      { list: [1, { a: 1 }], point: { x: 1 } },
    ])
  })

  test('sends an instance that has a Symbol.toStringTag of its own, at any depth', () => {
    const roundTrip = (value: unknown) => msgpackCodec.decode(Buffer.from(msgpackCodec.encode(value)))
    expect(roundTrip(new WithTag())).toStrictEqual({ x: 1 })
    expect(roundTrip([DEEP, new WithTag()])).toStrictEqual([DEEP, { x: 1 }])
  })

  test('reports a value that only an accessor returns', () => {
    const message = {
      get callback() {
        return () => 1
      },
    }
    expect(() => msgpackCodec.encode(message)).toThrow(/^a value in the message is a function$/)
  })
})

describe('json', () => {
  test('names the place of a bigint', () => {
    expect(() => jsonCodec.encode({ list: [1, { id: 5n }] })).toThrow('message.list[1].id is a bigint')
    expect(() => jsonCodec.encode(5n)).toThrow('message is a bigint')
  })

  test('reports other errors as they are', () => {
    const thrown = new TypeError('of the program')
    const message = {
      id: 5,
      toJSON() {
        throw thrown
      },
    }
    expect(() => jsonCodec.encode(message)).toThrow(thrown)
  })
})

describe('a text that no receiver can decode', () => {
  // 560 MB of UTF-8.
  const text = 'é'.repeat(280_000_000)

  test('is refused by msgpack with its place', () => {
    expect(() => msgpackCodec.encode({ list: [text] })).toThrow(
      `message.list[0] is a string of more than ${TEXT_BYTES_MAX} bytes of UTF-8`,
    )
  })

  test('is refused by json', () => {
    // On Node 26, JSON.stringify of such a text can end the process.
    const stringify = vi.spyOn(JSON, 'stringify').mockReturnValueOnce(text)
    expect(() => jsonCodec.encode([])).toThrow(/the JSON has 560000000 bytes; a receiver can decode at most/)
    stringify.mockRestore()
    // The error of the engine for a longer text.
    const tooLong = { toJSON: () => 'x'.repeat(2 ** 29) }
    expect(() => jsonCodec.encode(tooLong)).toThrow(/the JSON is too long for one string/)
    // Its pages are never touched.
    expect(() => jsonCodec.decode(Buffer.alloc(TEXT_BYTES_MAX + 1))).toThrow(/more than 536870888 bytes/)
  })
})

test('searches a bounded number of values', () => {
  const list: unknown[] = Array.from({ length: 1_000_000 }, (_, index) => index)
  expect(pathTo([...list, CULPRIT], (value) => value === CULPRIT)).toBeUndefined()
  expect(pathTo([CULPRIT, ...list], (value) => value === CULPRIT)).toBe('message[0]')
})
