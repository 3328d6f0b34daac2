import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import { CloseHandshake } from '../../../src/channel/close-handshake.js'
import type { Delivery } from '../../../src/channel/delivery.js'
import { Receiver } from '../../../src/channel/receiver.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { RecordKind } from '../../../src/wire/record-kind.js'

const NO_BYTES = Buffer.alloc(0)
const gone = new ShmwireError(ErrorCode.PEER_GONE, 'the peer is gone')
const corrupt = expect.objectContaining({ code: ErrorCode.CORRUPT }) as Error

/** The calls of the receiver, in order. */
let calls: string[]
let handshake: CloseHandshake
let mayReadOn: boolean
let isReplyOpen: boolean
let requestFault: string | undefined
let borrowsPeerMemory: boolean
let closed: (Error | undefined)[]
let notes: Buffer[]
let receiver: Receiver

function newReceiver(): Receiver {
  const log = (name: string) => (argument?: unknown) => {
    calls.push(argument instanceof Error ? `${name} ${argument.message}` : name)
  }
  const emitter = new EventEmitter()
  emitter.on('error', log('error event'))
  emitter.on('close', log('close event'))
  return new Receiver({
    emitter,
    link: { borrowsPeerMemory, destroy: log('destroy link') },
    decoder: {
      decode: (payload) => {
        if (payload.toString() === 'bad') throw new ShmwireError(ErrorCode.CODEC, 'bad message')
        return payload.toString()
      },
    },
    codec: {
      applyNote: (note) => {
        notes.push(note)
        return note.length > 0 ? undefined : new ShmwireError(ErrorCode.CODEC, 'bad note')
      },
    },
    handshake,
    delivery: {
      endMessages: (onLast: () => void) => onLast(),
      accepts: true,
      overflows: false,
      batchEnd: log('end batch'),
      discard: log('discard'),
      mayReadOn: () => mayReadOn,
      take: (message: unknown) => calls.push(`deliver ${String(message)}`),
      end: (_error: unknown, onEnded: () => void, onOver: () => void) => {
        calls.push('end delivery')
        onEnded()
        onOver()
      },
    } as unknown as Delivery,
    outgoing: {
      settle: (id, _payload, failed) => {
        calls.push(`settle ${id} ${failed}`)
        return isReplyOpen
      },
      fail: log('fail outgoing'),
    },
    calls: {
      record: (kind, id, _payload, closing) => {
        calls.push(`call record ${kind} of ${id} ${closing}`)
        return requestFault
      },
      fail: log('fail calls'),
    },
    incoming: {
      begin: (id, _payload, closing) => {
        calls.push(`begin ${id} ${closing}`)
        return requestFault
      },
      cancel: (id) => void calls.push(`cancel ${id}`),
      fail: log('fail incoming'),
    },
    sender: {
      closeIfIdle: log('close if idle'),
      drain: log('drain'),
      fail: log('fail sender'),
      peerClosed: log('peer closed'),
    },
    onClosed: (error) => void closed.push(error),
  })
}

beforeEach(() => {
  calls = []
  closed = []
  notes = []
  handshake = new CloseHandshake()
  mayReadOn = true
  isReplyOpen = true
  requestFault = undefined
  borrowsPeerMemory = false
  receiver = newReceiver()
})

describe('a record', () => {
  it.each([
    [RecordKind.MESSAGE, 'text', ['deliver text']],
    [RecordKind.REQUEST, 'text', ['begin 7 false']],
    [RecordKind.REPLY, 'text', ['settle 7 false', 'close if idle']],
    [RecordKind.ERROR, 'text', ['settle 7 true', 'close if idle']],
    [RecordKind.CANCEL, '', ['cancel 7']],
    [RecordKind.CODEC, 'note', []],
    [RecordKind.CALL, 'call', [`call record ${RecordKind.CALL} of 7 false`]],
    [RecordKind.ANSWER_CREDIT, '', [`call record ${RecordKind.ANSWER_CREDIT} of 7 false`]],
    [
      RecordKind.CLOSE,
      '',
      ['fail outgoing', 'fail calls', 'fail incoming', 'peer closed'].map(
        (call) => `${call} the peer closed the channel`,
      ),
    ],
  ])('of kind %i is passed on by its kind', (kind, text, expected) => {
    expect(receiver.record(kind, 7, Buffer.from(text))).toBe(true)
    expect(calls).toEqual(expected)
  })

  it('is counted if it is a message, a request or a reply', () => {
    for (const kind of [1, 2, 3, 4]) receiver.record(kind, 1, Buffer.from('four'))
    receiver.record(RecordKind.CANCEL, 1, NO_BYTES)
    expect(receiver.counters).toEqual({ messagesReceived: 4, bytesReceived: 16 })
  })

  it('pauses the link if the delivery may not read on', () => {
    mayReadOn = false
    expect(receiver.record(RecordKind.MESSAGE, 0, NO_BYTES)).toBe(false)
    expect(receiver.record(RecordKind.REQUEST, 1, NO_BYTES)).toBe(true)
  })

  it.each([true, false])('is copied if it outlives the call and lies in borrowed memory: %s', (borrows) => {
    borrowsPeerMemory = borrows
    receiver = newReceiver()
    const payload = Buffer.from('note')
    receiver.record(RecordKind.CODEC, 0, payload)
    expect([notes[0] === payload, notes[0]?.toString()]).toEqual([!borrows, 'note'])
  })
})

