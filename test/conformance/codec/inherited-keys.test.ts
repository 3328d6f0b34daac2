import { afterEach, describe, expect, test } from 'vitest'
import { jsonCodec } from '../../../src/codec/json.js'
import { v8Codec } from '../../../src/codec/v8.js'
import { DEEP, ROUND_TRIPS, type RoundTrip } from '../../support/codec-pair.js'

const NAMES = Object.getOwnPropertyNames(Object.prototype)
const ADDED = 'addedByTheProgram'
let changed: [object, string, PropertyDescriptor][] = []
let calls: unknown[] = []

/** Makes a property read-only, as Object.freeze does, until the test has ended. */
function freeze(prototype: object, name: string): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
  if (!('value' in descriptor)) return
  changed.push([prototype, name, descriptor])
  Object.defineProperty(prototype, name, { writable: false })
}

afterEach(() => {
  for (const [prototype, name, descriptor] of changed) Object.defineProperty(prototype, name, descriptor)
  Reflect.deleteProperty(Object.prototype, ADDED)
  changed = []
  calls = []
})

function addAccessor(): void {
  // oxlint-disable-next-line eslint/no-extend-native -- until the test has ended
  Object.defineProperty(Object.prototype, ADDED, {
    configurable: true,
    get: () => undefined,
    set(value) {
      calls.push(value)
    },
  })
}

const OTHERS = [jsonCodec, v8Codec].map((codec): [string, RoundTrip] => [
  codec.name,
  (value) => codec.decode(Buffer.from(codec.encode(value))) as typeof value,
])

describe.each([...ROUND_TRIPS, ...OTHERS])('%s', (_name, roundTrip) => {
  test.each(NAMES)('defines the key %s when it is read-only in Object.prototype', (name) => {
    const sent: unknown = JSON.parse(`{"a":1,${JSON.stringify(name)}:"x","b":{"c":2}}`)
    const shared = JSON.parse(`{${JSON.stringify(name)}:"y"}`) as object
    freeze(Object.prototype, name)
    for (const message of [sent, [sent, { sent }], [shared, shared], [DEEP, shared]]) {
      const text = JSON.stringify(message)
      expect(JSON.stringify(roundTrip(message))).toBe(text)
    }
  })

  test('calls no setter that a program adds to Object.prototype, before or after such a key has arrived', () => {
    const shared = { [ADDED]: 5 }
    roundTrip([shared, { ...shared, more: 1 }])
    addAccessor()
    // As from JSON.parse, because an assignment would call the setter here.
    for (const message of [
      shared,
      [{ other: 1, ...shared }],
      [shared, shared],
      [DEEP, shared],
      { inner: shared },
    ])
      expect(JSON.stringify(roundTrip(message))).toBe(JSON.stringify(message))
    expect(calls).toEqual([])
  })
})

describe.each(ROUND_TRIPS)('%s', (_name, roundTrip) => {
  test('decodes errors when the members of Error.prototype are read-only', () => {
    for (const name of ['name', 'message', 'toString']) freeze(Error.prototype, name)
    for (const name of ['name', 'message']) freeze(TypeError.prototype, name)
    const sent = Object.defineProperty(new TypeError('m'), 'name', { value: 'Mine' })
    const back = roundTrip({ sent }).sent
    expect([back.name, back.message, back.stack]).toEqual(['Mine', 'm', sent.stack])
  })
})
