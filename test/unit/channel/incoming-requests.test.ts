import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Channel } from '../../../src/channel/channel.js'
import { HANDLERS_RUNNING_MAX, IncomingRequests } from '../../../src/channel/incoming-requests.js'
import { REQUESTS_OPEN_MAX } from '../../../src/channel/outgoing-requests.js'
import { codecFor } from '../../../src/codec/codecs.js'
import { ErrorCode } from '../../../src/errors.js'
import type { Link } from '../../../src/link/link.js'
import { createInProcessLinks } from '../../../src/testing/in-process-link.js'
import { RecordKind } from '../../../src/wire/record-kind.js'
import { eventually, turns } from '../../support/turns.js'

const NO_BYTES = new Uint8Array(0)

interface Answer {
  readonly kind: number
  readonly code: string | undefined
}

/** A peer that writes arbitrary records, and the channel that answers it. */
let peer: Link
let channel: Channel
let answers: Map<number, Answer[]>
let handled: { readonly signal: AbortSignal; end(): void }[]

beforeEach(() => {
  const [left, right] = createInProcessLinks(1024 * 1024)
  peer = left
  answers = new Map()
  handled = []
  peer.start({
    record: (kind, id, payload) => {
      const code =
        kind === RecordKind.ERROR ? (JSON.parse(payload.toString()) as { code: string }).code : undefined
      answers.set(id, [...(answers.get(id) ?? []), { kind, code }])
      return true
    },
    drain: () => {},
    close: () => {},
  })
  channel = new Channel({
    link: right,
    codec: codecFor('bytes'),
    maxMessageBytes: 1024,
    maxDecodedBytes: 1 << 20,
  })
  channel.handle(
    (_message, { signal }) =>
      new Promise((resolve) => handled.push({ signal, end: () => resolve(NO_BYTES) })),
  )
})
afterEach(() => channel.destroy())

function write(kind: number, id: number): void {
  if (peer.write(kind, id, NO_BYTES, 0) !== 0) throw new Error('the link is full')
}

const answersOf = (id: number): Answer[] => answers.get(id) ?? []
const ABORTED: Answer = { kind: RecordKind.ERROR, code: ErrorCode.ABORTED }
const BACKLOG: Answer = { kind: RecordKind.ERROR, code: ErrorCode.BACKLOG }
const REPLY: Answer = { kind: RecordKind.REPLY, code: undefined }

describe('a cancelled request', () => {
  it('is answered at once, its signal fires, and the result of its handler is dropped', async () => {
    write(RecordKind.REQUEST, 1)
    write(RecordKind.CANCEL, 1)
    await eventually(() => answersOf(1).length > 0)
    expect([channel.stats().requestsRunning, handled[0]?.signal.aborted]).toEqual([0, true])
    handled[0]?.end()
    await turns(5)
    expect(answersOf(1)).toEqual([ABORTED])
  })

  it('is answered only by its handler when the reply precedes the cancellation', async () => {
    write(RecordKind.REQUEST, 1)
    await eventually(() => handled.length === 1)
    handled[0]?.end()
    await eventually(() => answersOf(1).length > 0)
    write(RecordKind.CANCEL, 1)
    write(RecordKind.CANCEL, 1)
    await turns(5)
    expect([answersOf(1), channel.open]).toEqual([[REPLY], true])
  })

  it('releases its id: a later request with that id has its own answer', async () => {
    write(RecordKind.REQUEST, 1)
    write(RecordKind.CANCEL, 1)
    await eventually(() => answersOf(1).length === 1)
    write(RecordKind.REQUEST, 1)
    await eventually(() => handled.length === 2)
    handled[0]?.end()
    await turns(5)
    expect(answersOf(1)).toEqual([ABORTED])
    handled[1]?.end()
    await eventually(() => answersOf(1).length === 2)
    expect(answersOf(1)).toEqual([ABORTED, REPLY])
  })
})

