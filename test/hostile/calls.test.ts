import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WINDOW_BYTES, WINDOW_MESSAGES } from '../../src/service/call/send-window.js'
import {
  AnswerFlag,
  CALLS_OPEN_MAX,
  CallFlag,
  METADATA_BYTES_MAX,
  METADATA_VALUES_MAX,
} from '../../src/wire/call-records.js'
import { RecordKind } from '../../src/wire/record-kind.js'
import { batchOf, callOf, integersOf, metadataOf, NUMBER, openCallOf } from '../support/call-bytes.js'
import { CallHarness } from '../support/call-harness.js'
import type { CallPeer } from '../support/call-peer.js'

const { CALL, CALL_MORE, CALL_CANCEL, CALL_CREDIT, CALL_BATCH, ANSWER, ANSWER_CREDIT, ANSWER_BATCH, CLOSE } =
  RecordKind
const NOTHING = Buffer.alloc(0)
const MORE = Buffer.concat([Buffer.from([CallFlag.MESSAGE]), NUMBER])
const LAST = Buffer.from([CallFlag.END])
const BAD_ENCODING = Buffer.from([3, 7])
const LONG_BATCH = batchOf(1, Buffer.concat([Buffer.from([1, 0xc5, 0x10, 0x00]), Buffer.alloc(0x1000)]))
const U32_MAX = 2 ** 32 - 1

let harness: CallHarness
let peer: CallPeer
beforeAll(async () => {
  harness = await CallHarness.begin()
})
beforeEach(async () => {
  peer = await harness.attack()
})

type Record = readonly [kind: number, id: number, payload: Buffer]

/** The error or the message of the next answer. */
async function answer(): Promise<{ id: number; error?: { code: string }; flags: number }> {
  for (;;) {
    const { kind, id, payload } = await peer.next()
    if (kind !== ANSWER) continue
    const flags = payload[0] as number
    if ((flags & AnswerFlag.ERROR) === 0) return { id, flags }
    return { id, flags, error: JSON.parse(payload.toString('utf8', 2)) }
  }
}

