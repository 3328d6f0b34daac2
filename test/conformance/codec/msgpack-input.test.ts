import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { NOTE_BYTES_MAX, SHAPE_KEYS_MAX, SHAPES_MAX, TEXT_BYTES_MAX } from '../../../src/codec/tree-format.js'
import { channelCodec, codecPair, DEEP } from '../../support/codec-pair.js'

const SHARED = ['key']

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
  ['\ud800', SHARED, new Map([['k', SHARED]]), /y/],
]

function encoded(value: unknown): Buffer {
  return Buffer.from(msgpackCodec.encode(value))
}

/** Decodes arbitrary bytes. After success or failure, the codec must continue to work. */
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
  test('throws for a message truncated at any length', () => {
    for (const sample of SAMPLES) {
      const whole = encoded(sample)
      for (let length = 0; length < whole.length; length += length < 1000 ? 1 : 997) {
        assert.throws(
          () => msgpackCodec.decode(whole.subarray(0, length)),
          Error,
          `${length} of ${whole.length}`,
        )
        // Also in larger memory, where an overrun would find bytes.
        const copy = Buffer.concat([whole, whole]).subarray(0, length)
        assert.throws(() => msgpackCodec.decode(copy), Error, `${length} of ${whole.length}`)
      }
    }
    expectWhole()
  })

  test('throws for an extra byte', () => {
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
  ])('throws for %s that claims more than the message has', (_name, hex) => {
    const bytes = Buffer.from(`${hex}0102030405`, 'hex')
    expect(() => msgpackCodec.decode(bytes)).toThrow()
    expect(() => msgpackCodec.decode(Buffer.concat([bytes, Buffer.alloc(1000)]))).toThrow()
  })

  test('reserves no memory for nested arrays that each claim the rest of the message', () => {
    const level = Buffer.from('dd000f4240', 'hex')
    // A million elements in each of a thousand: 8 GB.
    const bytes = Buffer.concat([...Array(1000).fill(level), Buffer.alloc(1_000_000)])
    expect(() => msgpackCodec.decode(bytes)).toThrow('ends too early')
  })

  test('throws for nesting beyond the stack, and decodes later messages', () => {
    for (const level of [
      'c14091',
      'c1409101',
      'c14191',
      'c143a54572726f7291a161',
      '91',
      '81a16b',
      '81a26b6b',
      '81c0',
      'd40091',
      'c19391',
      '81a16b91',
    ]) {
      expect(() => msgpackCodec.decode(Buffer.from(level.repeat(200_000), 'hex'))).toThrow()
    }
    expect(msgpackCodec.decode(encoded({ k: { kk: 1 } }))).toStrictEqual({ k: { kk: 1 } })
    expectWhole()
  })

  test('throws for extensions of other implementations', () => {
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

  test('does not change a prototype by a received __proto__ key', () => {
    const bytes = Buffer.concat([
      Buffer.of(0x81, 0xa9),
      Buffer.from('__proto__'),
      Buffer.of(0x81, 0xa1, 0x78, 1),
    ])
    const value = msgpackCodec.decode(bytes) as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(value['x']).toBeUndefined()
  })

  test('decodes random bytes and messages with changed bytes, or throws', () => {
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

describe('a malformed graph', () => {
  test.each<[string, unknown]>([
    ['no list', 5],
    ['an empty list', []],
    ['a map for a node', [{ a: 1 }]],
    ['a map for a node that something refers to', [['array', 1], {}]],
    ['an unknown tag', [['thing', 0]]],
    ['a tag that is an inherited name', [['toString']]],
    ['a reference past the end', [['array', 1]]],
    ['a negative reference', [['array', -1]]],
    ['a reference that is not an integer', [['array', 0.5]]],
    ['a reference that is a string', [['array', 'length']]],
    ['a key without a value', [['object', 1], 'key']],
    ['a key that is not a string', [['object', 1, 1], 5]],
    ['an error of a class that is not an error', [['error', 'Function']]],
    ['an error of an inherited name', [['error', 'constructor']]],
    ['an error without a class', [['error']]],
    ['a Map for a node', [['array', 1], new Map()]],
    ['an error whose name is a number', [['error', 'Error', 1, 2], 'name', 5]],
    ['an error whose message is a list', [['error', 'Error', 1, 2], 'message', ['array']]],
    ['an error for a node', [['array', 1], new Error('x')]],
  ])('throws for %s', (_name, nodes) => {
    // Plain values, so that their ordinary form is the graph's content.
    const bytes = Buffer.concat([Buffer.of(0xc1), encoded(nodes)])
    expect(() => msgpackCodec.decode(bytes)).toThrow()
  })
})

describe('a malformed addition', () => {
  test.each([
    ['an unknown code', 'c146'],
    ['the last code', 'c1ff'],
    ['a Map without a length', 'c140'],
    ['a Map whose length is a map', 'c14080'],
    ['a Map with half an entry', 'c1409101'],
    ['a Map with a key twice', 'c1409201010102'],
    ['a Map with NaN twice', 'c14092cb7ff800000000000001cb7ff800000000000002'],
    ['a Map with 0 and −0', 'c140920001cb800000000000000002'],
    ['a Map that claims more than the message has', 'c140ddffffffff0102'],
    ['a Set with an element twice', 'c14192a161a161'],
    ['a Set that claims more than the message has', 'c141ddffffffff01'],
    ['a pattern without flags', 'c142a178'],
    ['a malformed pattern', 'c142a128a0'],
    ['malformed flags', 'c142a178a27a7a'],
    ['a pattern of bytes', 'c142c40178a0'],
    ['an error of a class that is not an error', 'c143a846756e6374696f6e90'],
    ['an error of an inherited name', 'c143ab636f6e7374727563746f7290'],
    ['an error without a class', 'c14390'],
    ['an error without members', 'c143a54572726f72'],
    ['an error whose key is a number', 'c143a54572726f72910101'],
    ['an error whose name is a number', 'c143a54572726f7291a46e616d6505'],
    ['an error whose message is nil', 'c143a54572726f7291a76d657373616765c0'],
    ['an error whose stack is a map', 'c143a54572726f7291a5737461636b80'],
    ['an error that claims more than the message has', 'c143a54572726f72ddffffffffa16101'],
    ['digits that are not hexadecimal', 'c144a3317879'],
    ['digits that are empty', 'c144a0'],
    ['a sign without digits', 'c144a12d'],
    ['digits that are a number', 'c14405'],
    ['a reference without earlier objects', 'c14600'],
    ['a reference past the last object', 'c147c14601'],
    ['a reference to a later object', 'c14792c1460190'],
    ['a negative reference', 'c14792c146ff90'],
    ['a reference that is not an integer', 'c14792c146cb3fe000000000000090'],
    ['a reference that is the name of a property', 'c14792c146a66c656e67746890'],
    ['a reference in a message that has none', '92c1460090'],
    ['a reference to a text', 'c14792a178c14601'],
    ['the mark of references within a message', '91c14790'],
    ['the mark of references twice', 'c147c14790'],
    ['the mark of references before a graph', 'c147c191a178'],
    ['the mark of references in a graph', 'c1c14791a178'],
    ['half a UTF-16 unit', 'c145c40101'],
    ['a UTF-16 text that is not bytes', 'c145a178'],
  ])('throws for %s', (_name, hex) => {
    const bytes = Buffer.from(hex, 'hex')
    expect(() => msgpackCodec.decode(bytes)).toThrow()
    // As a member, and with bytes behind it.
    expect(() => msgpackCodec.decode(Buffer.concat([Buffer.of(0x91), bytes]))).toThrow()
    expect(() => msgpackCodec.decode(Buffer.concat([Buffer.of(0x92), bytes]))).toThrow()
    expectWhole()
  })
})

test.each(['c191c1', 'c192c1a3736574', 'c19292a5617272617901c1'])(
  'throws for the byte c1 in place of a graph node: %s',
  (hex) => {
    expect(() => msgpackCodec.decode(Buffer.from(hex, 'hex'))).toThrow(/was not announced|nor an addition/)
  },
)

test('throws for a string that is longer than the engine can decode', () => {
  const header = Buffer.from('db00000000', 'hex')
  header.writeUInt32BE(TEXT_BYTES_MAX + 1, 1)
  // Its pages are never touched.
  const bytes = Buffer.alloc(header.length + TEXT_BYTES_MAX + 1)
  header.copy(bytes)
  expect(() => msgpackCodec.decode(bytes)).toThrow(/536870889 bytes of UTF-8, more than 536870888/)
})

describe('a graph that refers to one text in many places', () => {
  const MAX = 1024 * 1024
  const TEXT = 'x'.repeat(MAX / 8)

  /** A value that a peer can send in a message that is hardly longer than the text. */
  function received(one: (text: string) => unknown, places: number): unknown[] {
    const value = [DEEP, ...Array.from({ length: places }, () => one(TEXT))]
    const message = Buffer.from(msgpackCodec.encode(value))
    expect(message.length).toBeLessThan(MAX / 4)
    return (msgpackCodec.decode(message) as unknown[]).slice(1)
  }

  test.each<[string, (text: string) => unknown, number]>([
    ['elements', (text) => text, 16],
    ['keys', (text) => ({ [text.slice(0, MAX / 128)]: 1 }), 256],
  ])('does not become a long message when it is forwarded: %s', (_where, one, places) => {
    const value = received(one, 1000)
    const sentOn = Buffer.from(channelCodec(() => true, MAX).encode(value))
    expect(sentOn.length).toBeLessThan(MAX / 4)
    assert.deepStrictEqual(msgpackCodec.decode(sentOn), value)
    // Without a bound it has the length of a plain encoding.
    expect(msgpackCodec.encode(received(one, places)).length).toBeGreaterThan(2 * MAX - 1)
  })

  // The writer's memory, of a power of two, has room for the last text, and the message has not.
  test.each([13, 14, 15])(
    'does not become a long message when its last text passes the bound: %i places',
    (places) => {
      const value = received((text) => text, places)
      const sentOn = Buffer.from(channelCodec(() => true, 1.5 * MAX).encode(value))
      expect(sentOn.length).toBeLessThan(MAX / 4)
      assert.deepStrictEqual(msgpackCodec.decode(sentOn), value)
    },
  )

  test('is written as a plain value while it fits', () => {
    const value = received((text) => text, 4)
    const sentOn = Buffer.from(channelCodec(() => true, MAX).encode(value))
    expect(sentOn.equals(msgpackCodec.encode(value))).toBe(true)
    expect(sentOn.length).toBeGreaterThan(MAX / 2)
  })
})

describe('a note about a shape', () => {
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
    ['references', [SHARED, SHARED]],
    ['a graph', DEEP],
  ])('throws for %s', (_name, keys) => {
    expect(() => learn(encoded(keys))).toThrow(TypeError)
  })

  test.each([
    ['nothing', ''],
    ['a list that claims more than the note has', 'dcffff'],
    ['a shaped object', 'c100'],
    ['an extra byte', '91a16101'],
    ['a truncated list', '92a161'],
    ['lists in lists', '91'.repeat(NOTE_BYTES_MAX)],
  ])('throws for %s', (_name, hex) => {
    expect(() => learn(Buffer.from(hex, 'hex'))).toThrow()
  })

  test('throws beyond the maximum number, and earlier shapes stay valid', () => {
    const { receiver } = codecPair()
    for (let id = 0; id < SHAPES_MAX; id++) receiver.applyNote?.(encoded([`key${id}`]))
    expect(() => receiver.applyNote?.(encoded(['more']))).toThrow('malformed shape')
    expect(receiver.decode(Buffer.of(0xc1, SHAPES_MAX - 1, 5))).toStrictEqual({ [`key${SHAPES_MAX - 1}`]: 5 })
  })

  test('is accepted at the bounds', () => {
    learn(encoded(numbered(SHAPE_KEYS_MAX)))
    learn(encoded(['k'.repeat(NOTE_BYTES_MAX - 10)]))
  })
})

describe('a malformed shaped object', () => {
  const { sender, receiver } = codecPair()
  const value = { id: 1, inner: { text: 'x', list: [1, { text: 'y', list: [] }] } }
  for (let round = 0; round < 3; round++) sender.encode(value)
  const whole = Buffer.from(sender.encode(value))

  test('throws if it names an unannounced shape at any place', () => {
    for (const id of [2, 63]) {
      for (const hex of ['', '91', '81a161', 'c100'])
        expect(() =>
          receiver.decode(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.of(0xc1, id, 1, 1)])),
        ).toThrow(`shape ${id} was not announced`)
    }
  })

  test('throws if it is truncated or has an extra byte', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(() => receiver.decode(whole.subarray(0, length)), `${length}`).toThrow()
      expect(() => receiver.decode(Buffer.concat([whole, whole]).subarray(0, length)), `${length}`).toThrow()
    }
    expect(() => receiver.decode(Buffer.concat([whole, Buffer.of(1)]))).toThrow()
  })

  test('throws if it is nested beyond the stack', () => {
    expect(() => receiver.decode(Buffer.from('c101'.repeat(200_000), 'hex'))).toThrow()
    expect(receiver.decode(whole)).toStrictEqual(value)
  })

  test('decodes or throws if it has random bytes', () => {
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
