import { describe, expect, test } from 'vitest'
import { MessageCodec } from '../../../src/channel/message-codec.js'
import type { CodecName } from '../../../src/codec/codec.js'
import { codecFor } from '../../../src/codec/codecs.js'
import {
  decodedBytesDefault,
  elementsAfter,
  isIndexKey,
  shapedObjectBytes,
} from '../../../src/codec/decode-budget.js'
import { jsonCodec } from '../../../src/codec/json.js'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { ErrorCode, type ShmwireError } from '../../../src/errors.js'
import { channelCodec } from '../../support/codec-pair.js'
import { collectGarbage } from '../../support/garbage.js'

const MIB = 1024 * 1024

function codecWith(decodedBytesMax: number, name: CodecName = 'msgpack'): MessageCodec {
  return new MessageCodec(codecFor(name), { messageBytesMax: 64 * MIB, decodedBytesMax }, () => true)
}

/** A list of `count` elements, as MessagePack. */
function listOf(count: number, elementOf: (index: number) => Uint8Array): Buffer {
  const head = Buffer.of(0xdd, 0, 0, 0, 0)
  head.writeUInt32BE(count, 1)
  return Buffer.concat([head, ...Array.from({ length: count }, (_, index) => elementOf(index))])
}

function graphOf(count: number, nodeOf: (index: number) => unknown): Buffer {
  return Buffer.concat([
    Buffer.of(0xc1),
    listOf(count, (index) => Buffer.from(msgpackCodec.encode(nodeOf(index)))),
  ])
}