describe('a service ends the channel of a client that', () => {
  const call = (payload: Buffer): Record[] => [[CALL, 1, payload]]

  it.each<[string, Record[], RegExp]>([
    ['sends a call with the id 0', [[CALL, 0, callOf()]], /a call without an id/],
    [
      'sends the id of an open call',
      [
        [CALL, 1, callOf({ method: '/hang' })],
        [CALL, 1, callOf()],
      ],
      /call 1 twice/,
    ],
    ['sends an empty call', call(NOTHING), /a malformed call/],
    ['sends a call with unknown flags', call(callOf({ flags: 0xff })), /a malformed call/],
    ['sends a call without a name', call(callOf({ method: '' })), /a malformed call/],
    ['sends a name longer than the call', call(callOf({ methodBytes: 255 })), /a malformed call/],
    ['sends the timeout NaN', call(callOf({ timeoutMs: Number.NaN })), /malformed timeout/],
    ['sends a negative timeout', call(callOf({ timeoutMs: -1 })), /malformed timeout/],
    [
      'sends the timeout Infinity',
      call(callOf({ timeoutMs: Number.POSITIVE_INFINITY })),
      /malformed timeout/,
    ],
    ['sends half of a timeout', call(callOf({ flags: CallFlag.TIMEOUT | CallFlag.END })), /a malformed call/],
    [
      'sends metadata longer than the call',
      call(callOf({ metadata: metadataOf('a', 'b'), metadataBytes: 1000 })),
      /malformed metadata/,
    ],
    [
      'sends metadata of 4 GiB',
      call(callOf({ metadata: metadataOf('a', 'b'), metadataBytes: U32_MAX })),
      /malformed metadata/,
    ],
    [
      'sends more metadata than is allowed',
      call(callOf({ metadata: metadataOf('a', 'b'.repeat(METADATA_BYTES_MAX)) })),
      /malformed metadata/,
    ],
    [
      'sends more values of metadata than are allowed',
      call(
        callOf({
          metadata: Buffer.concat(
            Array.from({ length: METADATA_VALUES_MAX + 1 }, (_, index) => metadataOf(`a${index}`, '')),
          ),
        }),
      ),
      /malformed metadata/,
    ],
    [
      'sends a value longer than its metadata',
      call(callOf({ metadata: Buffer.from([1, 97, 9, 0]) })),
      /malformed metadata/,
    ],
    ['sends metadata without a name', call(callOf({ metadata: metadataOf('', 'b') })), /malformed metadata/],
    ['sends metadata in upper case', call(callOf({ metadata: metadataOf('A', 'b') })), /malformed metadata/],
    [
      'sends control characters in metadata',
      call(callOf({ metadata: metadataOf('a', '\u001b[2J') })),
      /malformed metadata/,
    ],
    [
      'sends a message with an unknown encoding',
      call(callOf({ message: Buffer.from([3, 7]) })),
      /unknown encoding/,
    ],
    ['sends a message without its encoding', call(callOf({ message: NOTHING })), /unknown encoding/],
    ['sends bytes after the call', call(callOf({ message: NUMBER, flags: CallFlag.END })), /too long/],
    [
      'sends a further message without flags',
      [
        [CALL, 1, openCallOf('/sum')],
        [CALL_MORE, 1, Buffer.from([0])],
      ],
      /malformed message/,
    ],
    [
      'sends an empty further message',
      [
        [CALL, 1, openCallOf('/sum')],
        [CALL_MORE, 1, NOTHING],
      ],
      /malformed message/,
    ],
    [
      'sends a message after its last one',
      [
        [CALL, 1, openCallOf('/ignore')],
        [CALL_MORE, 1, LAST],
        [CALL_MORE, 1, MORE],
      ],
      /after its last one/,
    ],
    [
      'sends a further message of a call with one',
      [
        [CALL, 1, callOf({ method: '/hang' })],
        [CALL_MORE, 1, MORE],
      ],
      /after its last one/,
    ],
    [
      'sends more messages than the window',
      [
        [CALL, 1, openCallOf('/ignore')],
        ...Array.from({ length: WINDOW_MESSAGES + 1 }, (): Record => [CALL_MORE, 1, MORE]),
      ],
      /more messages of call 1 than its window/,
    ],
    [
      'sends more bytes than the window',
      [
        [CALL, 1, openCallOf('/ignore')],
        ...Array.from(
          { length: 3 },
          (): Record => [CALL_MORE, 1, Buffer.concat([MORE.subarray(0, 2), bytesOf(WINDOW_BYTES / 2)])],
        ),
      ],
      /more messages of call 1 than its window/,
    ],
    [
      'sends a malformed credit',
      [
        [CALL, 1, callOf({ method: '/hang' })],
        [CALL_CREDIT, 1, integersOf(1)],
      ],
      /malformed credit/,
    ],
    [
      'sends credit for a call without a stream',
      [
        [CALL, 1, callOf({ method: '/hang' })],
        [CALL_CREDIT, 1, integersOf(1, 0)],
      ],
      /credit for messages that call 1 did not send/,
    ],
    [
      'cancels with a payload',
      [
        [CALL, 1, callOf({ method: '/hang' })],
        [CALL_CANCEL, 1, LAST],
      ],
      /cancellation with a payload/,
    ],
    [
      'answers a call that was never made',
      [[ANSWER, 1, Buffer.from([AnswerFlag.END])]],
      /answer to a call that is not open/,
    ],
    [
      'grants credit for a call that was never made',
      [[ANSWER_CREDIT, 1, integersOf(1, 1)]],
      /malformed credit/,
    ],
    [
      'sends a call after its close',
      [
        [CLOSE, 0, NOTHING],
        [CALL, 1, callOf()],
      ],
      /./,
    ],
    ['sends a record of a later kind', [[ANSWER_BATCH + 1, 1, NOTHING]], /unknown kind 24/],
    ...[
      NOTHING,
      batchOf(0),
      batchOf(2, NUMBER),
      batchOf(1, NUMBER, NUMBER),
      batchOf(1, BAD_ENCODING),
      LONG_BATCH,
    ].map((batch, index): [string, Record[], RegExp] => [
      `sends malformed batch ${index}`,
      [
        [CALL, 1, openCallOf('/ignore')],
        [CALL_BATCH, 1, batch],
      ],
      /a malformed batch of messages/,
    ]),
    [
      'sends a batch longer than the window',
      [
        [CALL, 1, openCallOf('/ignore')],
        [
          CALL_BATCH,
          1,
          batchOf(WINDOW_MESSAGES + 1, ...Array.from({ length: WINDOW_MESSAGES + 1 }, () => NUMBER)),
        ],
      ],
      /more messages of call 1 than its window/,
    ],
    [
      'sends a batch to a call with one message',
      [
        [CALL, 1, callOf({ method: '/hang' })],
        [CALL_BATCH, 1, batchOf(1, NUMBER)],
      ],
      /after its last one/,
    ],
    [
      'answers a call that was never made with a batch',
      [[ANSWER_BATCH, 1, batchOf(1, NUMBER)]],
      /is not open/,
    ],
  ])('%s', async (_what, records, message) => {
    for (const record of records) peer.send(...record)
    await harness.expectCorrupt(peer, message)
  })

  it('has more open calls than are allowed', async () => {
    for (let id = 1; id <= CALLS_OPEN_MAX + 1; id += 1) peer.send(CALL, id, callOf({ method: '/hang' }))
    await harness.expectCorrupt(peer, /more than 4096 open calls/)
    expect(await harness.running()).toBe(0)
  })

  it.each([
    [1, U32_MAX],
    [U32_MAX, 1],
    [U32_MAX, U32_MAX],
    [WINDOW_MESSAGES + 1, 0],
  ])('grants credit for %i messages and %i bytes, more than were sent', async (messages, bytes) => {
    peer.send(CALL, 1, callOf({ method: '/count', message: Buffer.from([1, 0xcd, 0xff, 0xff]) }))
    for (let count = 0; count < WINDOW_MESSAGES; count += 1) await answer()
    peer.send(CALL_CREDIT, 1, integersOf(messages, bytes))
    await harness.expectCorrupt(peer, /credit for messages that call 1 did not send/)
  })
})

