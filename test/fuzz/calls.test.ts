import fc from 'fast-check'
import { expect } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import type { CallContext } from '../../src/service/call/call-context.js'
import { serve } from '../../src/service/serve.js'
import {
  type AnswerRecord,
  CallFlag,
  Encoding,
  encodeAnswer,
  encodeCall,
  encodeCredit,
  encodeFailure,
  encodeMore,
  parseAnswer,
  parseCall,
  parseMore,
} from '../../src/wire/call-records.js'
import { RecordKind } from '../../src/wire/record-kind.js'
import { fuzz } from '../support/fuzz.js'
import { type RawCalls, rawCalls } from '../support/raw-calls.js'
import { all, type TestClient, testClient, testContract } from '../support/services.js'
import { eventually, turn } from '../support/turns.js'

const METHODS = ['echo', 'hang', 'count', 'take', 'both', 'fail', '$info', 'missing'] as const
const RECORD_BYTES_MAX = 1 << 20

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const json = fc
  .oneof(fc.jsonValue({ maxDepth: 1 }), fc.nat(100))
  .map((value) => Buffer.from(JSON.stringify(value)))
const message = fc.record({
  encoding: fc.oneof({ arbitrary: fc.constant(Encoding.CODEC), weight: 8 }, fc.constantFrom(0, 2, 3)),
  bytes: fc.oneof({ arbitrary: json, weight: 8 }, bytes(20)),
})
const metadata = fc.oneof(
  fc.constantFrom(Buffer.from('\x01a\x01\x00b', 'latin1'), Buffer.alloc(0)),
  bytes(12),
)

/** Payloads of each kind: correct ones, almost correct ones and noise. */
const call = fc
  .tuple(
    fc.constantFrom(...METHODS),
    optional(fc.oneof(fc.constantFrom(0, 5, 1e9), fc.double())),
    optional(metadata),
    optional(message),
    fc.constantFrom(0, CallFlag.END, CallFlag.BINARY, CallFlag.END | CallFlag.BINARY),
  )
  .map(([method, timeoutMs, headers, sent, flags]) =>
    Buffer.from(encodeCall(Buffer.from(`s/${method}`), timeoutMs, headers, sent, flags)),
  )
const more = fc.tuple(optional(message), fc.boolean()).map((parts) => Buffer.from(encodeMore(...parts)))
/** The counts and lengths are right, or nearly. */
const batch = fc
  .tuple(
    fc.array(message, { maxLength: 70 }),
    fc.constantFrom(0, 0, 0, 0, 1, -1),
    fc.constantFrom(0, 0, 0, 0, 1),
  )
  .map(([messages, miscount, longer]) => {
    const parts = messages.map(({ encoding, bytes: content }) => {
      const head = Buffer.alloc(5)
      head.writeUInt32LE(content.length + longer)
      head[4] = encoding
      return Buffer.concat([head, content])
    })
    const count = Math.max(0, messages.length + miscount)
    return Buffer.concat([Buffer.of(count & 0xff, count >> 8), ...parts])
  })
const credit = fc.tuple(fc.nat(70), fc.nat(300)).map((parts) => encodeCredit(...parts))
const answer = fc.oneof(
  fc
    .tuple(
      optional(message),
      fc.boolean(),
      fc.record({ headers: optional(metadata), trailers: optional(metadata), eventId: optional(bytes(5)) }),
    )
    .map((parts) => Buffer.from(encodeAnswer(...parts))),
  fc
    .tuple(fc.nat(3), fc.oneof(json, bytes(40)))
    .map(([form, error]) => Buffer.from(encodeFailure(form, error, RECORD_BYTES_MAX))),
)
const payloadOf: Readonly<Record<number, fc.Arbitrary<Buffer>>> = {
  [RecordKind.CALL]: call,
  [RecordKind.CALL_MORE]: more,
  [RecordKind.CALL_CANCEL]: fc.constant(Buffer.alloc(0)),
  [RecordKind.CALL_CREDIT]: credit,
  [RecordKind.ANSWER]: answer,
  [RecordKind.ANSWER_CREDIT]: credit,
  [RecordKind.CALL_BATCH]: batch,
  [RecordKind.ANSWER_BATCH]: batch,
}
const kinds = fc.oneof(
  { arbitrary: fc.constantFrom(...Object.keys(payloadOf).map(Number)), weight: 40 },
  fc.integer({ min: 16, max: 31 }),
)

interface Step {
  readonly what: 'record' | 'turn' | 'call' | 'abort'
  readonly kind: number
  readonly id: number
  readonly payload: Buffer
}

const record: fc.Arbitrary<Step> = kinds.chain((kind) =>
  fc.record({
    what: fc.constant('record' as const),
    kind: fc.constant(kind),
    id: fc.oneof({ arbitrary: fc.integer({ min: 1, max: 4 }), weight: 20 }, fc.nat()),
    payload: fc.oneof({ arbitrary: payloadOf[kind] ?? bytes(20), weight: 20 }, bytes(30)),
  }),
)
const own: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('turn' as const, 'call' as const, 'abort' as const),
  kind: fc.constant(0),
  id: fc.nat(5),
  payload: fc.constant(Buffer.alloc(0)),
})
const steps = fc.array(fc.oneof({ arbitrary: record, weight: 3 }, own), { maxLength: 40 })

