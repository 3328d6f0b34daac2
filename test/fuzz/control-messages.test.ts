import fc from 'fast-check'
import { expect } from 'vitest'
import { readHello, readOffer, readReject, readSocketReason } from '../../src/control/control-messages.js'
import { readDescribe, readDescription } from '../../src/control/description.js'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { stopMeasuring } from '../../src/observe/event-loop.js'
import { readSnapshot } from '../../src/observe/read-snapshot.js'
import { snapshot } from '../../src/observe/snapshot.js'
import { fuzz } from '../support/fuzz.js'
import { HELLO, OFFER } from '../support/raw-peer.js'

/** An error quotes values of the peer; it must not grow with them. */
const MESSAGE_CHARACTERS_MAX = 2_000

const OFFER_SOCKET = { ...OFFER, transport: 'socket', reason: 'so' }
const REJECT = { code: ErrorCode.DENIED, message: 'no' }
const SERVICES = [{ name: 'user.UserService', hash: 'abc' }, { name: 'plain' }]
const DESCRIPTION = { id: '0'.repeat(32), pid: 1, startedAtMs: 1, services: SERVICES }
const SNAPSHOT = snapshot()
stopMeasuring()
const MEMBERS = [
  ...new Set([HELLO, OFFER_SOCKET, REJECT, DESCRIPTION, SNAPSHOT].flatMap((message) => Object.keys(message))),
]
const NAMES = [...MEMBERS, '__proto__', 'constructor', 'toString', '']

/** Deeper than a parser that recurses can go. */
const nested = fc
  .tuple(fc.integer({ min: 1, max: 20_000 }), fc.constantFrom('[]', '{}'))
  .map(([depth, pair]) =>
    pair === '[]' ? '['.repeat(depth) + ']'.repeat(depth) : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
  )

/** JSON text, because no JavaScript object can hold duplicate keys or numbers out of range. */
const odd = fc.constantFrom(
  '1e999',
  '-0',
  '1.0',
  '65536.5',
  '4294967296',
  '"\\ud800"',
  'null',
  'true',
  '""',
  '[[]]',
  '{}',
  '[1,',
)
const value = fc.oneof(
  { arbitrary: fc.json({ maxDepth: 3 }), weight: 4 },
  { arbitrary: fc.integer().map(String), weight: 2 },
  { arbitrary: fc.string({ maxLength: 70, unit: 'binary' }).map((text) => JSON.stringify(text)), weight: 2 },
  { arbitrary: odd, weight: 2 },
  { arbitrary: fc.nat(1_100).map((length) => JSON.stringify('x'.repeat(length))), weight: 1 },
  { arbitrary: fc.nat(70).map((length) => JSON.stringify(Array(length).fill('f'))), weight: 1 },
  {
    arbitrary: fc
      .array(fc.record({ name: fc.anything(), hash: fc.anything() }, { requiredKeys: [] }), { maxLength: 3 })
      .map(textOf),
    weight: 1,
  },
  { arbitrary: fc.nat(140).map((length) => textOf(Array(length).fill(SERVICES[0]))), weight: 1 },
)

/** `anything` has values without JSON. */
function textOf(anything: unknown): string {
  try {
    return JSON.stringify(anything)
  } catch {
    return '[]'
  }
}

const member = fc
  .tuple(fc.constantFrom(...NAMES), value)
  .map(([name, text]) => `${JSON.stringify(name)}:${text}`)

/** A correct message, followed by members that replace its own. */
const changed = fc
  .tuple(
    fc.constantFrom<object>(HELLO, OFFER, OFFER_SOCKET, REJECT, DESCRIPTION, SNAPSHOT),
    fc.array(member, { maxLength: 3 }),
  )
  .map(([message, members]) => `${[JSON.stringify(message).slice(0, -1), ...members].join(',')}}`)

const payload = fc.oneof(
  { arbitrary: changed.map((text) => Buffer.from(text)), weight: 120 },
  { arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)), weight: 20 },
  { arbitrary: value.map((text) => Buffer.from(text)), weight: 20 },
  { arbitrary: nested.map((text) => Buffer.from(text)), weight: 1 },
)

/** Returns the message that `read` returns; undefined after a CORRUPT error of bounded length. */
function attempt<T>(read: (payload: Buffer) => T, bytes: Buffer): T | undefined {
  try {
    return read(bytes)
  } catch (error) {
    expectError(error, [ErrorCode.CORRUPT])
    return undefined
  }
}

