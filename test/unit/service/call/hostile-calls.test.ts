import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { WINDOW_BYTES, WINDOW_MESSAGES } from '../../../../src/service/call/send-window.js'
import { type RunningService, serve } from '../../../../src/service/serve.js'
import {
  CALLS_OPEN_MAX,
  CallFlag,
  Encoding,
  encodeAnswer,
  encodeCall,
  encodeCredit,
  encodeMore,
} from '../../../../src/wire/call-records.js'
import { RecordKind } from '../../../../src/wire/record-kind.js'
import { callOf } from '../../../support/call-bytes.js'
import { type RawCalls, rawCalls } from '../../../support/raw-calls.js'
import {
  all,
  failure,
  numbers,
  type TestClient,
  testClient,
  testContract,
} from '../../../support/services.js'
import { eventually, turns } from '../../../support/turns.js'

let opened: RawCalls[] = []
afterEach(() => {
  for (const { channel } of opened) channel.destroy()
  opened = []
})

function raw(...options: Parameters<typeof rawCalls>): RawCalls {
  const calls = rawCalls(...options)
  opened.push(calls)
  return calls
}

const CONTRACT = testContract(
  { echo: 'unary', hang: 'unary', take: 'clientStream', count: 'serverStream' },
  's',
)

/** A service that a raw peer calls. */
async function served(): Promise<
  RawCalls & { readonly service: RunningService; readonly contexts: CallContext[] }
> {
  const calls = raw()
  const contexts: CallContext[] = []
  const service = await serve(
    calls.channel,
    {
      echo: (message: unknown) => message,
      hang: (_request: unknown, context: CallContext) => {
        contexts.push(context)
        return new Promise(() => {})
      },
      take: (_messages: unknown, context: CallContext) => {
        contexts.push(context)
        return new Promise(() => {})
      },
      async *count(to: number) {
        yield* numbers(to)
      },
    },
    { contract: CONTRACT },
  )
  return { ...calls, service, contexts }
}

function call(method: string, message?: unknown, isLast = true): Buffer {
  const flags = isLast ? CallFlag.END : 0
  const bytes = message === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(message))
  const encoding = message === undefined ? Encoding.NOTHING : Encoding.CODEC
  return Buffer.from(encodeCall(Buffer.from(`s/${method}`), undefined, undefined, { encoding, bytes }, flags))
}

const { BINARY, END, MESSAGE } = CallFlag

function more(message: unknown, isLast = false): Buffer {
  return Buffer.from(
    encodeMore({ encoding: Encoding.CODEC, bytes: Buffer.from(JSON.stringify(message)) }, isLast),
  )
}

function answerWith(message: unknown, isLast: boolean, parts?: Parameters<typeof encodeAnswer>[2]): Buffer {
  return Buffer.from(
    encodeAnswer({ encoding: Encoding.CODEC, bytes: Buffer.from(JSON.stringify(message)) }, isLast, parts),
  )
}

async function expectCorrupt(calls: RawCalls, text: string): Promise<void> {
  await eventually(() => !calls.channel.open)
  expect(calls.error()).toMatchObject({
    code: ErrorCode.CORRUPT,
    message: expect.stringContaining(text) as string,
  })
}

