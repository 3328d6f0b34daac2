import { describe, expect, test } from 'vitest'
import { KeyTable, KeyWork } from '../../../src/codec/key-work.js'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { DEEP } from '../../support/codec-pair.js'
import { collidingBigints, collidingDoubles, collidingIntegers } from '../../support/colliding-keys.js'
import { randomFrom } from '../../support/random.js'

const MANY = 1_000_000
const HOSTILE: readonly [string, (count: number) => (number | bigint)[]][] = [
  ['integers', collidingIntegers],
  ['doubles', collidingDoubles],
  ['bigints', collidingBigints],
  [
    'bigints that share their lowest 64 bits',
    (count) => numbered(count, (index) => (BigInt(index) << 64n) + 5n),
  ],
  ['negative bigints', (count) => collidingBigints(count).map((key) => -key)],
]

function numbered<T>(count: number, keyOf: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => keyOf(index))
}

/** The number of keys that are accepted before one is refused; all of them if none is. */
function taken(keys: Iterable<unknown>): number {
  const table = new KeyTable(new KeyWork())
  let count = 0
  try {
    for (const key of keys) {
      table.add(key)
      count += 1
    }
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError)
  }
  return count
}

describe('ordinary keys are never refused', () => {
  const random = randomFrom(7)
  const families: [string, (index: number) => unknown][] = [
    ['integers in sequence', (index) => index],
    ['negative integers', (index) => -index],
    ['integers around the end of 31 bits', (index) => 2 ** 30 - 500_000 + index],
    ['integers around the end of 32 bits', (index) => 2 ** 31 - 500_000 + index],
    ['prices in cents', (index) => index / 100],
    ['prices in steps of 0.05', (index) => index * 0.05],
    ['halves', (index) => index / 2],
    ['thirds', (index) => index / 3],
    ['eighths below zero', (index) => -index / 8],
    ['timestamps in milliseconds', (index) => 1_700_000_000_000 + index],
    ['timestamps in seconds', (index) => 1_700_000_000 + 60 * index],
    ['timestamps in microseconds', (index) => 1_700_000_000_000_000 + 1000 * index],
    ['random doubles', () => random()],
    ['random integers', () => Math.floor(random() * 2 ** 32) - 2 ** 31],
    ['random large integers', () => Math.floor(random() * 2 ** 53)],
    ['squares', (index) => index * index],
    ['degrees', (index) => -180 + index * 0.000_36],
    ['tiny numbers', (index) => index * Number.MIN_VALUE],
    ['huge numbers', (index) => 1e300 + index * 1e285],
    ['bigints in sequence', (index) => BigInt(index)],
    ['negative bigints', (index) => -BigInt(index)],
    ['snowflakes', (index) => (BigInt(1_288_834_974_657 + index) << 22n) | BigInt(index % 4096)],
    ['snowflakes of one machine', (index) => BigInt(1_288_834_974_657 + index) << 22n],
    ['nanoseconds', (index) => 1_700_000_000_000_000_000n + 1_000n * BigInt(index)],
    ['powers of ten apart', (index) => 10n ** 20n * BigInt(index)],
    [
      'random bigints of 128 bits',
      () => (BigInt(Math.floor(random() * 2 ** 53)) << 75n) | BigInt(Math.floor(random() * 2 ** 53)),
    ],
    [
      'integers, doubles and bigints',
      (index) => (index % 3 === 0 ? index : index % 3 === 1 ? index + 0.5 : BigInt(index)),
    ],
    ['texts and numbers', (index) => (index % 2 === 0 ? `${index}` : index)],
    ...numbered(31, (bit): [string, (index: number) => unknown] => [
      `multiples of 2^${bit}`,
      (index) => index * 2 ** bit,
    ]),
    ...numbered(20, (bit): [string, (index: number) => unknown] => [
      `bigint multiples of 2^${2 * bit}`,
      (index) => BigInt(index) << BigInt(2 * bit),
    ]),
    ...[10, 100, 1000, 4096, 10_000, 65_535, 65_537, 1_000_003].map(
      (step): [string, (index: number) => unknown] => [`multiples of ${step}`, (index) => index * step],
    ),
  ]
  test.each(families)('%s', (_name, keyOf) => {
    for (const count of [64, 1000, 65_536]) expect(taken(numbered(count, keyOf)), `${count} keys`).toBe(count)
  })

  test.each(families.slice(0, 5))('%s, a million of them', (_name, keyOf) => {
    expect(taken(numbered(MANY, keyOf))).toBe(MANY)
  })
})