describe('a service continues to serve a client that', () => {
  /** The channel still carries calls. */
  async function expectAlive(): Promise<void> {
    peer.send(CALL, 99, callOf({ message: NUMBER }))
    for (;;) {
      const { id, error } = await answer()
      if (id !== 99) continue
      expect(error).toBeUndefined()
      break
    }
    await harness.expectUnharmed()
  }

  it.each([
    '/nothing',
    'other/echo',
    '/',
    'echo',
    '/__proto__',
    '/constructor',
    '/toString',
    '__proto__/echo',
    '/$nothing',
    '/echo/echo',
    'x'.repeat(255),
    '\u0000\u001b[2J/\u0007',
  ])('calls the unknown method %j', async (method) => {
    peer.send(CALL, 1, callOf({ method, message: NUMBER }))
    expect(await answer()).toMatchObject({ id: 1, error: { code: 'ERR_SHMWIRE_NO_HANDLER' } })
    await expectAlive()
  })

  it.each([0, 5e-324, 2 ** 31, 1e300, Number.MAX_VALUE])('sends the timeout %f', async (timeoutMs) => {
    peer.send(CALL, 1, callOf({ message: NUMBER, timeoutMs }))
    expect(await answer()).toEqual({ id: 1, flags: AnswerFlag.MESSAGE | AnswerFlag.END })
    await expectAlive()
  })

  it('sends a message that is not of the codec', async () => {
    peer.send(CALL, 1, callOf({ message: Buffer.from([1, 0xc1, 0x7f]) }))
    expect(await answer()).toMatchObject({ id: 1, flags: AnswerFlag.ERROR | AnswerFlag.END })
    await expectAlive()
  })

  it('sends the binary form of a message that has none', async () => {
    const flags = CallFlag.MESSAGE | CallFlag.END | CallFlag.BINARY
    peer.send(CALL, 1, callOf({ message: Buffer.from([2, 7]), flags }))
    expect(await answer()).toMatchObject({ id: 1, flags: AnswerFlag.ERROR | AnswerFlag.END })
    await expectAlive()
  })

  it('cancels, continues and credits calls that it never made', async () => {
    for (const id of [0, 1, 77, U32_MAX])
      peer.send(CALL_CANCEL, id).send(CALL_MORE, id, MORE).send(CALL_CREDIT, id, integersOf(U32_MAX, U32_MAX))
    await expectAlive()
  })

  it('uses the id of a call again when it is answered, and when it is cancelled', async () => {
    for (let round = 0; round < 100; round += 1) {
      peer.send(CALL, 1, callOf({ message: NUMBER }))
      expect(await answer()).toEqual({ id: 1, flags: AnswerFlag.MESSAGE | AnswerFlag.END })
      peer.send(CALL, 1, callOf({ method: '/hang' })).send(CALL_CANCEL, 1)
      expect(await answer()).toMatchObject({
        id: 1,
        error: { code: 'ERR_SHMWIRE_ABORTED' },
      })
    }
    expect(await harness.running()).toBe(0)
    await expectAlive()
  })

  it('sends messages of a call that it has cancelled', async () => {
    peer.send(CALL, 1, openCallOf('/sum')).send(CALL_CANCEL, 1)
    for (let count = 0; count < 10 * WINDOW_MESSAGES; count += 1) peer.send(CALL_MORE, 1, MORE)
    await expectAlive()
  })

  it('streams to a method that takes one message', async () => {
    peer.send(CALL, 1, openCallOf('/$ping'))
    expect(await answer()).toMatchObject({
      id: 1,
      error: { code: 'ERR_SHMWIRE_INVALID_ARGUMENT' },
    })
    await expectAlive()
  })
})

/** A message in msgpack: bytes of this length. */
function bytesOf(length: number): Buffer {
  const head = Buffer.alloc(5)
  head[0] = 0xc6
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, Buffer.alloc(length)])
}