describe('a service ends the channel of a caller that', () => {
  const wrongs: readonly [what: string, fault: string, act: (calls: RawCalls) => void][] = [
    [
      'has a call without an id',
      'a call without an id',
      ({ write }) => write(RecordKind.CALL, 0, call('echo', 1)),
    ],
    [
      'uses the id of an open call',
      'call 1 twice',
      ({ write }) => {
        write(RecordKind.CALL, 1, call('hang'))
        write(RecordKind.CALL, 1, call('hang'))
      },
    ],
    ['sends a malformed call', 'a malformed call', ({ write }) => write(RecordKind.CALL, 1)],
    [
      'sends malformed metadata',
      'a call with malformed metadata',
      ({ write }) =>
        write(
          RecordKind.CALL,
          1,
          encodeCall(Buffer.from('s/echo'), undefined, Buffer.of(5), undefined, CallFlag.END),
        ),
    ],
    [
      'sends a malformed message',
      'a malformed message of a call',
      ({ write }) => {
        write(RecordKind.CALL, 1, call('take', undefined, false))
        write(RecordKind.CALL_MORE, 1)
      },
    ],
    [
      'sends a message in another encoding than it states',
      'another encoding',
      ({ write }) => {
        const message = Buffer.from([Encoding.CODEC, 49])
        write(RecordKind.CALL, 1, callOf({ method: 's/echo', message, flags: BINARY | END | MESSAGE }))
      },
    ],
    [
      // The form of binary messages is checked when they are decoded, and that of the others afterwards.
      'adds messages in another encoding to a call',
      'another encoding',
      ({ write }) => {
        write(RecordKind.CALL, 1, callOf({ method: 's/take', flags: BINARY }))
        write(RecordKind.CALL_MORE, 1, more(1))
      },
    ],
    [
      'sends a message after its last one',
      'a message of call 1 after its last one',
      ({ write }) => {
        write(RecordKind.CALL, 1, call('take', 1, false))
        write(RecordKind.CALL_MORE, 1, more(2, true))
        write(RecordKind.CALL_MORE, 1, more(3))
      },
    ],
    [
      'sends a message with a call of one message',
      'a message of call 1 after its last one',
      ({ write }) => {
        write(RecordKind.CALL, 1, call('hang'))
        write(RecordKind.CALL_MORE, 1, more(2))
      },
    ],
    [
      'ignores the window of messages',
      'more messages of call 1 than its window',
      ({ write }) => {
        write(RecordKind.CALL, 1, call('take', 0, false))
        for (let count = 0; count <= WINDOW_MESSAGES; count += 1) write(RecordKind.CALL_MORE, 1, more(count))
      },
    ],
    [
      'ignores the window of bytes',
      'more messages of call 1 than its window',
      ({ write }) => {
        write(RecordKind.CALL, 1, call('take', 'x'.repeat(WINDOW_BYTES), false))
        write(RecordKind.CALL_MORE, 1, more(1))
      },
    ],
    ['grants a malformed credit', 'a malformed credit', ({ write }) => write(RecordKind.CALL_CREDIT, 1)],
    [
      'grants credit for messages that were not sent',
      'credit for messages that call 1 did not send',
      ({ write }) => {
        write(RecordKind.CALL, 1, call('hang'))
        write(RecordKind.CALL_CREDIT, 1, encodeCredit(1, 1))
      },
    ],
    [
      'cancels with a payload',
      'a cancellation with a payload',
      ({ write }) => write(RecordKind.CALL_CANCEL, 1, Buffer.of(1)),
    ],
    [
      'answers a call that was not made',
      'an answer to a call that is not open',
      ({ write }) => write(RecordKind.ANSWER, 1, answerWith(1, true)),
    ],
    [
      'grants credit for a call that was not made',
      'a malformed credit',
      ({ write }) => write(RecordKind.ANSWER_CREDIT, 1, encodeCredit(0, 0)),
    ],
    ['sends an unknown record of calls', 'a record of unknown kind 24', ({ write }) => write(24, 1)],
    ['sends the last unknown record of calls', 'a record of unknown kind 31', ({ write }) => write(31, 1)],
  ]

  it.each(wrongs)('%s', async (_what, fault, act) => {
    const calls = await served()
    act(calls)
    await expectCorrupt(calls, fault)
    expect(calls.contexts.every(({ signal }) => signal.aborted)).toBe(true)
  })

  it('has more open calls than a side may have', async () => {
    const calls = await served()
    for (let id = 1; id <= CALLS_OPEN_MAX + 1; id += 1) calls.write(RecordKind.CALL, id, call('hang'))
    await expectCorrupt(calls, `more than ${CALLS_OPEN_MAX} open calls`)
    expect(calls.contexts).toHaveLength(CALLS_OPEN_MAX)
  })
})

