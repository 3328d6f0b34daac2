import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { SHAPE_KEYS_MAX, SHAPES_MAX } from '../../../src/codec/tree-format.js'
import { channelCodec, codecPair } from '../../support/codec-pair.js'
import { collectGarbage } from '../../support/garbage.js'

const RECORD = 0xc1

function announcedKeys(notes: readonly Buffer[]): unknown[] {
  return notes.map((note) => msgpackCodec.decode(note))
}

describe('a shape', () => {
  test('is announced once, when it occurs again, and then costs two bytes', () => {
    const { sender, receiver, notes, roundTrip } = codecPair()
    const asMap = msgpackCodec.encode({ id: 1, on: true }).length
    expect(sender.encode({ id: 1, on: true })).toHaveLength(asMap)
    expect(notes).toHaveLength(0)
    for (let id = 2; id < 6; id++) {
      const bytes = Buffer.from(sender.encode({ id, on: false }))
      expect([...bytes]).toStrictEqual([RECORD, 0, id, 0xc2])
      expect(receiver.decode(bytes)).toStrictEqual({ id, on: false })
    }
    expect(roundTrip({ id: 7, on: null })).toStrictEqual({ id: 7, on: null })
    expect(announcedKeys(notes)).toStrictEqual([['id', 'on']])
  })

  test('consists of keys in their order: another order, more or fewer keys are other shapes', () => {
    const { notes, roundTrip } = codecPair()
    const values = [{ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1 }, { a: 1, b: 2, c: 3 }, { b: 2 }, {}]
    for (let round = 0; round < 3; round++) {
      for (const value of values) expect(JSON.stringify(roundTrip(value))).toBe(JSON.stringify(value))
    }
    // The object without keys takes one byte anyway.
    expect(notes).toHaveLength(values.length - 1)
  })

  test('is found inside others, in arrays, and next to other values of a tree', () => {
    const { sender, notes, roundTrip } = codecPair()
    const row = (id: number) => ({ id, at: new Date(id), data: Buffer.of(id), none: undefined, size: -0 })
    const value = {
      rows: [row(1), row(2), row(3)],
      head: { deep: { deep: { deep: 1n } } },
      text: 'ß'.repeat(99),
    }
    for (let round = 0; round < 3; round++) expect(roundTrip(value)).toStrictEqual(value)
    expect(announcedKeys(notes)).toStrictEqual([
      ['id', 'at', 'data', 'none', 'size'],
      ['deep'],
      ['rows', 'head', 'text'],
    ])
    expect(Buffer.from(sender.encode(value)).includes('id')).toBe(false)
  })

  test('is announced for each of several objects that alternate', () => {
    const { notes, roundTrip } = codecPair()
    const shapes = Array.from({ length: SHAPES_MAX }, (_, index) => ({ [`key${index}`]: index, also: 1 }))
    for (let round = 0; round < 30; round++) {
      for (const value of shapes) expect(roundTrip(value)).toStrictEqual(value)
    }
    expect(notes).toHaveLength(SHAPES_MAX)
  })

  test('beyond the maximum number stays a map', () => {
    const { notes, roundTrip } = codecPair()
    for (let index = 0; index < 3 * SHAPES_MAX; index++) {
      const value = { [`key${index}`]: index }
      for (let round = 0; round < 3; round++) expect(roundTrip(value)).toStrictEqual(value)
    }
    expect(notes).toHaveLength(SHAPES_MAX)
    expect(roundTrip({ key0: 1 })).toStrictEqual({ key0: 1 })
  })

  test('with too many or too long keys, or a key that no assignment defines, stays a map', () => {
    const { notes, roundTrip } = codecPair()
    const wide = Object.fromEntries(Array.from({ length: SHAPE_KEYS_MAX + 1 }, (_, index) => [index, index]))
    const long = { ['k'.repeat(5000)]: 1 }
    const wideText = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => ['語'.repeat(25 + index), 1]),
    )
    const proto = JSON.parse('{"a":1,"__proto__":{"b":2}}') as object
    for (let round = 0; round < 4; round++) {
      for (const value of [wide, long, wideText, proto]) assert.deepStrictEqual(roundTrip(value), value)
    }
    expect(announcedKeys(notes)).toStrictEqual([['b']])
  })

  test('is not used while it cannot be announced, and announced as soon as it can', () => {
    let open = false
    const notes: Buffer[] = []
    const sender = channelCodec((note) => {
      if (open) notes.push(Buffer.from(note))
      return open
    })
    for (let round = 0; round < 10; round++) {
      expect(msgpackCodec.decode(Buffer.from(sender.encode({ a: round })))).toStrictEqual({ a: round })
    }
    open = true
    for (let round = 0; round < 3; round++) sender.encode({ a: round })
    expect([...sender.encode({ a: 5 })]).toStrictEqual([RECORD, 0, 5])
    expect(notes).toHaveLength(1)
  })

  test('is announced for one channel only', () => {
    const [one, other] = [codecPair(), codecPair()]
    for (let round = 0; round < 3; round++) one.roundTrip({ a: 1 })
    expect(() => other.receiver.decode(Buffer.from(one.sender.encode({ a: 1 })))).toThrow('shape 0')
    expect(() => msgpackCodec.decode(Buffer.from(one.sender.encode({ a: 1 })))).toThrow('shape 0')
  })
})