/** Bytes of the heap, and of memory outside that the heap keeps alive. */
function memoryBytes(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const hex = (digits: string) => () => Buffer.from(digits, 'hex')
const object = (...keys: string[]) =>
  Buffer.from(msgpackCodec.encode(Object.fromEntries(keys.map((key) => [key, 1]))))
/** Keys beyond the largest block that V8 allocates at once: it creates a hash table, then a block. */
function indices(count: number, first: number): string[] {
  return Array.from({ length: count }, (_, index) => String(first + Math.floor((index * 452) / count)))
}

function withoutStack(error: Error): Error {
  delete error.stack
  return error
}

/** Objects of several keys out of many, so that nearly every one needs its own hidden classes. */
function shuffled(count: number, index: number): string[] {
  const keys = new Set<string>()
  for (let salt = 0; keys.size < count; salt++)
    keys.add(`k${(Math.imul(index + 1, 2_654_435_761) >>> (salt % 24)) % 211}${salt % 3}`)
  return [...keys]
}

describe('the memory of a value is not charged too little', () => {
  test.each<[string, number, (index: number) => Uint8Array]>([
    ['empty objects', 40_000, hex('80')],
    ['empty arrays', 40_000, hex('90')],
    ['arrays of one', 40_000, hex('9101')],
    ['arrays of seventeen', 10_000, hex(`dc0011${'01'.repeat(17)}`)],
    ['objects of one key', 40_000, hex('81a16101')],
    ['objects of a new key', 20_000, (index) => object(`k${index.toString(36)}`)],
    ['objects of four keys of many', 10_000, (index) => object(...shuffled(4, index))],
    ['objects of twelve keys of many', 5_000, (index) => object(...shuffled(12, index))],
    ['objects of twenty-two keys', 5_000, () => object(...Array.from({ length: 22 }, (_, key) => `t${key}`))],
    ['objects of eighty-six keys', 2_000, () => object(...Array.from({ length: 86 }, (_, key) => `t${key}`))],
    ['objects of a key like a small index', 1_000, () => object('999')],
    ['objects of keys like indices with gaps', 500, () => object('1023', '2574', '3322')],
    ['objects of a key like a large index', 10_000, () => object('99999999')],
    ['objects of keys like large indices', 1_000, () => object(...indices(86, 1048))],
    ['objects of keys like far indices', 1_000, () => object(...indices(86, 5_000_000))],
    ['texts of two characters', 40_000, hex('a26162')],
    ['texts of nine characters', 40_000, hex(`a9${'61'.repeat(9)}`)],
    ['texts of sixteen characters', 20_000, hex(`b0${'61'.repeat(16)}`)],
    ['texts of two bytes a character', 10_000, () => Buffer.from(msgpackCodec.encode(`€${'x'.repeat(60)}`))],
    ['bigints', 20_000, hex('cfff00000000000001')],
    ['dates', 20_000, hex('d6ff00000001')],
    [
      'integers beyond 32 bits, and a text',
      40_000,
      (index) => Buffer.from(index === 0 ? 'a26162' : 'ceffffffff', 'hex'),
    ],
    ['floats, and a text', 40_000, (index) => Buffer.from(index === 0 ? 'a26162' : 'ca3f8c0001', 'hex')],
    ['invalid dates', 20_000, hex('d4ffff')],
    ['Buffers', 20_000, hex('c40101')],
    ['ArrayBuffers', 10_000, hex('d47410')],
    ['DataViews', 10_000, hex('d47411')],
    ['typed arrays', 10_000, hex('c70974080102030405060708')],
    ['Maps', 10_000, hex('c14090')],
    ['Maps of five', 5_000, hex('c1409500010101020103010401')],
    ['Sets', 10_000, hex('c14190')],
    ['Sets of nine', 5_000, hex('c14199000102030405060708')],
    ['errors', 5_000, hex('c143a9547970654572726f7290')],
    ['errors with a message', 5_000, () => Buffer.from(msgpackCodec.encode(withoutStack(new Error('ab'))))],
    ['patterns', 5_000, hex('c142a86162636465666768a167')],
    ['long bigints', 5_000, () => Buffer.from(msgpackCodec.encode(2n ** 800n))],
    ['texts in UTF-16', 10_000, () => Buffer.from(msgpackCodec.encode('abcdefg\ud800'))],
  ])('%s', (_name, count, elementOf) => {
    expectCharged(codecWith(1024 * MIB), listOf(count, elementOf))
  })

  test.each<[string, string[], string, number]>([
    ['two small integers', ['x', 'y'], '0102', 4],
    ['four booleans', ['a', 'b', 'c', 'd'], 'c3c2c3c2', 6],
    ['two doubles', ['x', 'y'], 'cb3ff1000000000001cb3ff1000000000002', 20],
    ['ten texts', Array.from('abcdefghij'), 'a26162'.repeat(10), 32],
  ])('shaped objects of %s', (_name, keys, values, bytes) => {
    const codec = codecWith(1024 * MIB)
    codec.applyNote(Buffer.from(msgpackCodec.encode(keys)))
    const record = Buffer.from(`c100${values}`, 'hex')
    expect(record).toHaveLength(bytes)
    const message = listOf(20_000, () => record)
    expectCharged(codec, message)
    // A message of 64 MiB needs at most the default of 1 GiB.
    expect((codec.heldBytes(message) - message.length) / message.length).toBeLessThan(16)
  })

  test.each([86, 100, 127])('shaped objects of %i keys like large indices', (count) => {
    const codec = codecWith(1024 * MIB)
    codec.applyNote(Buffer.from(msgpackCodec.encode(indices(count, 1048))))
    const record = Buffer.concat([Buffer.of(0xc1, 0), Buffer.alloc(count, 1)])
    expectCharged(
      codec,
      listOf(1000, () => record),
    )
  })

  test.each<[string, number, (index: number) => unknown]>([
    ['Maps', 10_000, () => ['map']],
    ['Maps of five', 5_000, () => ['map', 0, 0, 1, 0, 2, 0, 3, 0, 4, 0]],
    ['Sets', 10_000, () => ['set']],
    ['Sets of nine', 5_000, () => ['set', 0, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['errors', 5_000, () => ['error', 'TypeError']],
    ['objects', 10_000, () => ['object']],
    ['arrays', 10_000, () => ['array', 0, 0, 0]],
    ['arrays of one', 20_000, () => ['array', 0]],
  ])('a graph of %s', (_name, count, nodeOf) => {
    // The nodes refer to the leaves, which come first; the list holds all nodes.
    const leaves = 10
    const all = ['array', ...Array.from({ length: count }, (_, index) => index + leaves)]
    const nodes = graphOf(count + leaves, (index) =>
      index === 0 ? all : index < leaves ? index : nodeOf(index),
    )
    expectCharged(codecWith(1024 * MIB), nodes)
  })

  test.each<[string, number, (index: number) => string]>([
    ['empty objects', 40_000, () => '{}'],
    ['empty arrays', 40_000, () => '[]'],
    ['arrays of one', 40_000, () => '[0]'],
    ['objects of a new key', 20_000, (index) => `{"k${index.toString(36)}":0}`],
    [
      'objects of four keys of many',
      10_000,
      (index) =>
        `{${shuffled(4, index)
          .map((key) => `"${key}":0`)
          .join()}}`,
    ],
    [
      'objects of twelve keys of many',
      5_000,
      (index) =>
        `{${shuffled(12, index)
          .map((key) => `"${key}":0`)
          .join()}}`,
    ],
    ['objects of a key like an index', 10_000, () => '{"1023":0}'],
    ['objects of a key like a small index', 10_000, () => '{"35":0}'],
    [
      'objects of keys like indices',
      2_000,
      () =>
        `{${indices(86, 1048)
          .map((key) => `"${key}":0`)
          .join()}}`,
    ],
    ['objects of a key like an index with an escape', 10_000, () => '{"\\u0033\\u0035":0}'],
    ['numbers that are not short integers', 40_000, () => '-0,1e9,0.5'],
    ['texts', 40_000, () => '"abc"'],
  ])('JSON of %s', (_name, count, elementOf) => {
    const text = `[${Array.from({ length: count }, (_, index) => elementOf(index)).join()}]`
    expectCharged(codecWith(1024 * MIB, 'json'), Buffer.from(text))
  })

  /** At least three quarters of the growth of the heap, and less than twenty times as much. */
  function expectCharged(codec: MessageCodec, bytes: Buffer): void {
    // The median of three, because the engine may free code and maps of earlier tests meanwhile.
    const values: unknown[] = []
    const growths = [0, 1, 2].map(() => {
      const before = memoryBytes()
      values.push(codec.decode(bytes))
      return memoryBytes() - before
    })
    expect(values).not.toContain(undefined)
    const grown = growths.toSorted((a, b) => a - b)[1] as number
    const charged = codec.heldBytes(bytes)
    expect(charged).toBeGreaterThan(0.75 * grown)
    expect(charged).toBeLessThan(20 * grown + 100_000)
  }
})

describe('a value that needs more than maxDecodedBytes', () => {
  test.each<[CodecName, Buffer]>([
    ['msgpack', listOf(20_000, hex('80'))],
    ['msgpack', Buffer.concat([Buffer.from('dd00100000', 'hex'), Buffer.alloc(MIB, 1)])],
    ['msgpack', graphOf(20_000, () => ['map'])],
    ['msgpack', listOf(20_000, hex('c14090'))],
    ['msgpack', Buffer.from(msgpackCodec.encode(2n ** BigInt(4 * MIB)))],
    ['json', Buffer.from(`[${'{},'.repeat(20_000)}0]`)],
    ['json', Buffer.from('['.repeat(MIB))],
  ])('fails with CODEC in %s, with the limit and the option', (name, bytes) => {
    const codec = codecWith(MIB, name)
    const error = errorOf(() => codec.decode(bytes))
    expect(error.code).toBe(ErrorCode.CODEC)
    expect(error.message).toMatch(
      /needs at least \d+ bytes of memory, more than maxDecodedBytes: 1048576; raise maxDecodedBytes/,
    )
  })

  test('does not affect later messages', () => {
    const codec = codecWith(MIB)
    for (let round = 0; round < 3; round++) {
      expect(() => codec.decode(listOf(20_000, hex('80')))).toThrow('maxDecodedBytes')
      expect(codec.decode(listOf(10_000, hex('80')))).toHaveLength(10_000)
    }
  })

  test('is refused before the memory is allocated', () => {
    const codec = codecWith(MIB)
    const bytes = Buffer.concat([Buffer.from('dd03fffff0', 'hex'), Buffer.alloc(64 * MIB - 16, 0x80)])
    const before = memoryBytes()
    expect(() => codec.decode(bytes)).toThrow('maxDecodedBytes')
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * MIB)
  })

  test('may be a shaped object whose keys look like indices', () => {
    const receiver = channelCodec(() => true, MIB, MIB)
    receiver.applyNote?.(Buffer.from(msgpackCodec.encode(['999'])))
    expect(() => receiver.decode(listOf(1000, hex('c10001')))).toThrow('maxDecodedBytes')
  })
})

test('counts the memory of messages that wait for a consumer', () => {
  const bytes = listOf(1000, hex('80'))
  for (const [name, payload] of [
    ['msgpack', bytes],
    ['json', Buffer.from(JSON.stringify(Array.from({ length: 1000 }, () => ({}))))],
  ] as const) {
    const codec = codecWith(MIB, name)
    codec.decode(payload)
    expect(codec.heldBytes(payload)).toBeGreaterThan(56_000 + payload.length)
  }
  const plain = codecWith(MIB, 'bytes')
  plain.decode(bytes)
  expect(plain.heldBytes(bytes)).toBe(0)
})

test('models the gaps of elements as the engine does', () => {
  expect(['0', '999', '12a'].map(isIndexKey)).toEqual([true, true, true])
  expect(['', 'a1', '-1', '12345678901'].map(isIndexKey)).toEqual([false, false, false, false])
  expect(elementsAfter(0, '999')).toBe(1516)
  expect(elementsAfter(0, '1024')).toBe(12)
  expect(elementsAfter(1516, '7')).toBe(1528)
  expect(elementsAfter(0, '12a')).toBe(0)
  expect(shapedObjectBytes(['999'], true)).toBeGreaterThan(12_000)
})

test('bounds jsonCodec without a channel by the default', () => {
  expect(() => jsonCodec.decode(Buffer.alloc(17 * MIB, '['))).toThrow('maxDecodedBytes')
})

test.each([
  ['a heap of 4 GiB', 64, 4096, 1024],
  ['a heap of 2 GiB', 64, 2048, 1024],
  ['a heap of 512 MiB', 64, 512, 256],
  ['a small heap', 64, 96, 64],
  ['long messages and a large heap', 512, 16_384, 4096],
  ['long messages and a heap of 4 GiB', 1024, 4096, 2048],
  ['short messages', 0, 4096, 1024],
])('the default of maxDecodedBytes fits into %s', (_name, messageMiB, heapMiB, expectedMiB) => {
  expect(decodedBytesDefault(messageMiB * MIB, heapMiB * MIB)).toBe(expectedMiB * MIB)
})

function errorOf(run: () => unknown): ShmwireError {
  try {
    run()
  } catch (error) {
    return error as ShmwireError
  }
  throw new Error('nothing was thrown')
}