const CONTRACT = testContract(
  { echo: 'unary', count: 'serverStream', take: 'clientStream', both: 'bidi' },
  's',
)

const aborted = ({ signal }: CallContext): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve())
  })

/** These end at the latest when their signals fire. */
const handlers = {
  echo: (value: unknown) => value,
  hang: (_request: unknown, context: CallContext) => aborted(context),
  async *count(to: number) {
    for (let number = 0; number < to; number += 1) yield number
  },
  take: async (messages: AsyncIterable<unknown>, context: CallContext) => {
    const end = aborted(context)
    if (typeof messages === 'object' && messages !== null && Symbol.asyncIterator in messages)
      await all(messages)
    else await end
  },
  async *both(messages: AsyncIterable<unknown>) {
    for await (const one of messages) yield one
  },
  fail: () => {
    throw new Error('no')
  },
}

/** Makes a call of each kind. Resolves when it has an outcome. */
async function callOnce(
  calls: TestClient<'echo' | 'count' | 'take' | 'both'>,
  kind: number,
  signal: AbortSignal,
) {
  async function* input(): AsyncGenerator<number> {
    for (let number = 0; number < 200; number += 1) yield number
  }
  try {
    if (kind === 0) await calls.echo(1, { signal })
    else if (kind === 1) await all(calls.count(1, { signal }))
    else if (kind === 2) await calls.take(input(), { signal })
    else if (kind === 3) await all(calls.both(input(), { signal }))
    else for await (const _message of calls.count(1, { signal })) break
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

function checkAnswers({ sent }: RawCalls, written: readonly Step[]): void {
  const ends = new Map<number, number>()
  for (const { kind, id, payload } of sent) {
    expect(payload.length).toBeLessThanOrEqual(RECORD_BYTES_MAX)
    if (kind !== RecordKind.ANSWER) continue
    const parsed = parseAnswer(payload) as AnswerRecord
    expect(parsed).toBeTypeOf('object')
    if (parsed.isLast) ends.set(id, (ends.get(id) ?? 0) + 1)
  }
  for (const [id, count] of ends) {
    const begun = written.filter((step) => step.kind === RecordKind.CALL && step.id === id)
    expect(count).toBeLessThanOrEqual(begun.length)
  }
}

async function attack(script: readonly Step[]): Promise<void> {
  const raw = rawCalls()
  const service = await serve(raw.channel, handlers, { name: 's' })
  const calls = await testClient<'echo' | 'count' | 'take' | 'both'>(raw.channel, {
    contract: CONTRACT,
    retries: 0,
  })
  const controller = new AbortController()
  const outcomes: Promise<unknown>[] = []
  for (const step of script) {
    if (step.what === 'record') raw.write(step.kind, step.id, step.payload)
    else if (step.what === 'call') outcomes.push(callOnce(calls, step.id, controller.signal))
    else if (step.what === 'abort') controller.abort()
    else await turn()
  }
  for (let count = 0; count < 4; count += 1) await turn()
  if (!raw.channel.open) expect((raw.error() as { code: string }).code).toBe(ErrorCode.CORRUPT)
  checkAnswers(raw, script)
  raw.channel.destroy()
  const codes = new Set(await Promise.all(outcomes))
  for (const code of codes) if (code !== undefined) expect(Object.values(ErrorCode)).toContain(code)
  await eventually(() => Object.values(service.stats()).every(({ running }) => running === 0))
}

fuzz('calls', {
  'parses a record only if it is exactly what would be encoded for its parts': fc.property(
    fc.oneof(call, more, answer, bytes(60)),
    fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }),
    fc.nat(60),
    (base, changes, cut) => {
      const payload = Buffer.from(base.subarray(0, Math.max(0, base.length - (cut > 30 ? cut - 30 : 0))))
      for (const [at, value] of changes) if (at < payload.length) payload[at] = value
      const asCall = parseCall(payload)
      if (typeof asCall === 'object') {
        const sent = asCall.hasMessage ? asCall : undefined
        const { method, timeoutMs, metadata: headers, isLast, isBinary } = asCall
        const flags = (isLast ? CallFlag.END : 0) | (isBinary ? CallFlag.BINARY : 0)
        const again = encodeCall(Buffer.from(method, 'latin1'), timeoutMs, headers, sent, flags)
        expect(again.equals(payload)).toBe(true)
      }
      const asMore = parseMore(payload)
      if (typeof asMore === 'object')
        expect(encodeMore(asMore.hasMessage ? asMore : undefined, asMore.isLast).equals(payload)).toBe(true)
      const asAnswer = parseAnswer(payload)
      if (typeof asAnswer === 'string' || asAnswer.eventId?.includes('\ufffd') === true) return
      const { headers, trailers, failed, hasMessage, isLast } = asAnswer
      const eventId = asAnswer.eventId === undefined ? undefined : Buffer.from(asAnswer.eventId)
      if (!failed)
        expect(
          encodeAnswer(hasMessage ? asAnswer : undefined, isLast, { headers, trailers, eventId }).equals(
            payload,
          ),
        ).toBe(true)
      else if (headers === undefined && eventId === undefined)
        expect(
          encodeFailure(asAnswer.encoding, asAnswer.bytes, RECORD_BYTES_MAX, trailers).equals(payload),
        ).toBe(true)
    },
  ),
  'ends calls of both sides in order, whatever the peer sends': fc.asyncProperty(steps, attack),
})