describe('a service', () => {
  it('ignores records of calls that have ended, which the caller may not know yet', async () => {
    const calls = await served()
    calls.write(RecordKind.CALL, 1, call('echo', 5))
    calls.write(RecordKind.CALL_MORE, 1, more(1))
    calls.write(RecordKind.CALL_CANCEL, 1)
    calls.write(RecordKind.CALL_CREDIT, 1, encodeCredit(1, 1))
    calls.write(RecordKind.CALL, 2, call('missing', 1, false))
    calls.write(RecordKind.CALL_MORE, 2, more(1))
    calls.write(RecordKind.CALL_CANCEL, 77)
    await eventually(() => calls.answers(1).length === 1 && calls.answers(2).length === 1)
    await turns(3)
    expect(calls.answers(1)).toMatchObject([{ bytes: Buffer.from('5'), isLast: true, failed: false }])
    expect(calls.answers(2)).toMatchObject([{ failed: true }])
    expect(calls.channel.open).toBe(true)
  })

  it('answers a cancelled call at once and only once, and its id can be used again', async () => {
    const calls = await served()
    calls.write(RecordKind.CALL, 1, call('hang'))
    calls.write(RecordKind.CALL_CANCEL, 1)
    calls.write(RecordKind.CALL_CANCEL, 1)
    await eventually(() => calls.answers(1).length === 1)
    calls.write(RecordKind.CALL, 1, call('echo', 'again'))
    await eventually(() => calls.answers(1).length === 2)
    expect(calls.answers(1)).toMatchObject([{ failed: true }, { bytes: Buffer.from('"again"') }])
    expect(calls.contexts[0]?.signal.reason).toMatchObject({ code: ErrorCode.ABORTED })
  })

  it('stops at the window of a caller that grants no credit', async () => {
    const calls = await served()
    calls.write(RecordKind.CALL, 1, call('count', 1_000))
    await eventually(() => calls.answers(1).length === WINDOW_MESSAGES)
    await turns(5)
    expect(calls.answers(1)).toHaveLength(WINDOW_MESSAGES)
    calls.write(RecordKind.CALL_CREDIT, 1, encodeCredit(10, 10))
    await eventually(() => calls.answers(1).length === WINDOW_MESSAGES + 10)
    await turns(5)
    expect(calls.answers(1)).toHaveLength(WINDOW_MESSAGES + 10)
  })

  it('holds a limited number of answers for a caller that reads none', async () => {
    let reads = true
    const calls = raw('json', () => reads)
    reads = false
    await serve(calls.channel, { echo: () => 'x'.repeat(100_000) }, { name: 's' })
    let id = 0
    while (calls.channel.open && id < 3 * CALLS_OPEN_MAX) {
      id += 1
      if (calls.peer.write(RecordKind.CALL, id, call(id % 2 === 0 ? 'echo' : 'missing'), 0) < 0)
        await turns(1)
      if (id % 64 === 0) await turns(1)
    }
    await expectCorrupt(calls, `more than ${CALLS_OPEN_MAX} open calls`)
  })

  it('that does not exist holds a limited number of refusals', async () => {
    let reads = true
    const calls = raw('json', () => reads)
    reads = false
    const record = Buffer.concat([call('x'), Buffer.alloc(0)])
    // The link holds 16 MiB.
    for (let id = 1; id <= 400_000 && calls.channel.open; id += 1) {
      calls.peer.write(RecordKind.CALL, id, record, 0)
      if (id % 64 === 0) await turns(1)
    }
    await expectCorrupt(calls, `more than ${CALLS_OPEN_MAX} open calls`)
  })

  it('has at most the time that the caller states, from 0 to any number', async () => {
    const calls = await served()
    const times = [0, 5, 2 ** 31, 1e300]
    for (const [index, timeoutMs] of times.entries())
      calls.write(
        RecordKind.CALL,
        index + 1,
        encodeCall(
          Buffer.from('s/hang'),
          timeoutMs,
          undefined,
          { encoding: 0, bytes: Buffer.alloc(0) },
          CallFlag.END,
        ),
      )
    await eventually(() => calls.contexts.length === times.length)
    const signals = calls.contexts.map(({ signal }) => signal)
    await eventually(() => signals[0]?.aborted === true && signals[1]?.aborted === true)
    expect(signals[1]?.reason).toMatchObject({ code: ErrorCode.TIMEOUT })
    await turns(5)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false, false])
    expect(calls.answers(1)).toMatchObject([{ failed: true, isLast: true }])
  })
})

