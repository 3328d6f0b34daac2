import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BATCH_BYTES_MAX,
  BATCH_MESSAGE_BYTES_MAX,
  Batch,
  batchCount,
  readBatch,
} from '../../../src/wire/call-batches.js'
import { type EncodedMessage, Encoding } from '../../../src/wire/call-records.js'
import { messagesIn } from '../../../src/wire/message-count.js'
import { RecordKind } from '../../../src/wire/record-kind.js'

const MALFORMED = 'a malformed batch of messages'

const message: fc.Arbitrary<EncodedMessage> = fc.record({
  encoding: fc.constantFrom(Encoding.NOTHING, Encoding.CODEC, Encoding.BINARY),
  bytes: fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array)),
})

function batchOf(messages: readonly EncodedMessage[]): Buffer {
  const batch = new Batch()
  for (const one of messages) expect(batch.add(one)).toBe(true)
  expect(batch.count).toBe(messages.length)
  return Buffer.from(batch.payload())
}

function read(payload: Buffer): EncodedMessage[] | string {
  const messages: EncodedMessage[] = []
  const fault = readBatch(payload, (encoding, bytes) => {
    messages.push({ encoding, bytes })
    return undefined
  })
  return fault ?? messages
}

describe('a batch of messages', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 30 }), (messages) => {
        const payload = batchOf(messages)
        expect(read(payload)).toEqual(messages)
        expect(batchCount(payload)).toBe(messages.length)
        // In memory that does not begin with the payload.
        expect(read(Buffer.concat([Buffer.alloc(3), payload]).subarray(3))).toEqual(messages)
      }),
      { numRuns: 300 },
    )
  })

  it('that is cut anywhere, or too long, is malformed', () => {
    const payload = batchOf([
      { encoding: Encoding.CODEC, bytes: Buffer.from('one') },
      { encoding: Encoding.NOTHING, bytes: Buffer.alloc(0) },
      { encoding: Encoding.BINARY, bytes: Buffer.from('two') },
    ])
    for (let length = 0; length < payload.length; length += 1)
      expect(read(payload.subarray(0, length))).toBe(MALFORMED)
    expect(read(Buffer.concat([payload, Buffer.alloc(1)]))).toBe(MALFORMED)
    expect(read(Buffer.of(0, 0))).toBe(MALFORMED)
    expect(read(Buffer.of(1, 0, 1, 0, 0, 0, 3, 7))).toBe(MALFORMED)
    expect(read(Buffer.of(1, 0, 0xff, 0xff, 0xff, 0xff, 1, 7))).toBe(MALFORMED)
    const long = Buffer.alloc(BATCH_BYTES_MAX + 1)
    long.writeUInt16LE(1, 0)
    long.writeUInt32LE(long.length - 7, 2)
    expect(read(long)).toBe(MALFORMED)
    expect(read(long.subarray(0, BATCH_BYTES_MAX))).toBe(MALFORMED)
    long.writeUInt32LE(BATCH_BYTES_MAX - 7, 2)
    expect(read(long.subarray(0, BATCH_BYTES_MAX))).toHaveLength(1)
  })

  it('never makes its reader throw, and its messages lie within the payload', () => {
    const payload = fc.tuple(fc.nat(5), fc.uint8Array({ maxLength: 60 })).map(([count, rest]) => {
      // Small lengths are likely to fit.
      for (let at = 1; at < rest.length; at += 5) rest.fill(0, at, at + 3)
      return Buffer.concat([Buffer.of(count, 0), rest])
    })
    fc.assert(
      fc.property(payload, (received) => {
        const messages = read(received)
        if (typeof messages === 'string') return
        const bytes = messages.reduce((sum, one) => sum + one.bytes.length, 0)
        expect(bytes + 5 * messages.length + 2).toBe(received.length)
      }),
      { numRuns: 2_000 },
    )
  })

  it('ends at the first fault of a message', () => {
    const one = { encoding: Encoding.CODEC, bytes: Buffer.from('x') }
    let count = 0
    expect(
      readBatch(batchOf([one, one, one]), () => {
        count += 1
        return count === 2 ? 'the second' : undefined
      }),
    ).toBe('the second')
    expect(count).toBe(2)
  })

  it('has a length of at most BATCH_BYTES_MAX', () => {
    const batch = new Batch()
    const one = { encoding: Encoding.CODEC, bytes: Buffer.alloc(BATCH_MESSAGE_BYTES_MAX) }
    while (batch.add(one));
    expect(batch.count).toBe(3)
    expect(batch.payload().length).toBeLessThanOrEqual(BATCH_BYTES_MAX)
  })

  it('counts with all its messages', () => {
    const payload = batchOf(Array.from({ length: 30 }, () => ({ encoding: 0, bytes: Buffer.alloc(0) })))
    expect(messagesIn(RecordKind.ANSWER_BATCH, payload)).toBe(30)
    expect(messagesIn(RecordKind.CALL_BATCH, payload)).toBe(30)
    expect(messagesIn(RecordKind.ANSWER_BATCH, Buffer.alloc(0))).toBe(0)
    const { MESSAGE, REQUEST, REPLY, ERROR, CALL, CALL_MORE, ANSWER } = RecordKind
    for (const kind of [MESSAGE, REQUEST, REPLY, ERROR, CALL, CALL_MORE, ANSWER])
      expect(messagesIn(kind, payload)).toBe(1)
    const { CANCEL, CLOSE, CODEC, HEARTBEAT, END, CALL_CANCEL, CALL_CREDIT, ANSWER_CREDIT } = RecordKind
    for (const kind of [CANCEL, CLOSE, CODEC, HEARTBEAT, END, CALL_CANCEL, CALL_CREDIT, ANSWER_CREDIT])
      expect(messagesIn(kind, payload)).toBe(0)
  })
})
