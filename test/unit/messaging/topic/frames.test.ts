import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import { readControl } from '../../../../src/messaging/attach/control-frame.js'
import { carriedError, receivedError } from '../../../../src/messaging/carried-error.js'
import { serviceName } from '../../../../src/messaging/service-name.js'
import { encodeBatch, loadBatch } from '../../../../src/messaging/topic/batch-frame.js'
import { MessageCursor } from '../../../../src/messaging/topic/message-cursor.js'
import { PrefixEncoder } from '../../../../src/messaging/topic/message-prefix.js'
import { PlainRing } from '../../../../src/messaging/topic/plain-ring.js'
import { encodePublish, readPublish } from '../../../../src/messaging/topic/publish-frame.js'
import {
  checkFrom,
  encodeBegin,
  encodeSubscribe,
  encodeWelcome,
  readBegin,
  readSubscribe,
  readWelcome,
} from '../../../../src/messaging/topic/subscribe-frames.js'
import { ServiceError } from '../../../../src/service-error.js'

describe('batches', () => {
  it('carry the messages, their sequence and the loss before them', () => {
    const ring = new PlainRing(64 * 1024)
    const reader = ring.createReader(false)
    ring.publish(Buffer.from('body'), Buffer.from('key.1headers'), 5)
    ring.publish(Buffer.alloc(0), Buffer.alloc(0), 0)
    const source = Buffer.alloc(1_000)
    const frame = encodeBatch(reader, source, reader.receive(source, 0, false), 0)
    const cursor = new MessageCursor()
    expect(loadBatch(cursor, frame, 1)).toBeUndefined()
    expect([cursor.sequence, cursor.endSequence, cursor.lost]).toEqual([1, 3, 0])
    expect([cursor.key(), cursor.headers(), cursor.body()].map(String)).toEqual(['key.1', 'headers', 'body'])
    cursor.advance()
    expect([cursor.keyBytes, cursor.headersBytes, cursor.bodyBytes, cursor.sequence]).toEqual([0, 0, 0, 2])
    cursor.advance()
    expect([cursor.pending, cursor.hasMessage]).toEqual([false, false])
  })
})

describe('the first messages of a subscription', () => {
  it.each(['next', 'last', 'oldest', { epoch: 'e', sequence: 7 }] as const)('carry %j', (from) => {
    const frame = { version: 1, codec: 'json', from, obstacle: 'a reason' }
    expect(readSubscribe(readControl(encodeSubscribe(frame), 'x'))).toEqual(frame)
  })

  it('carry the answer of the topic', () => {
    const welcome = { epoch: 'e', codec: 'c', overflow: 'block', start: 5, isOtherEpoch: true } as const
    expect(readWelcome(readControl(encodeWelcome(welcome), 'x'))).toEqual(welcome)
    expect(readBegin(readControl(encodeBegin(9), 'x'))).toBe(9)
  })

  it('refuse other places', () => {
    for (const from of [
      'first',
      1,
      null,
      {},
      { epoch: 'e' },
      { epoch: '', sequence: 1 },
      { epoch: 'e', sequence: 0.5 },
    ])
      expect(() => checkFrom(from)).toThrow('from is')
    expect(checkFrom(undefined)).toBe('next')
  })
})

describe('messages of other publishers', () => {
  it('carry codec, key, headers and body', () => {
    const { bytes, keyBytes } = new PrefixEncoder().encode({ key: 'a.b', headers: { name: 'value' } })
    const frame = readPublish(encodePublish('json', bytes, keyBytes, Buffer.from('body')))
    expect(frame).toMatchObject({ codec: 'json', keyBytes: 3 })
    expect(frame.prefix.equals(Buffer.from(bytes))).toBe(true)
    expect(String(frame.body)).toBe('body')
  })

  it('have the same prefix for the same key', () => {
    const encoder = new PrefixEncoder()
    expect(encoder.encode({ key: 'k' })).toBe(encoder.encode({ key: 'k' }))
    for (let number = 0; number < 3_000; number += 1)
      expect(encoder.encode({ key: `k${number}` }).keyBytes).toBe(`k${number}`.length)
    expect(encoder.encode(undefined).bytes).toHaveLength(0)
    expect(encoder.encode({}).bytes).toHaveLength(0)
  })
})

describe('errors', () => {
  it('cross a call with their code, status and message', () => {
    const error = new ShmwireError(ErrorCode.BACKLOG, 'too slow')
    const crossed = receivedError(carriedError(error)) as ShmwireError
    expect(crossed).toMatchObject({
      code: ErrorCode.BACKLOG,
      status: 'RESOURCE_EXHAUSTED',
      message: 'too slow',
      executed: 'no',
    })
    const failed = new ShmwireError(ErrorCode.OUT_OF_MEMORY, 'no room on the disk', { executed: 'unknown' })
    expect(receivedError(carriedError(failed))).toMatchObject({
      code: ErrorCode.OUT_OF_MEMORY,
      executed: 'unknown',
    })
  })

  it('stay what they are if they are of the program or of another layer', () => {
    const own = new ServiceError('NOT_FOUND', 'x', { reason: 'MINE' })
    expect(carriedError(own)).toBe(own)
    expect(receivedError(own)).toBe(own)
    const plain = new Error('plain')
    expect(carriedError(plain)).toBe(plain)
    expect(receivedError(plain)).toBe(plain)
    const gone = new ShmwireError(ErrorCode.PEER_GONE, 'gone')
    expect(carriedError(gone)).toBe(gone)
  })
})

describe('serviceName', () => {
  it('adds the name to the sort', () => {
    expect([
      serviceName('topic', undefined),
      serviceName('cell', ''),
      serviceName('queue', 'a-b.c_1'),
    ]).toEqual(['shmwire.topic', 'shmwire.cell', 'shmwire.queue.a-b.c_1'])
  })

  it.each(['.', 'a.', 'a b', 'a/b', 'x'.repeat(101), 'é'])('refuses %j', (name) => {
    expect(() => serviceName('topic', name)).toThrow('name is')
  })
})
