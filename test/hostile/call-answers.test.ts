import { beforeAll, describe, expect, it } from 'vitest'
import { WINDOW_BYTES, WINDOW_MESSAGES } from '../../src/service/call/send-window.js'
import { AnswerFlag, ErrorForm } from '../../src/wire/call-records.js'
import { RecordKind } from '../../src/wire/record-kind.js'
import { batchOf, framesOf, integersOf, metadataOf, NUMBER } from '../support/call-bytes.js'
import { CallHarness, type Failure } from '../support/call-harness.js'
import type { CallPeer } from '../support/call-peer.js'
import { eventually } from '../support/turns.js'

const { CALL_CANCEL, ANSWER, ANSWER_BATCH, ANSWER_CREDIT } = RecordKind
const { MESSAGE, END, HEADERS, TRAILERS, ERROR, EVENT_ID } = AnswerFlag
const FLOOD = 100_000
const MIB = 1024 * 1024

let harness: CallHarness
beforeAll(async () => {
  harness = await CallHarness.begin()
})

/** The id of the victim's call, whose record has arrived. */
async function callOf(peer: CallPeer): Promise<number> {
  return (await peer.next()).id
}

function answerOf(flags: number, ...parts: Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from([flags]), ...parts])
}

function blockOf(bytes: Buffer): Buffer {
  return Buffer.concat([integersOf(bytes.length), bytes])
}

const UNARY = { method: 'm', streams: 'none' }
const STREAM = { method: 'm', streams: 'out' }
const UPLOAD = { method: 'm', streams: 'in', request: 1_000_000 }
const ONE = answerOf(MESSAGE | END, NUMBER)
const SOME = answerOf(MESSAGE, NUMBER)
const LONG = Buffer.concat([Buffer.from([1, 0xc6]), u32(WINDOW_BYTES), Buffer.alloc(WINDOW_BYTES)])
const VALUE = metadataOf('a', 'b')

type Answers = (id: number) => (readonly [kind: number, id: number, payload: Buffer])[]

describe('a client ends the channel of a service that', () => {
  it.each<[string, object, Answers, RegExp]>([
    [
      'answers twice',
      UNARY,
      (id) => [
        [ANSWER, id, ONE],
        [ANSWER, id, ONE],
      ],
      /answer to a call that is not open/,
    ],
    [
      'answers after the end of a stream',
      STREAM,
      (id) => [
        [ANSWER, id, answerOf(END)],
        [ANSWER, id, SOME],
      ],
      /not open/,
    ],
    [
      'answers after an error',
      UNARY,
      (id) => [
        [ANSWER, id, answerOf(ERROR | END, Buffer.from('\u0000{}'))],
        [ANSWER, id, ONE],
      ],
      /not open/,
    ],
    ['answers a call that was never made', UNARY, (id) => [[ANSWER, id + 1, ONE]], /not open/],
    ['sends an empty answer', UNARY, (id) => [[ANSWER, id, Buffer.alloc(0)]], /malformed answer/],
    ['sends unknown flags', UNARY, (id) => [[ANSWER, id, answerOf(0xff, NUMBER)]], /malformed answer/],
    [
      'sends an error with a message',
      UNARY,
      (id) => [[ANSWER, id, answerOf(ERROR | END | MESSAGE, NUMBER)]],
      /malformed answer/,
    ],
    [
      'sends an error that does not end the call',
      UNARY,
      (id) => [[ANSWER, id, answerOf(ERROR, NUMBER)]],
      /malformed answer/,
    ],
    [
      'sends an unknown encoding',
      UNARY,
      (id) => [[ANSWER, id, answerOf(MESSAGE | END, Buffer.from([9]))]],
      /unknown encoding/,
    ],
    [
      'sends an error without a form',
      UNARY,
      (id) => [[ANSWER, id, answerOf(ERROR | END)]],
      /unknown encoding/,
    ],
    [
      'sends headers longer than the answer',
      UNARY,
      (id) => [[ANSWER, id, answerOf(HEADERS | END, integersOf(9))]],
      /malformed headers/,
    ],
    [
      'sends trailers of 4 GiB',
      UNARY,
      (id) => [[ANSWER, id, answerOf(TRAILERS | END, integersOf(2 ** 32 - 1))]],
      /malformed trailers/,
    ],
    [
      'sends malformed headers',
      UNARY,
      (id) => [[ANSWER, id, answerOf(HEADERS | MESSAGE | END, blockOf(Buffer.from('abc')), NUMBER)]],
      /malformed metadata/,
    ],
    [
      'sends trailers before the end',
      STREAM,
      (id) => [[ANSWER, id, answerOf(TRAILERS | MESSAGE, blockOf(VALUE), NUMBER)]],
      /trailers before the end/,
    ],
    [
      'sends an event id longer than the answer',
      STREAM,
      (id) => [[ANSWER, id, answerOf(EVENT_ID | MESSAGE, Buffer.from([200, 65]))]],
      /malformed event id/,
    ],
    ['sends bytes after the answer', UNARY, (id) => [[ANSWER, id, answerOf(END, NUMBER)]], /too long/],
    [
      'ignores the window in messages',
      { ...STREAM, stalls: true },
      (id) => Array.from({ length: 2 * WINDOW_MESSAGES }, () => [ANSWER, id, SOME] as const),
      /more messages than the window/,
    ],
    [
      'ignores the window in bytes',
      { ...STREAM, stalls: true },
      (id) => Array.from({ length: 3 }, () => [ANSWER, id, answerOf(MESSAGE, LONG)] as const),
      /more messages than the window/,
    ],
    [
      'ignores the window in a batch',
      { ...STREAM, stalls: true },
      (id) => {
        const numbers = Array.from({ length: WINDOW_MESSAGES }, () => NUMBER)
        return Array.from(
          { length: 2 },
          () => [ANSWER_BATCH, id, batchOf(WINDOW_MESSAGES, ...numbers)] as const,
        )
      },
      /more messages than the window/,
    ],
    [
      'sends a malformed batch',
      STREAM,
      (id) => [[ANSWER_BATCH, id, batchOf(2, NUMBER)]],
      /a malformed batch of messages/,
    ],
    [
      'sends a batch to a call that is not open',
      STREAM,
      (id) => [[ANSWER_BATCH, id + 1, batchOf(1, NUMBER)]],
      /an answer to a call that is not open/,
    ],
    [
      'grants more credit than was used',
      UPLOAD,
      (id) => [[ANSWER_CREDIT, id, integersOf(2 ** 32 - 1, 0)]],
      /credit for messages that were not sent/,
    ],
    [
      'grants credit for a call that is not open',
      UPLOAD,
      (id) => [[ANSWER_CREDIT, id + 1, integersOf(0, 0)]],
      /malformed credit/,
    ],
    ['sends a malformed credit', UPLOAD, (id) => [[ANSWER_CREDIT, id, integersOf(1)]], /malformed credit/],
  ])('%s', async (_what, call, answers, message) => {
    const peer = await harness.serve(call)
    const id = await callOf(peer)
    for (const answer of answers(id)) peer.send(...answer)
    await harness.expectCorrupt(peer, message)
  })
})

