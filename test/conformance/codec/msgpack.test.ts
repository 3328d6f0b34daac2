import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { ROUND_TRIPS } from '../../support/codec-pair.js'
import { PLAIN_VALUES } from '../../support/plain-values.js'
import { TYPED_ARRAYS } from '../../support/typed-arrays.js'

const LONE_HIGH = '\ud83d'
const LONE_LOW = '\ude00'
const BYTE_ORDER_MARK = '\ufeff'
/** Lengths below and above each limit of the format and of the reader for strings, in characters. */
const LENGTHS = [
  0, 1, 3, 4, 15, 16, 20, 30, 31, 32, 62, 63, 64, 65, 127, 254, 255, 256, 4095, 4096, 65534, 65535, 65536,
  70_000,
]

describe.each(ROUND_TRIPS)('%s', (_form, roundTrip) => {
  describe('primitives', () => {
    const values: unknown[] = [
      undefined,
      null,
      true,
      false,
      0,
      -0,
      1,
      -1,
      0x3f,
      0x40,
      0x7f,
      0x80,
      0xff,
      0x100,
      0xffff,
      0x1_0000,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      -0x20,
      -0x21,
      -0x80,
      -0x81,
      -0x8000,
      -0x8001,
      -(2 ** 31),
      -(2 ** 31) - 1,
      2 ** 53,
      -(2 ** 53),
      0.1,
      Math.PI,
      Number.MAX_VALUE,
      Number.MIN_VALUE,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0n,
      1n,
      -1n,
      2n ** 63n - 1n,
      2n ** 63n,
      -(2n ** 63n),
      2n ** 64n - 1n,
      2n ** 64n,
      -(2n ** 63n) - 1n,
      2n ** 64n + 1n,
      -(2n ** 64n),
      2n ** 2000n,
      -(2n ** 2000n) + 7n,
      10n ** 500n,
    ]
    test.each(
      values.map((value) => [typeof value, Object.is(value, -0) ? '-0' : String(value).slice(0, 40), value]),
    )('brings back the %s %s, alone, in an array, as a member', (_type, _text, value) => {
      expect(roundTrip(value)).toBe(value)
      expect(roundTrip([value, { value }])).toStrictEqual([value, { value }])
    })
  })

  describe('strings', () => {
    const alphabets = {
      ascii: 'a',
      'two bytes': 'ß',
      'three bytes': '語',
      astral: '😀',
      nul: '\0',
      'U+FFFD': '\ufffd',
    }
    const special = {
      'lone high surrogate': LONE_HIGH,
      'lone low surrogate': LONE_LOW,
      'byte order mark': BYTE_ORDER_MARK,
    }

    for (const [alphabet, filler] of Object.entries(alphabets)) {
      test(`brings back ${alphabet} of every length class, as value and as key`, () => {
        for (const length of LENGTHS) {
          const text = filler.repeat(length)
          expect(roundTrip(text) === text, `${length}`).toBe(true)
          // For long values, `assert` is many times as fast as `expect`.
          assert.deepStrictEqual(roundTrip({ [text]: text }), { [text]: text }, `${length}`)
        }
      })
      for (const [name, odd] of Object.entries(special)) {
        test(`brings back ${alphabet} with a ${name} in front, in the middle and at the end, as value and as key`, () => {
          for (const length of LENGTHS) {
            const half = filler.repeat(length)
            for (const text of [odd + half, half + odd + half, half + odd]) {
              expect(roundTrip(text) === text, `${length}`).toBe(true)
              assert.deepStrictEqual(roundTrip({ [text]: [text] }), { [text]: [text] }, `${length}`)
              assert.deepStrictEqual(roundTrip(new Map([[text, text]])), new Map([[text, text]]), `${length}`)
            }
          }
        })
      }
    }
  })

  describe('binary data', () => {
    test.each(TYPED_ARRAYS.map((ViewClass) => [ViewClass.name, ViewClass] as const))(
      'brings back %s, whole and as a part of its buffer',
      (_name, ViewClass) => {
        for (const count of [0, 1, 31, 32, 300, 20_000]) {
          const whole = new ViewClass(count + 2)
          new Uint8Array(whole.buffer).forEach((_, index, bytes) => {
            // No byte of a float's exponent, so that no pattern is a NaN with a payload.
            bytes[index] = index % 100
          })
          const part = whole.subarray(1, count + 1)
          for (const value of [whole, part]) {
            const back = roundTrip({ value }).value
            expect(back.constructor).toBe(ViewClass)
            assert.deepStrictEqual(back, value)
            expect(back.buffer.byteLength).toBe(value.byteLength)
          }
        }
      },
    )

    test('brings back ArrayBuffer and DataView', () => {
      const buffer = Uint8Array.of(1, 2, 3, 4).buffer
      expect(roundTrip(buffer)).toStrictEqual(buffer)
      const view = roundTrip(new DataView(buffer, 1, 2))
      expect(view).toBeInstanceOf(DataView)
      expect([view.byteLength, view.getUint8(0), view.getUint8(1)]).toStrictEqual([2, 2, 3])
    })

    test('brings back a Buffer as a Buffer over the memory of the message', () => {
      for (const length of [0, 1, 255, 256, 65_535, 65_536]) {
        const sent = Buffer.alloc(length, 7)
        const memory = Buffer.from(msgpackCodec.encode({ sent }))
        const back = (msgpackCodec.decode(memory) as { sent: Buffer }).sent
        expect(Buffer.isBuffer(back)).toBe(true)
        expect(back.equals(sent)).toBe(true)
        expect(back.buffer).toBe(memory.buffer)
      }
    })

    test('turns instances of derived classes into the built-in class', () => {
      class Samples extends Float64Array {}
      const back = roundTrip(new Samples([1.5, 2.5]))
      expect(back.constructor).toBe(Float64Array)
      expect([...back]).toStrictEqual([1.5, 2.5])
    })

    test('refuses a SharedArrayBuffer and copies a view of one', () => {
      expect(() => roundTrip(new SharedArrayBuffer(8))).toThrow('message is a SharedArrayBuffer')
      expect(roundTrip(new Uint8Array(new SharedArrayBuffer(2)))).toStrictEqual(new Uint8Array(2))
    })
  })

  describe('built-in objects', () => {
    const times = [
      0,
      1,
      -1,
      999,
      1000,
      -1000,
      1_700_000_000_123,
      2 ** 32 * 1000 - 1,
      2 ** 32 * 1000,
      8.64e15,
      -8.64e15,
      Number.NaN,
    ]
    test.each(times)('brings back the date %d', (time) => {
      expect(roundTrip(new Date(time))).toStrictEqual(new Date(time))
      expect(roundTrip([new Date(time), -0])).toStrictEqual([new Date(time), -0])
    })

    test('brings back any date that fast-check generates', () => {
      // fast-check prints the seed of a failing run.
      fc.assert(fc.property(fc.date(), (date) => Object.is(roundTrip(date).getTime(), date.getTime())))
    })

    test('brings back Map and Set, with keys of every type, nested and empty', () => {
      const inner = new Map<unknown, unknown>([
        [1, 'a'],
        ['1', 'b'],
        [undefined, Number.NaN],
        [Number.NaN, null],
        [1n, -0],
      ])
      const value = new Map<unknown, unknown>([
        [[1], new Set<unknown>([1, '1', inner])],
        [{ a: 1 }, new Map()],
        [new Set(), 1],
      ])
      expect(roundTrip(value)).toStrictEqual(value)
      expect([...roundTrip(inner).keys()]).toStrictEqual([...inner.keys()])
    })

    test('brings back RegExp with a source that is not valid UTF-8', () => {
      for (const pattern of [/a(b)?/giu, /[\]/]+/, new RegExp(`${LONE_HIGH}x`, 'y')]) {
        const back = roundTrip(pattern)
        expect([back.source === pattern.source, back.flags]).toStrictEqual([true, pattern.flags])
      }
    })

    test('keeps class, name, message, stack, cause and own properties of an error', () => {
      class WireError extends TypeError {
        override readonly name = 'WireError'
        code = 'E_WIRE'
      }
      const sent = new WireError('broken', { cause: new RangeError('too far') })
      const back = roundTrip({ sent }).sent
      expect(back).toBeInstanceOf(TypeError)
      expect([back.name, back.message, back.stack, back.code]).toStrictEqual([
        sent.name,
        sent.message,
        sent.stack,
        'E_WIRE',
      ])
      expect(back.cause).toBeInstanceOf(RangeError)
      expect(Object.keys(back)).toStrictEqual(['code'])
      expect(Object.hasOwn(roundTrip(new Error('plain')), 'cause')).toBe(false)
    })

    test('keeps the errors of an AggregateError, and the identity of a circular error', () => {
      const aggregate = new AggregateError([new SyntaxError('one'), 2], 'several')
      const back = roundTrip(aggregate)
      expect(back).toBeInstanceOf(AggregateError)
      expect(back.errors[0]).toBeInstanceOf(SyntaxError)
      expect([back.message, back.errors[1]]).toStrictEqual(['several', 2])
      const circular: Error & { cause?: unknown } = new Error('self')
      circular.cause = circular
      const circle = roundTrip(circular)
      expect(circle.cause).toBe(circle)
    })
  })

  test('brings back any value that fast-check generates', () => {
    const utf16 = fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    })
    const anything = fc.anything({
      withBigInt: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withObjectString: true,
      key: fc.oneof(fc.string(), utf16, fc.constantFrom('__proto__', '__keys__', 'constructor', 'toJSON')),
      values: [...PLAIN_VALUES, utf16],
    })
    fc.assert(
      fc.property(anything, (value) => assert.deepStrictEqual(roundTrip(value), value)),
      { numRuns: 3000 },
    )
  })
})
