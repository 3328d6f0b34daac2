import { describe, expect, test } from 'vitest'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { PATTERN_WORK_MAX } from '../../../src/codec/pattern-work.js'

const LONG: readonly [string, string, string][] = [
  ['characters', 'x'.repeat(PATTERN_WORK_MAX + 1), ''],
  ['characters with flag u', 'x'.repeat(PATTERN_WORK_MAX / 16 + 1), 'u'],
  ['characters with flag v', 'x'.repeat(PATTERN_WORK_MAX / 16 + 1), 'iv'],
  ['properties', '\\p{L}'.repeat(100), 'u'],
  ['negated properties', '\\P{L}'.repeat(100), 'v'],
  ['properties in a class', `[${'\\p{L}'.repeat(100)}]`, 'iu'],
  ['properties of strings', '\\p{RGI_Emoji}'.repeat(30), 'v'],
  ['properties of strings in any case', '\\p{RGI_Emoji}'.repeat(4), 'iv'],
  ['other properties of strings', '\\p{Basic_Emoji}'.repeat(4), 'iv'],
]

/** A literal with this flag needs a later language level than the tests have. */
const SET_FLAG: string = 'v'

const ORDINARY: readonly RegExp[] = [
  /^[\p{L}\p{N}_-]+@[\p{L}\p{N}.-]+\.\p{L}{2,}$/u,
  /(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})/,
  new RegExp('^\\p{RGI_Emoji}$', SET_FLAG),
  new RegExp('(?:word|another)'.repeat(500), 'gi'),
  new RegExp('x'.repeat(PATTERN_WORK_MAX)),
  new RegExp('x'.repeat(PATTERN_WORK_MAX / 16), 'u'),
  new RegExp('\\p{L}'.repeat(200)),
]

/** A list of patterns, from a peer that does not count. */
function listOf(patterns: readonly { source: string; flags: string }[]): Buffer {
  const addition = Buffer.of(0xc1, 0x42)
  return Buffer.concat([
    Buffer.of(0xdc, 0, patterns.length),
    ...patterns.flatMap(({ source, flags }) => [addition, packed(source), packed(flags)]),
  ])
}

/** The same as the leaves of a graph. */
function graphOf(patterns: readonly { source: string; flags: string }[]): Buffer {
  const list = listOf(patterns)
  list[2] = patterns.length + 1
  const root = ['array', ...patterns.map((_, index) => index + 1)]
  return Buffer.concat([Buffer.of(0xc1), list.subarray(0, 3), packed(root), list.subarray(3)])
}

function packed(value: unknown): Buffer {
  return Buffer.from(msgpackCodec.encode(value))
}

/** Node 20 and 22 refuse two groups of one name, so a sender there never has such a pattern. */
const MANY_NAMES = `${Array.from({ length: 2000 }, () => '(?<a>)').join('|')}${'\\k<a>'.repeat(2000)}`

test('charges named groups and references to them by their product', () => {
  expect(() => msgpackCodec.decode(listOf([{ source: MANY_NAMES, flags: '' }]))).toThrow('units of work')
  const different = Array.from({ length: 1500 }, (_, index) => `(?<a${index}>)\\k<a${index}>`).join('')
  expect(() => msgpackCodec.encode(new RegExp(different))).toThrow('units of work')
  const few = new RegExp(Array.from({ length: 200 }, (_, index) => `(?<a${index}>)\\k<a${index}>`).join(''))
  expect(msgpackCodec.decode(Buffer.from(msgpackCodec.encode(few)))).toEqual(few)
})

describe.each(LONG)('too many %s', (_name, source, flags) => {
  test('are refused by the receiver and by the sender before the engine compiles them', () => {
    expect(() => msgpackCodec.decode(listOf([{ source, flags }]))).toThrow(
      /too long.*units of work, more than 50000/,
    )
    expect(() => msgpackCodec.encode([new RegExp(source, flags)])).toThrow(
      /too long.*units of work, more than 50000/,
    )
  })
})

test.each(ORDINARY)('%s arrives', (pattern) => {
  expect(msgpackCodec.decode(Buffer.from(msgpackCodec.encode(pattern)))).toEqual(pattern)
})

test('counts the patterns of one message together, on both sides', () => {
  const patterns = Array.from({ length: 60 }, (_, index) => new RegExp(`${'x'.repeat(998)}${10 + index}`))
  const few = patterns.slice(0, 50)
  expect(msgpackCodec.decode(Buffer.from(msgpackCodec.encode(few)))).toEqual(few)
  expect(() => msgpackCodec.encode(patterns)).toThrow('units of work')
  expect(() => msgpackCodec.decode(listOf(patterns))).toThrow('units of work')
  expect(() => msgpackCodec.decode(graphOf(patterns))).toThrow('units of work')
  expect(msgpackCodec.decode(graphOf(few))).toEqual(few)
})

test.each([9, 1_000_000])('refuses %i flags with a short error before the engine reads them', (count) => {
  const hostile = { source: 'x', flags: '\x01'.repeat(count) }
  for (const bytes of [listOf([hostile]), graphOf([hostile])])
    expect(() => msgpackCodec.decode(bytes)).toThrow(
      `malformed value: a regular expression has ${count} flags, more than 8`,
    )
})

test('leaves other flags to the engine', () => {
  expect(() => msgpackCodec.decode(listOf([{ source: 'x', flags: 'zz' }]))).toThrow(SyntaxError)
})
