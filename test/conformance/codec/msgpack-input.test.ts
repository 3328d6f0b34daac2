import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { NOTE_BYTES_MAX, SHAPE_KEYS_MAX, SHAPES_MAX } from '../../../src/codec/tree-format.js'
import { channelCodec, codecPair } from '../../support/codec-pair.js'

const SAMPLES: unknown[] = [
  {
    id: 7,
    name: 'Grace',
    tags: ['a', 'ß'.repeat(40)],
    when: new Date(5),
    data: Buffer.alloc(300),
    big: 2n ** 63n,
  },
  [new Float64Array([1, 2]), undefined, { '': {} }, 'x'.repeat(70_000)],
  new Map<unknown, unknown>([[{ a: -0 }, new Set([/x/u, new TypeError('no', { cause: 2n ** 90n })])]]),
]

function encoded(value: unknown): Buffer {
  return Buffer.from(msgpackCodec.encode(value))
}

/** Decodes arbitrary bytes. The codec must still work afterwards. */
function decodeAnything(bytes: Buffer): void {
  try {
    msgpackCodec.decode(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
  }
}

function expectWhole(): void {
  for (const sample of SAMPLES) expect(msgpackCodec.decode(encoded(sample))).toStrictEqual(sample)
}

describe('malformed input', () => {
  test('a message that was cut off throws, wherever', () => {
    for (const sample of SAMPLES) {
      const whole = encoded(sample)
      for (let length = 0; length < whole.length; length += length < 1000 ? 1 : 997) {
        assert.throws(
          () => msgpackCodec.decode(whole.subarray(0, length)),
          Error,
          `${length} of ${whole.length}`,
        )
        // In a larger piece of memory too, where reading on would find bytes.
        const copy = Buffer.concat([whole, whole]).subarray(0, length)
        assert.throws(() => msgpackCodec.decode(copy), Error, `${length} of ${whole.length}`)
      }
    }
    expectWhole()
  })

  test('a byte too many throws', () => {
    for (const sample of SAMPLES) {
      expect(() => msgpackCodec.decode(Buffer.concat([encoded(sample), Buffer.of(1)]))).toThrow()
    }
  })

  test.each([
    ['array 32', 'ddffffffff'],
    ['array 16', 'dcffff'],
    ['map 32', 'dfffffffff'],
    ['map 16', 'deffff'],
    ['bin 32', 'c6ffffffff'],
    ['str 32', 'dbffffffff'],
    ['ext 32', 'c9ffffffff74'],
    ['typed array', 'c9ffffffff7408'],
    ['graph of an array 32', 'c1ddffffffff'],
    ['arrays in arrays', 'ddffffffff'.repeat(1000)],
    ['array 32 in a list as long as the message allows', `dc03e8${'dd000003e8'.repeat(1000)}`],
  ])('%s that claims more than there is throws', (_name, hex) => {
    const bytes = Buffer.from(`${hex}0102030405`, 'hex')
    expect(() => msgpackCodec.decode(bytes)).toThrow()
    expect(() => msgpackCodec.decode(Buffer.concat([bytes, Buffer.alloc(1000)]))).toThrow()
  })

  test('arrays in arrays that each claim all that follows take no memory for it', () => {
    const level = Buffer.from('dd000f4240', 'hex')
    // A million elements in each of a thousand: 8 GB.
    const bytes = Buffer.concat([...Array(1000).fill(level), Buffer.alloc(1_000_000)])
    expect(() => msgpackCodec.decode(bytes)).toThrow('ends too early')
  })

  test('nesting beyond the stack throws and harms no later message', () => {
    for (const level of ['91', '81a16b', '81a26b6b', '81c0', 'd40091', 'c19391', '81a16b91']) {
      expect(() => msgpackCodec.decode(Buffer.from(level.repeat(200_000), 'hex'))).toThrow()
    }
    expect(msgpackCodec.decode(encoded({ k: { kk: 1 } }))).toStrictEqual({ k: { kk: 1 } })
    expectWhole()
  })

  test('extensions of msgpackr that the codec does not write are refused', () => {
    const messages = [
      'c7094201ffffffffffffffff', // a bigint
      'd66200000004a161a162', // bundled strings
      'd4650093a161a162c0', // an error
      'd6690000000190', // an object with an id
      'd67000000001', // a reference to one
      'd4730090', // a Set
      'd4780092a161a0', // a RegExp
      'd4050a', // unknown
    ]
    for (const hex of messages)
      expect(() => msgpackCodec.decode(Buffer.from(hex, 'hex')), hex).toThrow(/extension/i)
  })

  test('a __proto__ key from elsewhere does not reach a prototype', () => {
    const bytes = Buffer.concat([
      Buffer.of(0x81, 0xa9),
      Buffer.from('__proto__'),
      Buffer.of(0x81, 0xa1, 0x78, 1),
    ])
    const value = msgpackCodec.decode(bytes) as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(value['x']).toBeUndefined()
  })

  test('any bytes, and any message with some bytes changed, decode or throw', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(...SAMPLES),
        flips,
        (noise, sample, changes) => {
          decodeAnything(Buffer.from(noise))
          decodeAnything(Buffer.concat([Buffer.of(0xc1), noise]))
          const bytes = encoded(sample)
          for (const [position, byte] of changes) bytes[position % Math.min(bytes.length, 400)] = byte
          decodeAnything(bytes)
        },
      ),
      { numRuns: 5000 },
    )
    expectWhole()
  })
})

