import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CallFlag,
  CREDIT_BYTES,
  type EncodedMessage,
  Encoding,
  ErrorForm,
  EVENT_ID_BYTES_MAX,
  encodeAnswer,
  encodeCall,
  encodeCredit,
  encodeFailure,
  encodeMore,
  FAILURE_BYTES,
  METADATA_BYTES_MAX,
  METHOD_BYTES_MAX,
  parseAnswer,
  parseCall,
  parseCredit,
  parseMore,
} from '../../../src/wire/call-records.js'

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const message: fc.Arbitrary<EncodedMessage> = fc.oneof(
  fc.record({ encoding: fc.constantFrom(Encoding.CODEC, Encoding.BINARY), bytes: bytes(300) }),
  fc.constant({ encoding: Encoding.NOTHING, bytes: Buffer.alloc(0) }),
  // Longer than the memory that is used again.
  fc.constant({ encoding: Encoding.CODEC, bytes: Buffer.alloc(100_000, 7) }),
)
const name = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: METHOD_BYTES_MAX })
  .map((text) => Buffer.from(text, 'latin1'))
const timeout = fc.double({ min: 0, noNaN: true, maxExcluded: true, max: Number.POSITIVE_INFINITY })

/** The result of a parser for a message; compares bytes as Buffers. */
function partsOf(sent: EncodedMessage | undefined) {
  return {
    hasMessage: sent !== undefined,
    encoding: sent?.encoding ?? Encoding.NOTHING,
    bytes: Buffer.from(sent?.bytes ?? []),
  }
}

/** Equal values are the usual case, and this comparison is much faster than `expect`. */
function expectSame(parsed: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(parsed, expected)) expect(parsed).toEqual(expected)
}

/** The next record that is encoded overwrites the memory of this one. */
function kept(payload: Buffer): Buffer {
  return Buffer.from(payload)
}

describe('a record of a call', () => {
  it('is parsed as it was encoded: CALL', () => {
    const calls = fc.tuple(name, optional(timeout), optional(bytes(500)), optional(message), fc.boolean())
    fc.assert(
      fc.property(calls, ([method, timeoutMs, metadata, sent, isLast]) => {
        const call = { method: method.toString('latin1'), timeoutMs, metadata }
        for (const isBinary of sent === undefined ? [false, true] : [sent.encoding === Encoding.BINARY]) {
          const flags = (isLast ? CallFlag.END : 0) | (isBinary ? CallFlag.BINARY : 0)
          expectSame(parseCall(kept(encodeCall(method, timeoutMs, metadata, sent, flags))), {
            ...call,
            ...partsOf(sent),
            isLast,
            isBinary,
          })
        }
      }),
    )
  })

  it('is parsed as it was encoded: CALL_MORE', () => {
    fc.assert(
      fc.property(optional(message), fc.boolean(), (sent, isLast) => {
        fc.pre(sent !== undefined || isLast)
        expectSame(parseMore(kept(encodeMore(sent, isLast))), { ...partsOf(sent), isLast })
      }),
    )
  })

  it('is parsed as it was encoded: ANSWER', () => {
    const eventId = fc
      .string({ unit: 'grapheme', maxLength: 60 })
      .map((text) => Buffer.from(text))
      .filter(({ length }) => length <= EVENT_ID_BYTES_MAX)
    const parts = fc.record({
      headers: optional(bytes(500)),
      trailers: optional(bytes(500)),
      eventId: optional(eventId),
    })
    fc.assert(
      fc.property(optional(message), fc.boolean(), optional(parts), (sent, isLast, anyParts) => {
        // Trailers come with the end of the call.
        const sentParts = isLast ? anyParts : anyParts && { ...anyParts, trailers: undefined }
        expectSame(parseAnswer(kept(encodeAnswer(sent, isLast, sentParts))), {
          headers: sentParts?.headers,
          trailers: sentParts?.trailers,
          eventId: sentParts?.eventId?.toString(),
          failed: false,
          ...partsOf(sent),
          isLast,
        })
      }),
    )
  })

  it('is parsed as it was encoded: ANSWER with an error', () => {
    const form = fc.constantFrom(...Object.values(ErrorForm))
    fc.assert(
      fc.property(form, bytes(500), optional(bytes(500)), (errorForm, error, trailers) => {
        expect(parseAnswer(kept(encodeFailure(errorForm, error, 10_000, trailers)))).toMatchObject({
          failed: true,
          isLast: true,
          hasMessage: false,
          encoding: errorForm,
          bytes: error,
          trailers,
        })
      }),
    )
  })

  it('with an error has at most the given length: without trailers, then without the error', () => {
    const error = Buffer.alloc(100)
    const trailers = Buffer.alloc(50)
    const sent = (bytesMax: number) => {
      const payload = kept(encodeFailure(ErrorForm.LAYER, error, bytesMax, trailers))
      expect(payload.length).toBeLessThanOrEqual(bytesMax)
      return parseAnswer(payload)
    }
    expect(sent(156)).toMatchObject({ trailers, bytes: error })
    expect(sent(155)).toMatchObject({ trailers: undefined, bytes: error, encoding: ErrorForm.LAYER })
    expect(sent(100 + FAILURE_BYTES)).toMatchObject({ trailers: undefined, bytes: error })
    expect(sent(99 + FAILURE_BYTES)).toMatchObject({ bytes: Buffer.alloc(0), encoding: ErrorForm.REMOTE })
    expect(sent(FAILURE_BYTES)).toMatchObject({ failed: true, isLast: true })
  })

  it('is parsed as it was encoded: credit', () => {
    const uint32 = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(
      fc.property(uint32, uint32, (messages, credited) => {
        expect(parseCredit(encodeCredit(messages, credited))).toEqual({ messages, bytes: credited })
      }),
    )
  })
})