describe('objects that do not repeat', () => {
  test('use no shapes, and leave no memory behind', () => {
    const { notes, roundTrip } = codecPair()
    let next = 0
    const newKey = () => `user-${next++}`.padEnd(40, 'x')
    const dictionary = () => Object.fromEntries(Array.from({ length: 50 }, () => [newKey(), next]))
    const sendMany = (count: number) => {
      for (let round = 0; round < count; round++) roundTrip(dictionary())
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    sendMany(200)
    const before = sendMany(200)
    // If they were kept, their keys would take 20 MB.
    expect(sendMany(4000) - before).toBeLessThan(10_000_000)
    expect(notes).toHaveLength(0)
    for (let round = 0; round < 3; round++) roundTrip({ real: round })
    expect(announcedKeys(notes)).toStrictEqual([['real']])
  })
})

test('a proxy with other keys each time never becomes an object of another shape', () => {
  const { roundTrip } = codecPair()
  for (let round = 0; round < 3; round++) roundTrip({ a: 1 })
  let keyReads = 0
  const fickle = new Proxy<Record<string, number>>(
    { a: 1, b: 2 },
    { ownKeys: () => [keyReads++ % 2 === 0 ? 'a' : 'b'] },
  )
  for (let round = 0; round < 6; round++) {
    for (const [key, value] of Object.entries(roundTrip(fickle))) expect(value).toBe({ a: 1, b: 2 }[key])
  }
})

describe('an accessor', () => {
  test('that throws leaves announced shapes and the codec intact', () => {
    const { roundTrip, sender, notes } = codecPair()
    let isThrowing = false
    const value = {
      first: { x: 1 },
      get trap(): number {
        if (isThrowing) throw new RangeError('trap')
        return 2
      },
      last: { x: 3 },
    }
    const sent = { first: { x: 1 }, trap: 2, last: { x: 3 } }
    for (let round = 0; round < 4; round++) {
      expect(roundTrip(value)).toStrictEqual(sent)
      isThrowing = true
      expect(() => sender.encode(value)).toThrow('trap')
      isThrowing = false
    }
    expect(notes).toHaveLength(2)
  })

  test('runs once', () => {
    const { sender } = codecPair()
    let calls = 0
    const value = {
      get counted(): number {
        calls += 1
        return calls
      },
    }
    for (let round = 1; round < 5; round++) {
      sender.encode(value)
      expect(calls).toBe(round)
    }
  })

  test('that encodes another message, which announces its shape, leaves the outer one intact', () => {
    const { sender, receiver, notes, roundTrip } = codecPair()
    const inner: unknown[] = []
    const value = {
      before: { a: 1, b: 2 },
      get nested(): number {
        inner.push(receiver.decode(Buffer.from(sender.encode({ inner: 'i'.repeat(20_000) }))))
        return 5
      },
      after: { a: 3, b: 4 },
    }
    for (let round = 0; round < 4; round++) {
      expect(roundTrip(value)).toStrictEqual({ before: { a: 1, b: 2 }, nested: 5, after: { a: 3, b: 4 } })
    }
    expect(inner).toStrictEqual([1, 2, 3, 4].map(() => ({ inner: 'i'.repeat(20_000) })))
    expect(notes).toHaveLength(3)
  })

  test.each([
    ['adds a member', (value: Record<string, unknown>) => Object.assign(value, { added: 1 })],
    ['removes a member', (value: Record<string, unknown>) => Reflect.deleteProperty(value, 'last')],
    [
      'replaces a member',
      (value: Record<string, unknown>) => {
        Reflect.deleteProperty(value, 'last')
        Object.assign(value, { other: 2 })
      },
    ],
  ])('that %s never causes an object of another shape', (_what, change) => {
    const { roundTrip, sender, receiver } = codecPair()
    for (let round = 0; round < 3; round++) roundTrip({ trap: 1, last: 2 })
    const value: Record<string, unknown> = {
      get trap(): number {
        change(value)
        return 1
      },
      last: 2,
    }
    const back = receiver.decode(Buffer.from(sender.encode(value)))
    // The object before or after the call of the accessor, never with the values of other keys.
    expect(
      Object.entries(back as object).every(([key, member]) => key === 'trap' || member === value[key]),
    ).toBe(true)
  })
})

test('messages decode in any order, before or after later shapes are announced', () => {
  const { sender, receiver } = codecPair()
  const messages: { bytes: Buffer; value: unknown }[] = []
  for (let round = 0; round < 50; round++) {
    for (const value of [{ a: round }, { b: round, c: [{ a: 1 }] }, { [`k${round % 10}`]: round }]) {
      messages.push({ bytes: Buffer.from(sender.encode(value)), value })
    }
  }
  for (const { bytes, value } of messages.toReversed()) {
    expect(receiver.decode(bytes)).toStrictEqual(value)
  }
})

test('objects of some shapes arrive unchanged, repeatedly over one channel', () => {
  const keys = ['a', '__keys__', 'constructor', 'toJSON', '0', '-1', '', 'ß', '"', '\u2028', '`', '\\', 'a b']
  const leaf = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, '\ud800'),
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ depthSize: 'small' }, leaf, tie('object'), fc.array(tie('tree'), { maxLength: 4 })),
    object: fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 3, noNullPrototype: true }),
  }))
  const { notes, roundTrip } = codecPair()
  fc.assert(
    fc.property(tree, (value) => assert.deepStrictEqual(roundTrip(value), value)),
    { numRuns: 3000 },
  )
  expect(notes.length).toBeGreaterThan(20)
})
