import { inspect, isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect } from 'vitest'
import { MessageCodec } from '../../src/channel/message-codec.js'
import { msgpackCodec } from '../../src/codec/msgpack.js'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { codecPair } from '../support/codec-pair.js'
import { fuzz } from '../support/fuzz.js'

const BOUNDS = { messageBytesMax: 1 << 20, decodedBytesMax: 1 << 20 }

/** Any value that arrives unchanged according to the codec's docstring. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  maxDepth: 3,
  key: fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'id', 'name', 'é', '\ud800')),
})

const PLAIN = { noNullPrototype: true } as const

/** Objects of few shapes, so that the codec sends shaped objects. */
const shaped = fc.array(
  fc.oneof(
    fc.record({ id: fc.integer(), name: fc.string({ unit: 'binary' }), on: fc.boolean() }, PLAIN),
    fc.record({ id: fc.integer(), inner: fc.record({ x: fc.double(), y: anything }, PLAIN) }, PLAIN),
  ),
  { maxLength: 5 },
)

const value = fc.oneof(anything, shaped)

/** Tokens of the format with too much, too little or nothing behind them. */
const token = fc.oneof(
  fc.integer({ min: 0x80, max: 0xdf }).map((byte) => Buffer.of(byte)),
  fc
    .constantFrom(0xc1, 0xc7, 0xc8, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8)
    .chain((byte) =>
      fc
        .tuple(fc.nat(20), fc.constantFrom(0, 0x74, 0xff, 0x62, 0x69, 0x70), fc.nat(0x14))
        .map(([length, type, code]) => Buffer.from([byte, length, type, code])),
    ),
  fc
    .tuple(fc.constantFrom(0xc6, 0xc9, 0xdb, 0xdd, 0xdf), fc.integer({ min: 0, max: 0xffffffff }))
    .map(([byte, length]) => {
      const bytes = Buffer.of(byte, 0, 0, 0, 0)
      bytes.writeUInt32BE(length, 1)
      return bytes
    }),
  fc
    .constantFrom('object', 'map', 'array', 'set', 'error', 'Error', 'TypeError', 'message', 'gi', '-f')
    .map((text) => Buffer.concat([Buffer.of(0xa0 + text.length), Buffer.from(text)])),
  // Additions: a code, and often a length.
  fc
    .tuple(fc.integer({ min: 0x3f, max: 0x47 }), fc.constantFrom([], [0x90], [0x91], [0x92], [0xdc, 0, 3]))
    .map(([code, length]) => Buffer.from([0xc1, code, ...length])),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
)
const tokens = fc.array(token, { maxLength: 14 }).map((parts) => Buffer.concat(parts))
const graph = tokens.map((bytes) => Buffer.concat([Buffer.of(0xc1), bytes]))

const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
const changes = fc.array(change, { minLength: 1, maxLength: 4 })

function mutate(bytes: Buffer, list: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(bytes)
  for (const [position, byte] of list) if (copy.length > 0) copy[position % copy.length] = byte
  return copy
}

/** A receiver that knows two shapes. */
function receiver(): MessageCodec {
  const codec = new MessageCodec(msgpackCodec, BOUNDS, () => true)
  for (const keys of [['id', 'name', 'on'], ['x']])
    expect(codec.applyNote(Buffer.from(msgpackCodec.encode(keys)))).toBeUndefined()
  return codec
}

/** Returns the value; undefined after a CODEC error. Throws any other error. */
function decode(codec: MessageCodec, bytes: Buffer): { value: unknown } | undefined {
  const before = Buffer.from(bytes)
  try {
    return { value: codec.decode(bytes) }
  } catch (error) {
    if (!(error instanceof ShmwireError) || error.code !== ErrorCode.CODEC) throw error
    expect(error.cause).toBeInstanceOf(Error)
    return undefined
  } finally {
    expect(bytes.equals(before)).toBe(true)
  }
}