describe('a malformed record', () => {
  const parsers = { parseCall, parseMore, parseAnswer }

  it.each(Object.entries(parsers))(
    'never makes %s throw: the result is a fault or within the payload',
    (_name, parse) => {
      const payload = fc.oneof(
        bytes(60),
        fc.tuple(fc.nat(63), bytes(60)).map(([flags, rest]) => Buffer.concat([Buffer.of(flags), rest])),
      )
      fc.assert(
        fc.property(payload, (received) => {
          const before = Buffer.from(received)
          const parsed = parse(received)
          expect(received).toEqual(before)
          if (typeof parsed === 'string') expect(parsed).toMatch(/^an? /)
          else expect(parsed.bytes.length).toBeLessThanOrEqual(received.length)
        }),
        { numRuns: 2_000 },
      )
    },
  )

  it.each(Object.entries(parsers))(
    'that is cut anywhere is a fault or a shorter message: %s',
    (what, parse) => {
      const sent = { encoding: Encoding.CODEC, bytes: Buffer.from('message') }
      const part = Buffer.from('part')
      const whole = {
        parseCall: kept(encodeCall(Buffer.from('service/method'), 5, part, sent, CallFlag.END)),
        parseMore: kept(encodeMore(sent, true)),
        parseAnswer: kept(encodeAnswer(sent, true, { headers: part, trailers: part, eventId: part })),
      }[what] as Buffer
      for (let length = 0; length < whole.length; length += 1) {
        const parsed = parse(whole.subarray(0, length))
        if (whole.length - length > sent.bytes.length) expect(parsed).toBeTypeOf('string')
        else expect(parsed).toMatchObject({ bytes: sent.bytes.subarray(0, length - whole.length) })
      }
    },
  )

  it('is a fault: a CALL', () => {
    const call = (flags: number, ...rest: (Buffer | number[])[]): Buffer =>
      Buffer.concat([Buffer.of(flags, 1), Buffer.from('m'), ...rest.map((part) => Buffer.from(part))])
    const timeoutOf = (value: number): Buffer => {
      const part = Buffer.alloc(8)
      part.writeDoubleLE(value)
      return part
    }
    const lengthOf = (value: number): Buffer => {
      const part = Buffer.alloc(4)
      part.writeUInt32LE(value)
      return part
    }
    expect(parseCall(call(2))).toMatchObject({ method: 'm', isLast: true })
    for (const payload of [
      Buffer.of(2, 0),
      call(32),
      call(16 + 1, [1]),
      call(1, [2]),
      call(255),
      call(2, [1]),
      call(1),
      call(1, [3]),
      call(8 + 2, timeoutOf(-1)),
      call(8 + 2, timeoutOf(Number.NaN)),
      call(8 + 2, timeoutOf(Number.POSITIVE_INFINITY)),
      call(4 + 2, lengthOf(1)),
      call(4 + 2, lengthOf(METADATA_BYTES_MAX + 1), Buffer.alloc(METADATA_BYTES_MAX + 1)),
    ])
      expect(parseCall(payload)).toBeTypeOf('string')
    expect(parseCall(call(4 + 2, lengthOf(METADATA_BYTES_MAX), Buffer.alloc(METADATA_BYTES_MAX)))).toBeTypeOf(
      'object',
    )
  })

  it('is a fault: a CALL_MORE, an ANSWER, a credit', () => {
    for (const payload of [
      Buffer.alloc(0),
      Buffer.of(0),
      Buffer.of(4),
      Buffer.of(1),
      Buffer.of(1, 3),
      Buffer.of(2, 1),
    ])
      expect(parseMore(payload)).toBeTypeOf('string')
    // An error with a message, and one that does not end the call.
    for (const payload of [
      Buffer.alloc(0),
      Buffer.of(64),
      Buffer.of(16 + 1 + 2, 0),
      Buffer.of(16, 0),
      Buffer.of(16 + 2, 3),
    ])
      expect(parseAnswer(payload)).toBeTypeOf('string')
    for (const length of [0, CREDIT_BYTES - 1, CREDIT_BYTES + 1])
      expect(parseCredit(Buffer.alloc(length, 1))).toBeUndefined()
  })
})
