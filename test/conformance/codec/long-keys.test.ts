import { describe, expect, test } from 'vitest'
import { jsonCodec } from '../../../src/codec/json.js'
import { checkLongKeys } from '../../../src/codec/json-size.js'
import { HASHED_LENGTH_MAX, LONG_KEYS_MAX } from '../../../src/codec/key-work.js'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { DEEP } from '../../support/codec-pair.js'

const MANY = 200
const REFUSED = /a key has \d+ characters, and the message has 64 keys of more than 16383 characters already/

/** Texts of one length that differ only at their end: V8 computes one hash for all of them. */
function texts(count: number, length = HASHED_LENGTH_MAX + 1): string[] {
  return Array.from(
    { length: count },
    (_, index) => `${'a'.repeat(length - 6)}${String(index).padStart(6, '0')}`,
  )
}

function objectOf(keys: readonly string[]): Record<string, number> {
  return Object.fromEntries(keys.map((key, index) => [key, index]))
}

const VALUES: readonly [string, (keys: readonly string[]) => unknown][] = [
  ['an object', objectOf],
  ['several objects', (keys) => keys.map((key) => ({ [key]: 1 }))],
  ['a Map', (keys) => new Map(keys.map((key) => [key, 1]))],
  ['a Set', (keys) => new Set(keys)],
  ['an object in a graph', (keys) => [objectOf(keys), new Map()]],
  ['an error', (keys) => Object.assign(new Error('x'), objectOf(keys))],
]

describe.each(VALUES)('long keys of %s', (_name, make) => {
  test('are refused by the sender when there are too many', () => {
    expect(() => msgpackCodec.encode(make(texts(MANY)))).toThrow(REFUSED)
    expect(() => msgpackCodec.encode(make(texts(LONG_KEYS_MAX + 1)))).toThrow(REFUSED)
  })

  test('arrive when there are few, and shorter ones always', () => {
    for (const keys of [texts(LONG_KEYS_MAX), texts(MANY, HASHED_LENGTH_MAX)]) {
      const value = make(keys)
      expect(msgpackCodec.decode(Buffer.from(msgpackCodec.encode(value)))).toEqual(value)
    }
  })
})

describe('a receiver refuses too many long keys', () => {
  const pack = (value: unknown) => Buffer.from(msgpackCodec.encode(value))
  const leaves = texts(LONG_KEYS_MAX + 1)
  const indices = leaves.map((_, index) => index + 1)
  const pairs = indices.flatMap((index) => [index, index])
  test.each<[string, Buffer]>([
    [
      'of a map',
      Buffer.concat([
        Buffer.of(0xde, 0, leaves.length),
        ...leaves.map((key) => Buffer.concat([pack(key), Buffer.of(1)])),
      ]),
    ],
    [
      'of a Map in a tree',
      tree(
        0x40,
        leaves.flatMap((key) => [key, 1]),
      ),
    ],
    ['of a Set in a tree', tree(0x41, leaves)],
    ['of a Map, a Set and maps together', everywhere()],
    ['of an object', graph(['object', ...pairs])],
    ['of an error', graph(['error', 'Error', ...pairs])],
    ['of a Map', graph(['map', ...pairs])],
    ['of a Set', graph(['set', ...indices])],
  ])('%s', (_name, bytes) => {
    expect(() => msgpackCodec.decode(bytes)).toThrow(REFUSED)
  })

  function tree(code: number, values: readonly unknown[]): Buffer {
    return Buffer.concat([Buffer.of(0xc1, code, 0xdc, 0, leaves.length), ...values.map(pack)])
  }

  /** A third of the keys in each. */
  function everywhere(): Buffer {
    const third = Math.ceil(leaves.length / 3)
    const members = leaves
      .slice(2 * third)
      .map((key) => Buffer.concat([Buffer.of(0x81), pack(key), Buffer.of(1)]))
    return Buffer.concat([
      Buffer.of(0xdc, 0, members.length + 2),
      pack(new Set(leaves.slice(0, third))),
      pack(new Map(leaves.slice(third, 2 * third).map((key) => [key, 1]))),
      ...members,
    ])
  }

  function graph(node: unknown[]): Buffer {
    return Buffer.concat([Buffer.of(0xc1), pack([node, ...leaves])])
  }
})

describe('long keys in JSON', () => {
  test('are refused on both sides when there are too many', () => {
    const value = objectOf(texts(LONG_KEYS_MAX + 1))
    expect(() => jsonCodec.encode(value)).toThrow(REFUSED)
    expect(() => jsonCodec.decode(Buffer.from(JSON.stringify(value)))).toThrow(REFUSED)
  })

  test.each([
    ['with escapes', (key: string) => `"${key.replaceAll('a', '\\"')}":1`],
    ['with space behind them', (key: string) => `"${key}" \t\r\n:1`],
    ['between short ones', (key: string) => `"b":1,"${key}":1,"c":{"d":"e"}`],
    ['with escaped backslashes at the end', (key: string) => `"${key}\\\\":1`],
  ])('are found %s', (_name, member) => {
    const text = `{${texts(LONG_KEYS_MAX + 1)
      .map(member)
      .join()}}`
    expect(() => jsonCodec.decode(Buffer.from(text))).toThrow(REFUSED)
  })

  test('arrive when there are few, like long texts that are values', () => {
    for (const value of [
      objectOf(texts(LONG_KEYS_MAX)),
      texts(MANY),
      objectOf(texts(MANY, HASHED_LENGTH_MAX)),
    ])
      expect(jsonCodec.decode(Buffer.from(jsonCodec.encode(value)))).toEqual(value)
  })

  test('are checked in malformed bytes without an error', () => {
    for (const character of ['"', '\\', '[', ':', '"\\'])
      expect(() => checkLongKeys(Buffer.alloc(2_000_000, character))).not.toThrow()
  })
})

describe('long texts as values of a graph', () => {
  test('arrive, however many of them differ at their end only', () => {
    const value = [DEEP, ...texts(MANY), ...texts(MANY)]
    expect(msgpackCodec.decode(Buffer.from(msgpackCodec.encode(value)))).toEqual(value)
  })

  test('are written once when there are few', () => {
    const few = texts(10)
    const value = [DEEP, ...Array.from({ length: 100 }, () => few).flat()]
    expect(msgpackCodec.encode(value).length).toBeLessThan(12 * HASHED_LENGTH_MAX)
  })

  test('take time that grows with their number, not with its square', () => {
    const timeOf = (count: number) => {
      const value = [DEEP, ...texts(count, 5 * HASHED_LENGTH_MAX)]
      const start = performance.now()
      msgpackCodec.encode(value)
      return performance.now() - start
    }
    timeOf(200)
    // Sixteen times as many take about 16 times as long; if each were compared with all, 256 times.
    const few = Math.min(timeOf(100), timeOf(100), timeOf(100))
    expect(timeOf(1600) / few).toBeLessThan(120)
  })

  test('throw if writing them at each place needs more than maxMessageBytes', () => {
    const codec = msgpackCodec.perChannel?.(() => true, {
      messageBytesMax: 20_000_000,
      decodedBytesMax: 2 ** 30,
    })
    const many = texts(400)
    const value = Array.from({ length: 20 }, () => many)
    expect(() => codec?.encode([DEEP, value.flat()])).toThrow('maxMessageBytes: 20000000')
  })
})