describe('handlers that outlive their requests', () => {
  async function cancelMany(from: number, to: number): Promise<void> {
    for (let id = from; id < to; id += 1) {
      write(RecordKind.REQUEST, id)
      write(RecordKind.CANCEL, id)
      if (id % 1_000 === 0) await eventually(() => answers.size > id - 1_000)
    }
    await eventually(() => answers.size === to - 1)
  }

  it('are bounded: a request beyond the bound is refused, and the channel continues', async () => {
    await cancelMany(1, 3 * REQUESTS_OPEN_MAX)
    expect([handled.length, channel.open]).toEqual([HANDLERS_RUNNING_MAX, true])
    const all = [...answers].toSorted(([left], [right]) => left - right)
    expect(all.every(([, { length }]) => length === 1)).toBe(true)
    const codes = all.map(([, [answer]]) => answer?.code)
    expect(new Set(codes.slice(0, HANDLERS_RUNNING_MAX))).toEqual(new Set([ErrorCode.ABORTED]))
    expect(new Set(codes.slice(HANDLERS_RUNNING_MAX))).toEqual(new Set([ErrorCode.BACKLOG]))
  })

  it('make room for others when they end', async () => {
    await cancelMany(1, HANDLERS_RUNNING_MAX + 1)
    const last = HANDLERS_RUNNING_MAX + 1
    write(RecordKind.REQUEST, last)
    await eventually(() => answersOf(last).length === 1)
    handled[7]?.end()
    await turns(2)
    write(RecordKind.REQUEST, last + 1)
    await eventually(() => handled.length === HANDLERS_RUNNING_MAX + 1)
    handled.at(-1)?.end()
    await eventually(() => answersOf(last + 1).length === 1)
    expect([answersOf(last), answersOf(last + 1)]).toEqual([[BACKLOG], [REPLY]])
  })

  it.each([
    ['returns', () => NO_BYTES],
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['is missing', undefined],
  ])('do not count a handler that %s', async (_what, handler) => {
    channel.handle(handler)
    for (let id = 1; id <= 2 * HANDLERS_RUNNING_MAX; id += 1) {
      write(RecordKind.REQUEST, id)
      if (id % 1_000 === 0) await eventually(() => answers.size === id)
    }
    await eventually(() => answers.size === 2 * HANDLERS_RUNNING_MAX)
    expect([...answers.values()].some(([answer]) => answer?.code === ErrorCode.BACKLOG)).toBe(false)
  })
})

describe('incoming requests', () => {
  const PAYLOAD = Buffer.from('question')
  let sent: { kind: number; id: number; text: string; settle: (() => void) | undefined }[]
  let closeChecks: number
  let requests: IncomingRequests<string>

  beforeEach(() => {
    sent = []
    closeChecks = 0
    const sender = {
      maxMessageBytes: 1000,
      push: (kind: number, id: number, payload: Uint8Array, settle?: () => void) => {
        sent.push({ kind, id, text: Buffer.from(payload).toString(), settle })
        return undefined
      },
      closeIfIdle: () => {
        closeChecks += 1
      },
    }
    const codec = {
      encode: (message: unknown) => Buffer.from(String(message)),
      decode: (payload: Buffer) => payload.toString(),
    }
    requests = new IncomingRequests('the channel', sender, codec, codec)
  })

  it('call the handler with the message and the channel, and send its reply', () => {
    requests.handler = (message, { channel: own }) => `${message} through ${own}`
    expect(requests.begin(7, PAYLOAD, false)).toBeUndefined()
    expect(sent).toMatchObject([{ kind: RecordKind.REPLY, id: 7, text: 'question through the channel' }])
  })

  it('stay open until the link has the answer', () => {
    requests.handler = () => 'reply'
    requests.begin(7, PAYLOAD, false)
    expect([requests.runningCount, requests.idle, closeChecks]).toEqual([1, false, 0])
    sent[0]?.settle?.()
    expect([requests.runningCount, requests.idle, closeChecks]).toEqual([0, true, 1])
  })

  it('are faults of the peer if they have no id, or the id of an open request', () => {
    requests.handler = () => new Promise(() => {})
    expect(requests.begin(0, PAYLOAD, false)).toBe('a request without an id')
    requests.begin(1, PAYLOAD, false)
    expect(requests.begin(1, PAYLOAD, false)).toBe('request 1 twice')
  })

  it('are refused while the channel closes', () => {
    requests.handler = () => 'reply'
    requests.begin(1, PAYLOAD, true)
    expect(sent).toMatchObject([{ kind: RecordKind.ERROR, id: 1, text: '{"closing":true}' }])
  })

  it('abort their signals with the error when the channel ends, and are idle', () => {
    const signals: AbortSignal[] = []
    requests.handler = (_message, { signal }) => {
      signals.push(signal)
      return new Promise(() => {})
    }
    requests.begin(1, PAYLOAD, false)
    const error = new Error('gone')
    requests.fail(error)
    expect([signals[0]?.reason, requests.idle, sent]).toEqual([error, true, []])
  })
})
