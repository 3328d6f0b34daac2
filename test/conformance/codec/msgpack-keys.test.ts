import { describe, expect, test } from 'vitest'
import { slotOfKey } from '../../../src/codec/kept-keys.js'
import { msgpackCodec } from '../../../src/codec/msgpack.js'

const mapOf = (key: Buffer): Buffer => Buffer.concat([Buffer.of(0x81), key, Buffer.of(1)])

/** A short string. shmwire's sender would write a key of other characters than ASCII in another form. */
function fixed(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.of(0xa0 | bytes.length), bytes])
}

const slotOf = (text: string): number => slotOfKey(Buffer.from(text), 0, Buffer.byteLength(text))

describe('a key of another implementation', () => {
  test.each([
    ['a number', 'cd0100', '256'],
    ['true', 'c3', 'true'],
    ['nil', 'c0', 'null'],
    ['an unsigned bigint', 'cfffffffffffffffff', '18446744073709551615'],
    ['a signed bigint', 'd38000000000000000', '-9223372036854775808'],
  ])('becomes a string: %s', (_name, hex, key) => {
    expect(msgpackCodec.decode(mapOf(Buffer.from(hex, 'hex')))).toStrictEqual({ [key]: 1 })
  })

  test.each([2n ** 64n, -(2n ** 63n) - 1n])(
    'is refused if it is a bigint of more than 64 bits: %s',
    (key) => {
      expect(() => msgpackCodec.decode(mapOf(Buffer.from(msgpackCodec.encode(key))))).toThrow(
        'a bigint of more than 64 bits',
      )
    },
  )

  test('is refused before a long bigint is converted to decimal digits', () => {
    // Its decimal form would take seconds.
    const digits = Buffer.concat([Buffer.from('c144db00400000', 'hex'), Buffer.alloc(2 ** 22, 'f')])
    expect(() => msgpackCodec.decode(mapOf(digits))).toThrow('a bigint of more than 64 bits')
  })

  test('is the same, whatever was decoded before it', () => {
    // The UTF-16 units of the one are the bytes of the other, and both have the same slot.
    const key = '\u0440xä'
    const other = Buffer.from(key).toString('latin1')
    expect(slotOf(other)).toBe(slotOf(key))
    for (const one of [other, key, other])
      expect(Object.keys(msgpackCodec.decode(mapOf(fixed(one))) as object)).toStrictEqual([one])
  })

  test('keeps its replaced characters if it is not UTF-8', () => {
    const bytes = mapOf(Buffer.of(0xa2, 0x61, 0xff))
    for (let round = 0; round < 2; round++) expect(msgpackCodec.decode(bytes)).toStrictEqual({ 'a\ufffd': 1 })
  })
})