function expectError(error: unknown, codes: readonly string[]): void {
  if (!(error instanceof ShmwireError)) throw error
  expect(codes).toContain(error.code)
  expect(error.message.length).toBeLessThan(MESSAGE_CHARACTERS_MAX)
}

function expectText(text: unknown, charactersMin: number, charactersMax: number): void {
  expect(typeof text).toBe('string')
  expect((text as string).length).toBeGreaterThanOrEqual(charactersMin)
  expect((text as string).length).toBeLessThanOrEqual(charactersMax)
}

function expectInteger(number: unknown, min: number, max: number): void {
  expect(Number.isInteger(number)).toBe(true)
  expect(number).toBeGreaterThanOrEqual(min)
  expect(number).toBeLessThanOrEqual(max)
}

/** The bounds of docs/protocol.md, section 5. */
function expectCommon(message: Omit<ReturnType<typeof readHello>, 'transport' | 'shm'>): void {
  expect(message.features.length).toBeLessThanOrEqual(64)
  for (const feature of message.features) expectText(feature, 1, 64)
  expectText(message.codec, 1, 64)
  expectInteger(message.maxMessageBytes, 1, 2 ** 30)
  expectInteger(message.ringBytes, 2 ** 16, 2 ** 30)
  expect(Number.isInteger(Math.log2(message.ringBytes))).toBe(true)
  expectInteger(message.pid, 1, 2 ** 31 - 1)
}

fuzz('control-messages', {
  'reads a HELLO within its bounds, or fails with CORRUPT': fc.property(payload, (bytes) => {
    const hello = attempt(readHello, bytes)
    if (hello === undefined) return
    expectCommon(hello)
    expect(['auto', 'shm', 'socket']).toContain(hello.transport)
    if (hello.shm !== true) expectText(hello.shm, 1, 1024)
  }),
  'reads an OFFER within its bounds, or fails with CORRUPT': fc.property(payload, (bytes) => {
    const offer = attempt(readOffer, bytes)
    if (offer === undefined) return
    expectCommon(offer)
    if (offer.transport === 'socket') return expectText(offer.reason, 1, 1024)
    expect(offer.transport).toBe('shm')
    expect(offer.token).toMatch(/^[0-9a-f]{32}$/)
    expect(typeof offer.mayFallBack).toBe('boolean')
  }),
  'reads a REJECT and a SOCKET within their bounds, or fails with CORRUPT': fc.property(payload, (bytes) => {
    const error = attempt(readReject, bytes)
    if (error !== undefined) expectError(error, Object.values(ErrorCode))
    const reason = attempt(readSocketReason, bytes)
    if (reason !== undefined) expectText(reason, 1, 1024)
  }),
  'reads a DESCRIBE and a DESCRIPTION within their bounds, or fails with CORRUPT': fc.property(
    payload,
    (bytes) => {
      const pid = attempt(readDescribe, bytes)
      if (pid !== undefined) expectInteger(pid, 1, 2 ** 31 - 1)
      const description = attempt(readDescription, bytes)
      if (description === undefined) return
      expect(description.id).toMatch(/^[0-9a-f]{32}$/)
      expectInteger(description.pid, 1, 2 ** 31 - 1)
      expect(new Date(description.startedAtMs).getTime()).toBe(description.startedAtMs)
      expect(description.services.length).toBeLessThanOrEqual(128)
      for (const service of description.services) {
        expect(Object.keys(service)).toEqual(['name', 'hash'])
        expectText(service.name, 1, 256)
        if (service.hash !== undefined) expectText(service.hash, 1, 128)
      }
    },
  ),
  'reads a SNAPSHOT within its bounds, or fails with CORRUPT or VERSION': fc.property(payload, (bytes) => {
    let read: ReturnType<typeof readSnapshot>
    try {
      read = readSnapshot(bytes)
    } catch (error) {
      expectError(error, [ErrorCode.CORRUPT, ErrorCode.VERSION])
      return
    }
    expectText(read.id, 0, 4_096)
    expect(read.atMs).toBeGreaterThanOrEqual(0)
    expect(JSON.stringify(read).length).toBeLessThan(100_000)
  }),
})