describe('a request', () => {
  it('is refused while this side closes, and dropped behind its close', () => {
    handshake.localClose(() => {})
    receiver.record(RecordKind.REQUEST, 1, NO_BYTES)
    handshake.idle()
    receiver.record(RecordKind.REQUEST, 2, NO_BYTES)
    expect(calls).toEqual(['begin 1 true'])
  })
})

describe('the channel ends with CORRUPT', () => {
  it.each<[string, number, string]>([
    ['a cancellation with a payload', RecordKind.CANCEL, 'x'],
    ['a close with a payload', RecordKind.CLOSE, 'x'],
    ['a record of an unknown kind', 15, ''],
    ['a heartbeat with a payload', RecordKind.HEARTBEAT, 'x'],
    ['an end with a payload', RecordKind.END, 'x'],
  ])('at %s', (_what, kind, text) => {
    expect(receiver.record(kind, 1, Buffer.from(text))).toBe(false)
    expect(closed).toEqual([corrupt])
  })

  it.each([RecordKind.MESSAGE, RecordKind.END])(
    'at a record of kind %s after the end of the messages',
    (kind) => {
      expect(receiver.record(RecordKind.END, 0, NO_BYTES)).toBe(true)
      expect(receiver.record(kind, 0, Buffer.from('1'))).toBe(false)
      expect(closed).toEqual([corrupt])
    },
  )

  it('not at a heartbeat, also after the close', () => {
    expect(receiver.record(RecordKind.HEARTBEAT, 0, NO_BYTES)).toBe(true)
    handshake.peerClose()
    expect(receiver.record(RecordKind.HEARTBEAT, 0, NO_BYTES)).toBe(true)
    expect(closed).toEqual([])
  })

  it('at a reply without a request, a faulty request, and a record after the close', () => {
    isReplyOpen = false
    requestFault = 'a fault'
    const after = (): boolean => {
      handshake.peerClose()
      return receiver.record(RecordKind.MESSAGE, 0, NO_BYTES)
    }
    for (const record of [
      () => receiver.record(RecordKind.REPLY, 1, NO_BYTES),
      () => receiver.record(RecordKind.REQUEST, 1, NO_BYTES),
      after,
    ]) {
      handshake = new CloseHandshake()
      receiver = newReceiver()
      expect(record()).toBe(false)
    }
    expect(closed).toEqual([corrupt, corrupt, corrupt])
  })
})

describe('the end', () => {
  const order = ['fail outgoing', 'fail calls', 'fail sender', 'fail incoming']

  it('fails everything pending, ends the delivery, and then emits the events', () => {
    receiver.close(gone)
    expect(calls).toEqual([
      'end batch',
      ...order.map((call) => `${call} the peer is gone`),
      'end delivery',
      'error event the peer is gone',
      'close event the peer is gone',
    ])
    expect(closed).toEqual([gone])
  })

  it('happens once, in order without an error event', () => {
    receiver.close()
    receiver.close(gone)
    expect(calls.filter((call) => call.includes('event'))).toEqual(['close event'])
    expect(closed).toEqual([undefined])
  })

  it('destroys the link before the listeners of the last batch run, at a bad message or note', () => {
    for (const [kind, text] of [
      [RecordKind.MESSAGE, 'bad'],
      [RecordKind.CODEC, ''],
    ] as const) {
      handshake = new CloseHandshake()
      calls = []
      receiver = newReceiver()
      receiver.record(kind, 0, Buffer.from(text))
      expect(calls.indexOf('destroy link')).toBe(0)
      expect(calls).toContain('end delivery')
    }
    expect(closed).toMatchObject([{ code: ErrorCode.CODEC }, { code: ErrorCode.CODEC }])
  })

  it('ends the last batch before requests fail, whose listeners may discard messages', () => {
    receiver.record(RecordKind.MESSAGE, 0, Buffer.from('good'))
    receiver.record(RecordKind.MESSAGE, 0, Buffer.from('bad'))
    const expected = ['deliver good', 'end batch', 'fail outgoing bad message', 'fail incoming bad message']
    expect(calls.filter((call) => expected.includes(call))).toEqual(expected)
  })

  it('drops the messages after destroy, and rejects calls of close with CLOSED', () => {
    const outcomes: unknown[] = []
    handshake.localClose((error) => outcomes.push(error))
    receiver.destroy(undefined)
    receiver.destroy(undefined)
    expect(calls.slice(0, 2)).toEqual(['discard', 'destroy link'])
    expect(closed).toEqual([undefined])
    expect(outcomes).toMatchObject([{ code: ErrorCode.CLOSED, message: 'the channel was destroyed' }])
  })
})