describe('a graph that is none', () => {
  test.each<[string, unknown]>([
    ['no list', 5],
    ['an empty list', []],
    ['a map for a node', [{ a: 1 }]],
    ['a map for a node that something refers to', [['array', 1], {}]],
    ['an unknown tag', [['thing', 0]]],
    ['a tag that is an inherited name', [['toString']]],
    ['a reference past the end', [['array', 1]]],
    ['a negative reference', [['array', -1]]],
    ['a fractional reference', [['array', 0.5]]],
    ['a reference that is a string', [['array', 'length']]],
    ['a key without a value', [['object', 1], 'key']],
    ['a number as a key', [['object', 1, 1], 5]],
    ['an error of a class that is not an error class', [['error', 'Function']]],
    ['an error of an inherited name', [['error', 'constructor']]],
    ['an error without a class', [['error']]],
    ['half a UTF-16 unit', [['utf16', Buffer.of(1)]]],
    ['a text without bytes', [['utf16', 'text']]],
    ['a pattern that is none', [['regexp', Buffer.from('(', 'utf16le'), '']]],
    ['flags that are none', [['regexp', Buffer.from('x', 'utf16le'), 'zz']]],
    ['digits that are none', [['bigint', '12xyz']]],
    ['digits that are empty', [['bigint', '']]],
  ])('%s throws', (_name, nodes) => {
    // Plain values, so that their ordinary form is the graph's content.
    const bytes = Buffer.concat([Buffer.of(0xc1), encoded(nodes)])
    expect(() => msgpackCodec.decode(bytes)).toThrow()
  })
})

test.each(['c191c1', 'c192c1a3736574', 'c19292a5617272617901c1'])(
  'the byte c1 for a node of a graph throws: %s',
  (hex) => {
    expect(() => msgpackCodec.decode(Buffer.from(hex, 'hex'))).toThrow('was not announced')
  },
)

describe('a graph that refers to one text in many places', () => {
  const MAX = 1024 * 1024
  const TEXT = 'x'.repeat(MAX / 8)

  /** Input that a peer can send in a message that is hardly longer than the text. */
  function received(one: (text: string) => unknown, places: number): unknown[] {
    const shared = {}
    // Two references to one object make an honest sender write a graph.
    const value = [shared, shared, ...Array.from({ length: places }, () => one(TEXT))]
    const message = Buffer.from(msgpackCodec.encode(value))
    expect(message.length).toBeLessThan(MAX / 4)
    return (msgpackCodec.decode(message) as unknown[]).slice(2)
  }

  test.each<[string, (text: string) => unknown, number]>([
    ['elements', (text) => text, 16],
    ['keys', (text) => ({ [text.slice(0, MAX / 128)]: 1 }), 256],
  ])('does not become a long message when it is sent on: %s', (_where, one, places) => {
    const value = received(one, 1000)
    const sentOn = Buffer.from(channelCodec(() => true, MAX).encode(value))
    expect(sentOn.length).toBeLessThan(MAX / 4)
    assert.deepStrictEqual(msgpackCodec.decode(sentOn), value)
    // Without a bound it is what it would be in any other format.
    expect(msgpackCodec.encode(received(one, places)).length).toBeGreaterThan(2 * MAX - 1)
  })

  // The writer's memory, of a power of two, has room for the last text, and the message has not.
  test.each([13, 14, 15])('does not when it passes the bound with its last text: %i places', (places) => {
    const value = received((text) => text, places)
    const sentOn = Buffer.from(channelCodec(() => true, 1.5 * MAX).encode(value))
    expect(sentOn.length).toBeLessThan(MAX / 4)
    assert.deepStrictEqual(msgpackCodec.decode(sentOn), value)
  })

  test('is written as ever while it fits', () => {
    const value = received((text) => text, 4)
    const sentOn = Buffer.from(channelCodec(() => true, MAX).encode(value))
    expect(sentOn.equals(msgpackCodec.encode(value))).toBe(true)
    expect(sentOn.length).toBeGreaterThan(MAX / 2)
  })
})

