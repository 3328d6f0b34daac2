import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import { CloseHandshake } from '../../../src/channel/close-handshake.js'
import { Sender } from '../../../src/channel/sender.js'
import type { Codec } from '../../../src/codec/codec.js'
import { codecFor } from '../../../src/codec/codecs.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import type { Link } from '../../../src/link/link.js'
import { RecordKind } from '../../../src/wire/record-kind.js'

/** A link that has room or not, and keeps its records. */
class FakeLink {
  hasRoom = true
  readonly got: string[] = []
  ends = 0
  resumes = 0

  write(kind: number, id: number, payload: Uint8Array): number {
    if (!this.hasRoom) return -1
    this.got.push(`${kind}/${id} ${Buffer.from(payload).toString()}`.trim())
    return payload.length
  }

  end(): void {
    this.ends += 1
  }

  resume(): void {
    this.resumes += 1
  }
}

const CLOSE = `${RecordKind.CLOSE}/0`
const ignore = (): void => {}

let link: FakeLink
let handshake: CloseHandshake
let drains: number
let sender: Sender

function newSender(codec: Codec = codecFor('bytes')): Sender {
  const emitter = new EventEmitter()
  emitter.on('drain', () => (drains += 1))
  const options = { codec, maxMessageBytes: 100, maxDecodedBytes: 1 << 20 }
  return new Sender(emitter, link as unknown as Link, handshake, options)
}

beforeEach(() => {
  link = new FakeLink()
  handshake = new CloseHandshake()
  drains = 0
  sender = newSender()
})

const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

describe('messages', () => {
  it('are counted when the link accepts them, requests and replies too', () => {
    sender.trySend(Buffer.from('one'))
    sender.push(RecordKind.REQUEST, 1, Buffer.from('two'))
    sender.push(RecordKind.CANCEL, 1, Buffer.from(''))
    link.hasRoom = false
    sender.send(Buffer.from('waits'), ignore)
    expect(sender.counters).toEqual({ messagesSent: 2, bytesSent: 6 })
    link.hasRoom = true
    sender.drain()
    expect(sender.counters).toEqual({ messagesSent: 3, bytesSent: 11 })
  })

  it('emit drain once when there is room again after trySend has failed', () => {
    link.hasRoom = false
    expect(sender.trySend(Buffer.from('x'))).toBe(false)
    sender.drain()
    link.hasRoom = true
    sender.drain()
    sender.drain()
    expect([drains, link.got]).toEqual([1, []])
  })

  it('are refused once the channel has ended', () => {
    handshake.finish(new ShmwireError(ErrorCode.PEER_GONE, 'gone'))
    for (const call of [() => sender.trySend(Buffer.from('x')), () => sender.send(Buffer.from('x'), ignore)])
      expect(call).toThrow(expect.objectContaining({ code: ErrorCode.PEER_GONE }) as Error)
    expect(link.got).toEqual([])
  })

  it('follow the note that their codec sends while it encodes them', () => {
    const codec: Codec = {
      name: 'noting',
      encode: () => Buffer.alloc(0),
      decode: () => undefined,
      perChannel: (tell) => ({
        name: 'noting',
        encode: (value) => (tell(Buffer.from('note')) ? Buffer.from(value as string) : Buffer.from('none')),
        decode: () => undefined,
      }),
    }
    sender = newSender(codec)
    sender.trySend('message')
    expect(link.got).toEqual([`${RecordKind.CODEC}/0 note`, `${RecordKind.MESSAGE}/0 message`])
  })
})

describe('a claim', () => {
  it('delays later records until it is committed, and precedes them', () => {
    const claim = sender.claim(5)
    sender.push(RecordKind.REQUEST, 1, Buffer.from('later'))
    expect([sender.hasClaim, link.got]).toEqual([true, []])
    claim?.bytes.set(Buffer.from('claim'))
    claim?.commit()
    expect(link.got).toEqual([`${RecordKind.MESSAGE}/0 claim`, `${RecordKind.REQUEST}/1 later`])
  })

  it('releases the records behind it when it is aborted, and emits drain later', async () => {
    const claim = sender.claim(5)
    expect(sender.trySend(Buffer.from('no room'))).toBe(false)
    sender.send(Buffer.from('later'), ignore)
    claim?.abort()
    expect([link.got, drains]).toEqual([[`${RecordKind.MESSAGE}/0 later`], 0])
    await tick()
    expect(drains).toBe(1)
  })

  it('cannot be committed after the peer has closed', () => {
    const claim = sender.claim(5)
    handshake.peerClose()
    sender.peerClosed(new Error('closed'))
    expect(() => claim?.commit()).toThrow(expect.objectContaining({ code: ErrorCode.CLOSED }) as Error)
    expect([sender.hasClaim, link.got]).toEqual([false, [CLOSE]])
  })
})

describe('the close of this side', () => {
  it('is sent after the open work, and lets the link read on', () => {
    const work = { idle: false }
    sender.closeAfter({ idle: true }, work)
    sender.close(ignore)
    expect([link.got, link.resumes]).toEqual([[], 1])
    work.idle = true
    sender.closeIfIdle()
    sender.closeIfIdle()
    expect([link.got, link.ends]).toEqual([[CLOSE], 0])
  })

  it('is sent without the open work when the peer has closed, and ends the link', () => {
    sender.closeAfter({ idle: false })
    handshake.peerClose()
    sender.peerClosed(new Error('closed'))
    expect([link.got, link.ends]).toEqual([[CLOSE], 1])
  })

  it('ends the link only after there was room for it', () => {
    handshake.peerClose()
    link.hasRoom = false
    sender.peerClosed(new Error('closed'))
    expect(link.ends).toBe(0)
    link.hasRoom = true
    sender.drain()
    expect([link.got, link.ends]).toEqual([[CLOSE], 1])
  })

  it('is the last record: a cancellation behind it is not sent', () => {
    sender.close(ignore)
    sender.cancel(1)
    expect(link.got).toEqual([CLOSE])
  })
})

describe('waiting records', () => {
  it('fail when the peer closes, and when the channel ends', () => {
    for (const end of [(error: Error) => sender.peerClosed(error), (error: Error) => sender.fail(error)]) {
      link.hasRoom = false
      const outcomes: (string | undefined)[] = []
      sender.send(Buffer.from('waits'), (error) => outcomes.push(error?.message))
      end(new Error('no more'))
      expect([outcomes, sender.waitingCount]).toEqual([['no more'], 0])
    }
  })
})