describe('a caller', () => {
  async function calling(): Promise<RawCalls & { readonly calls: TestClient<'echo' | 'count' | 'take'> }> {
    const one = raw()
    return {
      ...one,
      calls: await testClient<'echo' | 'count' | 'take'>(one.channel, { contract: CONTRACT }),
    }
  }

  const wrongs: readonly [what: string, fault: string, kind: number, payload: Buffer][] = [
    ['a malformed answer', 'a malformed answer', RecordKind.ANSWER, Buffer.alloc(0)],
    [
      'malformed headers',
      'malformed metadata',
      RecordKind.ANSWER,
      answerWith(1, true, { headers: Buffer.of(9) }),
    ],
    [
      'malformed trailers',
      'malformed metadata',
      RecordKind.ANSWER,
      answerWith(1, true, { trailers: Buffer.of(9) }),
    ],
    ['credit for a call of one message', 'credit for messages', RecordKind.ANSWER_CREDIT, encodeCredit(1, 1)],
    ['malformed credit', 'a malformed credit', RecordKind.ANSWER_CREDIT, Buffer.of(1)],
  ]

  it.each(wrongs)('ends the channel at %s, and the call fails', async (_what, fault, kind, payload) => {
    const one = await calling()
    const reply = failure(one.calls.echo(1))
    const stream = failure(all(one.calls.count(1)))
    await eventually(() => one.callIds('s/echo').length === 1)
    one.write(kind, one.callIds('s/echo')[0] as number, payload)
    await expectCorrupt(one, fault)
    for (const error of [await reply, await stream])
      expect(error).toMatchObject({ code: ErrorCode.CORRUPT, status: 'INTERNAL', executed: 'unknown' })
  })

  it('ends the channel of a service that ignores the window', async () => {
    const one = await calling()
    const stream = one.calls.count(1)
    await eventually(() => one.callIds('s/count').length === 1)
    const [id] = one.callIds('s/count')
    for (let count = 0; count <= WINDOW_MESSAGES; count += 1)
      one.write(RecordKind.ANSWER, id as number, answerWith(1, false))
    await expectCorrupt(one, 'more messages than the window')
    expect(await failure(all(stream))).toMatchObject({ code: ErrorCode.CORRUPT })
  })

  it('ignores answers to a call that it has cancelled, until the last one', async () => {
    const one = await calling()
    const controller = new AbortController()
    const reply = failure(one.calls.echo(1, { signal: controller.signal }))
    await eventually(() => one.callIds('s/echo').length === 1)
    controller.abort()
    expect(await reply).toMatchObject({ code: ErrorCode.ABORTED, executed: 'unknown' })
    await eventually(() => one.sent.some(({ kind }) => kind === RecordKind.CALL_CANCEL))
    const [id] = one.callIds('s/echo') as [number]
    one.write(RecordKind.ANSWER, id, answerWith(1, false))
    one.write(RecordKind.ANSWER_CREDIT, id, encodeCredit(5, 5))
    one.write(RecordKind.ANSWER, id, answerWith(1, true))
    await turns(5)
    expect(one.channel.open).toBe(true)
    one.write(RecordKind.ANSWER, id, answerWith(1, true))
    await expectCorrupt(one, 'an answer to a call that is not open')
  })

  it('gets INTERNAL for an answer in a form that it did not request', async () => {
    const one = await calling()
    const reply = failure(one.calls.echo(1))
    await eventually(() => one.callIds('s/echo').length === 1)
    const binary = encodeAnswer({ encoding: Encoding.BINARY, bytes: Buffer.of(1) }, true, undefined)
    one.write(RecordKind.ANSWER, one.callIds('s/echo')[0] as number, binary)
    expect(await reply).toMatchObject({ code: ErrorCode.CODEC, status: 'INTERNAL', executed: 'unknown' })
    expect(one.channel.open).toBe(true)
  })
})