describe('a note that announces no shape', () => {
  const learn = (note: Buffer): void => channelCodec(() => true).applyNote?.(note)
  const numbered = (count: number) => Array.from({ length: count }, (_, index) => `k${index}`)

  test.each<[string, unknown]>([
    ['no list', 'key'],
    ['an object', { a: 1 }],
    ['an empty list', []],
    ['a number among the keys', ['a', 1]],
    ['a list among the keys', ['a', ['b']]],
    ['an undefined key', [undefined]],
    ['a key twice', ['a', 'b', 'a']],
    ['a key that reaches the prototype', ['a', '__proto__']],
    ['too many keys', numbered(SHAPE_KEYS_MAX + 1)],
    ['too many bytes', ['k'.repeat(NOTE_BYTES_MAX)]],
    ['a graph', ['\ud800']],
  ])('%s throws', (_name, keys) => {
    expect(() => learn(encoded(keys))).toThrow(TypeError)
  })

  test.each([
    ['nothing', ''],
    ['a list that claims more than there is', 'dcffff'],
    ['a shaped object', 'c100'],
    ['a byte too many', '91a16101'],
    ['a list that was cut off', '92a161'],
    ['lists in lists', '91'.repeat(NOTE_BYTES_MAX)],
  ])('%s throws', (_name, hex) => {
    expect(() => learn(Buffer.from(hex, 'hex'))).toThrow()
  })

  test('one more than there may be throws; those before it hold', () => {
    const { receiver } = codecPair()
    for (let id = 0; id < SHAPES_MAX; id++) receiver.applyNote?.(encoded([`key${id}`]))
    expect(() => receiver.applyNote?.(encoded(['more']))).toThrow('malformed shape')
    expect(receiver.decode(Buffer.of(0xc1, SHAPES_MAX - 1, 5))).toStrictEqual({ [`key${SHAPES_MAX - 1}`]: 5 })
  })

  test('at the bounds is learnt', () => {
    learn(encoded(numbered(SHAPE_KEYS_MAX)))
    learn(encoded(['k'.repeat(NOTE_BYTES_MAX - 10)]))
  })
})

describe('a malformed shaped object', () => {
  const { sender, receiver } = codecPair()
  const value = { id: 1, inner: { text: 'x', list: [1, { text: 'y', list: [] }] } }
  for (let round = 0; round < 3; round++) sender.encode(value)
  const whole = Buffer.from(sender.encode(value))

  test('throws for a shape that was not announced, at any place', () => {
    for (const id of [2, 63, 64, 0x7f]) {
      for (const hex of ['', '91', '81a161', 'c100'])
        expect(() =>
          receiver.decode(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.of(0xc1, id, 1, 1)])),
        ).toThrow(`shape ${id} was not announced`)
    }
  })

  test('was cut off, or has a byte too many', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(() => receiver.decode(whole.subarray(0, length)), `${length}`).toThrow()
      expect(() => receiver.decode(Buffer.concat([whole, whole]).subarray(0, length)), `${length}`).toThrow()
    }
    expect(() => receiver.decode(Buffer.concat([whole, Buffer.of(1)]))).toThrow()
  })

  test('is nested beyond the stack', () => {
    expect(() => receiver.decode(Buffer.from('c101'.repeat(200_000), 'hex'))).toThrow()
    expect(receiver.decode(whole)).toStrictEqual(value)
  })

  test('is of any bytes: it decodes or throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), fc.nat(255), (noise, position, byte) => {
        const changed = Buffer.from(whole)
        changed[position % changed.length] = byte
        for (const bytes of [changed, Buffer.concat([Buffer.of(0xc1, position % 3), noise])]) {
          try {
            receiver.decode(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        }
        try {
          channelCodec(() => true).applyNote?.(Buffer.from(noise))
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
      { numRuns: 3000 },
    )
    expect(receiver.decode(whole)).toStrictEqual(value)
  })
})