describe.each(HOSTILE)('colliding %s', (_name, make) => {
  test('are refused early, however many they are', () => {
    for (const count of [500, 5000, 50_000]) expect(taken(make(count))).toBeLessThan(2000)
  })

  test('are refused if they collide after the table has grown', () => {
    const keys = make(4000)
    // After ordinary keys, which have made the table large.
    const mixed = [...numbered(2000, (index) => index * 0.37), ...keys]
    expect(taken(mixed)).toBeLessThan(2000 + 2000)
  })

  test('collide in the engine too; otherwise the count would be unnecessary', () => {
    const count = 4000
    const hostile = timeOfSet(make(count))
    const ordinary = timeOfSet(numbered(count, (index) => index * 0.37))
    // About a hundred times as long on Node 20 to 26.
    expect(hostile / ordinary).toBeGreaterThan(5)
  })

  test('are refused by the sender and by the receiver alike', () => {
    const keys = make(2000)
    for (const value of [new Set(keys), new Map(keys.map((key) => [key, 1]))]) {
      expect(() => msgpackCodec.encode(value)).toThrow('collide')
      expect(() => msgpackCodec.decode(graphOf(value))).toThrow('collide')
      expect(() => msgpackCodec.decode(treeOf(value))).toThrow('collide')
    }
  })

  test('arrive as elements of an array in the graph form', () => {
    const value = [DEEP, ...make(2000), ...make(2000)]
    expect(msgpackCodec.decode(Buffer.from(msgpackCodec.encode(value)))).toEqual(value)
  })
})

test('accepts a thousand bigints that share their lowest 64 bits', () => {
  const keys = numbered(1000, (index) => BigInt(index) << 64n)
  expect(msgpackCodec.decode(Buffer.from(msgpackCodec.encode(new Set(keys))))).toEqual(new Set(keys))
})

test('charges long bigints that collide by their length', () => {
  const keys = numbered(1000, (index) => BigInt(index) << 40_000n)
  expect(taken(keys)).toBeLessThan(300)
})

test('bounds the comparisons of all collections of a message together', () => {
  const work = new KeyWork()
  const take = () => {
    const table = new KeyTable(work)
    for (const key of collidingIntegers(1000)) table.add(key)
  }
  take()
  take()
  expect(take).toThrow('collide')
})

test('rejects a graph with a duplicate key or element', () => {
  const graphs = [
    [['set', 1, 1], 'text'],
    [['set', 1, 2], 'text', 'text'],
    [['map', 1, 1, 1, 1], 'text'],
    [['map', 1, 1, 2, 1], 0, -0],
  ]
  for (const nodes of graphs) {
    const bytes = Buffer.concat([Buffer.of(0xc1), msgpackCodec.encode(nodes)])
    expect(() => msgpackCodec.decode(bytes)).toThrow('duplicate')
  }
})

/** The shortest of several times, in milliseconds. */
function timeOfSet(keys: readonly unknown[]): number {
  const times = numbered(5, () => {
    const start = performance.now()
    expect(new Set(keys).size).toBe(keys.length)
    return performance.now() - start
  })
  return Math.min(...times)
}

/** The messages of a peer that does not count collisions. */
function treeOf(value: ReadonlySet<unknown> | ReadonlyMap<unknown, unknown>): Buffer {
  const elements = value instanceof Set ? [...value] : [...value].flat()
  // A list is written like the entries, with another length.
  const list = Buffer.from(msgpackCodec.encode(elements)).subarray(3)
  const header = Buffer.of(0xc1, value instanceof Set ? 0x41 : 0x40, 0xdc, 0, 0)
  header.writeUInt16BE(value.size, 3)
  return Buffer.concat([header, list])
}

function graphOf(value: ReadonlySet<unknown> | ReadonlyMap<unknown, unknown>): Buffer {
  const keys = [...value.keys()]
  const references = keys.flatMap((_, index) => (value instanceof Set ? [index + 1] : [index + 1, index + 1]))
  const nodes = [[value instanceof Set ? 'set' : 'map', ...references], ...keys]
  return Buffer.concat([Buffer.of(0xc1), msgpackCodec.encode(nodes)])
}