describe('a client gets a clear error and keeps the channel of a service that', () => {
  const layer = (fields: object): Buffer => errorOf(ErrorForm.LAYER, Buffer.from(JSON.stringify(fields)))
  const service = (fields: object, details = Buffer.alloc(0)): Buffer => {
    const text = Buffer.from(JSON.stringify(fields))
    return errorOf(ErrorForm.SERVICE, Buffer.concat([integersOf(text.length), text, details]))
  }
  const unreadable = {
    code: 'ERR_SHMWIRE_REMOTE',
    status: 'INTERNAL',
    message: expect.stringContaining('cannot be decoded'),
  }

  it.each<[string, Buffer, Partial<Failure> | object]>([
    ['sends an error that is not JSON', errorOf(ErrorForm.LAYER, Buffer.from('{')), unreadable],
    ['sends an empty error', errorOf(ErrorForm.LAYER, Buffer.alloc(0)), unreadable],
    ['sends an error that is an array', errorOf(ErrorForm.LAYER, Buffer.from('[1]')), unreadable],
    ['sends an error that is null', errorOf(ErrorForm.LAYER, Buffer.from('null')), unreadable],
    [
      'sends a code that services do not send',
      layer({ code: 'ERR_SHMWIRE_PEER_GONE', message: '' }),
      unreadable,
    ],
    ['sends the code constructor', layer({ code: 'constructor', message: '' }), unreadable],
    [
      'sends the code __proto__',
      errorOf(ErrorForm.LAYER, Buffer.from('{"__proto__":{"code":"ERR_SHMWIRE_CLOSED"}}')),
      unreadable,
    ],
    ['sends a code that is an object', layer({ code: {}, message: '' }), unreadable],
    [
      'sends an error of a mebibyte',
      errorOf(ErrorForm.LAYER, Buffer.from(`{"code":"${'x'.repeat(MIB - 100)}"}`)),
      unreadable,
    ],
    [
      'sends a message that is not a string',
      layer({ code: 'ERR_SHMWIRE_BACKLOG', message: {} }),
      { code: 'ERR_SHMWIRE_BACKLOG', message: '' },
    ],
    [
      'sends control characters in the message',
      layer({ code: 'ERR_SHMWIRE_BACKLOG', message: '\u001b[2J' }),
      { message: expect.not.stringContaining('\u001b') },
    ],
    ['sends a status that does not exist', service({ status: 'GREAT', message: '' }), unreadable],
    ['sends a status that is not a string', service({ status: ['NOT_FOUND'], message: '' }), unreadable],
    ['sends a service error without its length', errorOf(ErrorForm.SERVICE, Buffer.from('ab')), unreadable],
    [
      'sends a service error longer than the record',
      errorOf(ErrorForm.SERVICE, integersOf(1000)),
      unreadable,
    ],
    [
      'sends details that are not of the codec',
      service({ status: 'NOT_FOUND', message: 'gone' }, Buffer.from([0xc1, 0x7f])),
      { status: 'NOT_FOUND', message: expect.stringContaining('its details cannot be decoded') },
    ],
    [
      'sends details with the key __proto__',
      service(
        { status: 'NOT_FOUND', message: 'gone' },
        Buffer.from([0x81, 0xa9, ...Buffer.from('__proto__'), 0x80]),
      ),
      { status: 'NOT_FOUND' },
    ],
    [
      'sends details that announce four billion elements',
      service({ status: 'NOT_FOUND', message: 'gone' }, Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])),
      { status: 'NOT_FOUND', message: expect.stringContaining('its details cannot be decoded') },
    ],
    [
      'sends a reason of a mebibyte',
      service({ status: 'NOT_FOUND', message: 'gone', reason: 'x'.repeat(20_000) }),
      { status: 'NOT_FOUND', reason: 'x'.repeat(256) },
    ],
    [
      'sends an error of its handler that is not JSON',
      errorOf(ErrorForm.REMOTE, Buffer.from('{')),
      { code: 'ERR_SHMWIRE_REMOTE' },
    ],
    [
      'sends a message that is not of the codec',
      answerOf(MESSAGE | END, Buffer.from([1, 0xc1, 0x7f])),
      { code: 'ERR_SHMWIRE_CODEC', status: 'INTERNAL' },
    ],
    [
      'sends a binary form that was not requested',
      answerOf(MESSAGE | END, Buffer.from([2, 7])),
      { code: 'ERR_SHMWIRE_CODEC', status: 'INTERNAL' },
    ],
  ])('%s', async (_what, answer, expected) => {
    const peer = await harness.serve(UNARY)
    peer.send(ANSWER, await callOf(peer), answer)
    expect(await harness.failure(peer)).toMatchObject(expected)
    await harness.expectUnharmed()
  })

  it('answers with a stream where one message is expected', async () => {
    const peer = await harness.serve(UNARY)
    const id = await callOf(peer)
    peer.send(ANSWER, id, SOME)
    expect(await harness.failure(peer)).toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      executed: 'unknown',
    })
    expect(await peer.next()).toMatchObject({ kind: CALL_CANCEL, id })
    await harness.expectUnharmed()
  })

  it('never answers, and ignores the cancellation', async () => {
    const peer = await harness.serve({ ...STREAM, settings: { timeoutMs: 50 } })
    const id = await callOf(peer)
    expect(await harness.failure(peer)).toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT', executed: 'unknown' })
    expect(await peer.next()).toMatchObject({ kind: CALL_CANCEL, id })
    const waitMs = await harness.longestWaitMs(() => peer.flood(framesOf(FLOOD, () => [ANSWER, id, SOME])))
    expect(waitMs).toBeLessThan(10_000)
    expect(await harness.growthBytes()).toBeLessThan(16 * MIB)
    await harness.expectUnharmed()
  })

  it('sends headers without end', async () => {
    const peer = await harness.serve(STREAM)
    const id = await callOf(peer)
    const headers = answerOf(HEADERS, blockOf(VALUE))
    await harness.longestWaitMs(() => peer.flood(framesOf(FLOOD, () => [ANSWER, id, headers])))
    expect(await harness.growthBytes()).toBeLessThan(16 * MIB)
    peer.send(ANSWER, id, answerOf(END))
    expect(await harness.outcome(peer)).toBe(0)
    await harness.expectUnharmed()
  })

  it('reads nothing, while the client sends a stream', async () => {
    const peer = await harness.serve({ ...UPLOAD, settings: { timeoutMs: 500 } })
    await callOf(peer)
    peer.stopReading()
    expect(await harness.failure(peer)).toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
    expect(await harness.growthBytes()).toBeLessThan(16 * MIB)
    await harness.expectUnharmed()
  })

  it('streams without end as fast as its credit allows', async () => {
    const peer = await harness.serve(STREAM)
    const id = await callOf(peer)
    let credit = WINDOW_MESSAGES
    peer.onRecord = ({ payload }) => {
      credit += payload.readUInt32LE(0)
    }
    for (let sent = 0; sent < FLOOD / 10; sent += 1) {
      if (credit === 0) await eventually(() => credit > 0)
      credit -= 1
      peer.send(ANSWER, id, SOME)
    }
    peer.send(ANSWER, id, answerOf(END))
    expect(await harness.outcome(peer)).toBe(FLOOD / 10)
    await harness.expectUnharmed()
  })
})

function errorOf(form: number, bytes: Buffer): Buffer {
  return answerOf(ERROR | END, Buffer.from([form]), bytes)
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