/**
 * The memory that the receiver needs: places for values in all arrays, objects and collections, bytes, and
 * characters. A text in two places counts once, because a graph may refer to a node any number of times.
 */
function sizeOf(root: unknown): number {
  const seen = new Set<unknown>()
  const open: unknown[] = [root]
  let size = 0
  while (open.length > 0) {
    const one = open.pop()
    if (seen.has(one)) continue
    seen.add(one)
    if (typeof one === 'string') size += one.length
    if (typeof one !== 'object' || one === null) continue
    if (ArrayBuffer.isView(one) || one instanceof ArrayBuffer) {
      size += one.byteLength
      continue
    }
    const parts =
      one instanceof Map
        ? [...one].flat()
        : one instanceof Set || Array.isArray(one)
          ? [...one]
          : Object.values(one)
    size += Array.isArray(one) ? Math.max(one.length, parts.length) : parts.length
    open.push(...parts)
  }
  return size
}

/**
 * Arbitrary bytes cause an error, or decode to a value with at most one place for each byte, because a place
 * takes at least a byte. The value can be forwarded, and is the same when the bytes are decoded again.
 */
function expectBounded(bytes: Buffer): void {
  const decoded = decode(receiver(), bytes)
  if (decoded === undefined) return
  expect(sizeOf(decoded.value)).toBeLessThanOrEqual(bytes.length)
  const sentOn = Buffer.from(msgpackCodec.encode(decoded.value))
  const again = decode(receiver(), bytes)
  expect(sentOn.equals(msgpackCodec.encode(again?.value))).toBe(true)
}

/** Replaces each date by a text, because Node's comparison never treats two invalid dates as equal. */
function datesAsText(one: unknown): unknown {
  if (one instanceof Date) return `date ${one.getTime()}`
  if (Array.isArray(one)) return one.map(datesAsText)
  if (one instanceof Map) return new Map([...one].map(([key, item]) => [datesAsText(key), datesAsText(item)]))
  if (one instanceof Set) return new Set([...one].map(datesAsText))
  if (typeof one !== 'object' || one === null || Object.getPrototypeOf(one) !== Object.prototype) return one
  return Object.fromEntries(Object.entries(one).map(([key, item]) => [key, datesAsText(item)]))
}

fuzz('codec', {
  'decodes any tokens to a value no larger than they are, or fails with CODEC': fc.property(
    fc.oneof(tokens, graph),
    expectBounded,
  ),
  'decodes a message with changed bytes to a value no larger than it is, or fails with CODEC': fc.property(
    value,
    changes,
    (sent, list) => expectBounded(mutate(Buffer.from(msgpackCodec.encode(sent)), list)),
  ),
  'applies any note or fails with CODEC, and still decodes messages': fc.property(
    fc.oneof(
      tokens,
      fc.array(fc.string({ unit: 'binary' })).map((keys) => Buffer.from(msgpackCodec.encode(keys))),
    ),
    changes,
    tokens,
    (note, list, message) => {
      const codec = receiver()
      for (const bytes of [note, mutate(note, list)]) {
        const error = codec.applyNote(bytes)
        if (error !== undefined) expect(error.code).toBe(ErrorCode.CODEC)
      }
      decode(codec, Buffer.concat([Buffer.of(0xc1, 2), message]))
      expect(codec.decode(Buffer.of(0xc1, 0, 1, 0xa0, 0xc3))).toStrictEqual({ id: 1, name: '', on: true })
    },
  ),
  'brings back any value, three times over one channel': fc.property(value, (sent) => {
    const { roundTrip } = codecPair()
    for (let time = 1; time <= 3; time++) {
      const received = roundTrip(sent)
      if (isDeepStrictEqual(received, sent)) continue
      expect(
        isDeepStrictEqual(datesAsText(received), datesAsText(sent)),
        `time ${time}: ${inspect(received)}`,
      ).toBe(true)
    }
  }),
})
