import { create, fromBinary, getExtension, isFieldSet, setExtension, toBinary } from '@bufbuild/protobuf'
import { WireType } from '@bufbuild/protobuf/wire'
import { anyPack, timestampFromMs } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { CodecName } from '../../../../src/codec/codec.js'
import { readerOf } from '../../../../src/service/proto/message-reader.js'
import type { FieldViolation, ServiceError } from '../../../../src/service-error.js'
import { memoryChannels } from '../../../support/memory-channels.js'
import { testExtension, testMessage } from '../../../support/proto-files.js'
import { initOf } from '../../../support/random-protos.js'

const User = testMessage('user.User')
const Settings = testMessage('legacy.Settings')
const Request = testMessage('user.GetUserRequest')
const PLACE = { method: 'user.UserService.putUser', direction: 'input' } as const

/** A value for each field of user.User. */
const INIT = {
  id: -(2n ** 63n),
  name: 'Zoë',
  emails: ['a@b', ''],
  role: 1,
  avatar: Uint8Array.of(1, 2, 3),
  score: -0,
  ratio: Number.NaN,
  active: true,
  age: 2 ** 32 - 1,
  offset: -5,
  count: 2n ** 64n - 1n,
  token: '18446744073709551615',
  nick: '',
  created: timestampFromMs(1_700_000_000_123),
  session: { seconds: 5n, nanos: 7 },
  note: 'unwrapped',
  extra: { deep: [{ text: 'x', nothing: null }, 1.5, true] },
  anyValue: {
    kind: { case: 'structValue', value: { fields: { a: { kind: { case: 'numberValue', value: 1 } } } } },
  },
  detail: anyPack(Request, create(Request, { id: 7n })),
  mask: { paths: ['id', 'name'] },
  friends: { ann: { id: 1n }, ['__proto__']: { id: 2n } },
  blobs: { '-1': Uint8Array.of(9) },
  roles: { true: 1, false: 0 },
  labels: { '9007199254740993': 'big' },
  children: [{ id: 3n, children: [{ id: 4n }] }],
  pastRoles: [0, 1, 5],
  contact: { case: 'agent', value: { id: 8n } },
  seal: Uint8Array.of(4),
  notes: [{ value: 'n' }],
}

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** Sends the value through a channel. */
async function transfer(value: unknown, codec: CodecName = 'msgpack'): Promise<unknown> {
  const [left, right] = memoryChannels({ codec })
  cleanups.push(() => left.destroy())
  const received = new Promise((resolve) => right.once('message', resolve))
  await left.send(value)
  return received
}

function read(desc: typeof User, value: unknown) {
  return readerOf(desc).read(value, PLACE)
}

function violationsOf(desc: typeof User, value: unknown): readonly FieldViolation[] {
  try {
    read(desc, value)
  } catch (error) {
    return ((error as ServiceError).details as { fieldViolations: readonly FieldViolation[] }).fieldViolations
  }
  return []
}

describe('a reader of messages', () => {
  it('returns what create returns', () => {
    expect(read(User, {})).toEqual(create(User))
    expect(read(User, INIT)).toEqual(create(User, INIT))
  })

  it.each(['msgpack', 'v8'] as const)('restores a message that codec %s carried', async (codec) => {
    const message = create(User, INIT)
    for (const sent of [INIT, message]) {
      const received = read(User, await transfer(sent, codec))
      expect(received).toEqual(message)
      expect(toBinary(User, received)).toEqual(toBinary(User, message))
    }
  })

  it.each(['msgpack', 'v8'] as const)(
    'restores the presence of fields that codec %s drops',
    async (codec) => {
      const message = create(Settings, { name: 'x', strict: false, part: { data: Uint8Array.of(1) } })
      const received = read(Settings, await transfer(message, codec)) as typeof message &
        Record<string, unknown>
      expect(received.size).toBe(7)
      expect(received.level).toBe(2)
      const fields = Settings.fields.filter((field) => isFieldSet(received, field)).map(({ name }) => name)
      expect(fields).toEqual(['name', 'part', 'strict'])
      expect(toBinary(Settings, received)).toEqual(toBinary(Settings, message))
    },
  )

  it('keeps extensions and unknown fields, and their bytes', async () => {
    const comment = testExtension('legacy.comment')
    const message = create(Settings, { name: 'x' })
    setExtension(message, comment, 'hello')
    message.$unknown?.push({ no: 150, wireType: WireType.Varint, data: Uint8Array.of(1) })
    const received = read(Settings, await transfer(message))
    expect(getExtension(received, comment)).toBe('hello')
    expect(toBinary(Settings, received)).toEqual(toBinary(Settings, message))
  })

  it('restores random messages, equal to those that their bytes contain', async () => {
    for (const desc of [User, Settings]) {
      await fc.assert(
        fc.asyncProperty(initOf(desc), fc.boolean(), async (init, isComplete) => {
          const value = desc === Settings ? { name: '', ...init } : init
          const message = create(desc, value)
          const bytes = toBinary(desc, message)
          const received = read(desc, await transfer(isComplete ? message : value))
          expect(received).toEqual(message)
          expect(toBinary(desc, received)).toEqual(bytes)
          expect(read(desc, fromBinary(desc, bytes))).toEqual(fromBinary(desc, bytes))
        }),
        { numRuns: 30 },
      )
    }
  })

  it('returns a valid message or an error with violations for any value', () => {
    const anything = fc.anything({
      withBigInt: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
    })
    const names = fc.constantFrom(...User.members.map(({ localName }) => localName), '$typeName', '$unknown')
    fc.assert(
      fc.property(fc.oneof(anything, fc.dictionary(names, anything)), (value) => {
        if (violationsOf(User, value).length === 0) toBinary(User, read(User, value))
      }),
      { numRuns: 1000 },
    )
  })

  it('accepts integers of 64 bits as numbers and decimal strings, because JSON has no bigint', async () => {
    const sent = {
      id: 7,
      count: '18446744073709551615',
      token: 5,
      labels: { 1: 'x' },
      children: [{ id: '-3' }],
    }
    const received = read(User, await transfer(sent, 'json'))
    expect(received).toMatchObject({ id: 7n, count: 2n ** 64n - 1n, token: '5', children: [{ id: -3n }] })
  })

  it('ignores properties, and cases of a oneof, that a newer program may send', () => {
    expect(read(User, { added: 1, contact: { case: 'pigeon', value: 1 } })).toEqual(create(User))
  })

  it('takes null as a field that is not set', () => {
    expect(read(User, { name: null, created: null })).toEqual(create(User))
  })

  it('copies the message', () => {
    const message = create(User, INIT)
    const copy = read(User, message) as Record<string, unknown>
    expect(copy).not.toBe(message)
    expect(copy.emails).not.toBe((message as Record<string, unknown>).emails)
  })

  it.each([
    [7, '', 'must be an object with the fields of user.User'],
    [null, '', 'must be an object with the fields of user.User'],
    [[], '', 'must be an object with the fields of user.User'],
    [create(Request), '', 'is a message of another type; it must be user.User'],
    [{ id: 1.5 }, 'id', 'must be a bigint from -9223372036854775808 to 9223372036854775807'],
    [{ id: 2n ** 63n }, 'id', 'must be a bigint from -9223372036854775808 to 9223372036854775807'],
    [{ id: '' }, 'id', 'must be a bigint from -9223372036854775808 to 9223372036854775807'],
    [{ id: 2 ** 53 }, 'id', 'must be a bigint from -9223372036854775808 to 9223372036854775807'],
    [{ token: -1n }, 'token', 'must be a bigint from 0 to 18446744073709551615'],
    [{ name: 1 }, 'name', 'must be a string without lone surrogates'],
    [{ name: '\ud800' }, 'name', 'must be a string without lone surrogates'],
    [{ emails: 'a' }, 'emails', 'must be an array'],
    [{ emails: ['a', null] }, 'emails[1]', 'must be a string without lone surrogates'],
    [{ role: 'ROLE_ADMIN' }, 'role', 'must be an integer from -2147483648 to 2147483647'],
    [{ avatar: [1] }, 'avatar', 'must be a Uint8Array'],
    [{ score: '1' }, 'score', 'must be a number'],
    [{ ratio: 1e39 }, 'ratio', 'must be a number of 32 bits'],
    [{ active: 1 }, 'active', 'must be true or false'],
    [{ age: -1 }, 'age', 'must be an integer from 0 to 4294967295'],
    [{ offset: 2 ** 31 }, 'offset', 'must be an integer from -2147483648 to 2147483647'],
    [
      { created: new Date(0).toJSON() },
      'created',
      'must be an object with the fields of google.protobuf.Timestamp',
    ],
    [{ created: { seconds: 'x' } }, 'created.seconds', 'must be a bigint from -9223372036854775808'],
    [{ note: { value: 'x' } }, 'note', 'must be a string without lone surrogates'],
    [{ extra: [] }, 'extra', 'must be an object of JSON'],
    [{ extra: { a: [() => {}] } }, 'extra.a[0]', 'must be a value of JSON'],
    [{ extra: { a: Number.NaN } }, 'extra.a', 'must be a value of JSON'],
    [{ extra: { a: '\udc00' } }, 'extra.a', 'has a lone surrogate'],
    [{ friends: [] }, 'friends', 'must be an object'],
    [{ friends: { ann: { id: 'x' } } }, 'friends.ann.id', 'must be a bigint'],
    [{ blobs: { x: Uint8Array.of() } }, 'blobs.x', 'must be a decimal number'],
    [{ blobs: { 2147483648: Uint8Array.of() } }, 'blobs["2147483648"]', 'must be an integer from'],
    [{ roles: { yes: 1 } }, 'roles.yes', 'must be "true" or "false"'],
    [{ labels: { '9223372036854775808': '' } }, 'labels["9223372036854775808"]', 'must be a bigint from'],
    [{ contact: 'x' }, 'contact', 'must be an object with case and value'],
    [{ contact: { case: 'phone', value: 1 } }, 'contact.value', 'must be a string without lone surrogates'],
    [{ $unknown: 1 }, '$unknown', 'must be an array'],
    [{ $unknown: [{ no: 0, wireType: 0, data: Uint8Array.of() }] }, '$unknown[0]', 'is not an unknown field'],
    [{ $unknown: [null] }, '$unknown[0]', 'is not an unknown field'],
    [{ $unknown: Object.assign([], { length: 1 }) }, '$unknown[0]', 'is not an unknown field'],
  ])('rejects %o', (value, field, description) => {
    const violations = violationsOf(User, value)
    expect(violations).toEqual([{ field, description: expect.stringContaining(description) }])
  })

  it('rejects a message without a required field, and an unknown value of a closed enum', () => {
    expect(violationsOf(Settings, { level: 3, levels: [1, 9] })).toEqual([
      { field: 'name', description: 'is required' },
      { field: 'level', description: 'must be a number of the enum legacy.Level' },
      { field: 'levels[1]', description: 'must be a number of the enum legacy.Level' },
    ])
  })

  it('reports all wrong fields, up to 32', () => {
    expect(
      violationsOf(User, { id: 'x', name: 1, children: [{}, { age: -1 }] }).map(({ field }) => field),
    ).toEqual(['id', 'name', 'children[1].age'])
    expect(violationsOf(User, { emails: Array.from({ length: 100 }, () => 1) })).toHaveLength(32)
  })

  it('rejects cycles, and short messages that stand for very long ones', () => {
    const cyclic: { children: unknown[] } = { children: [] }
    cyclic.children.push(cyclic)
    const [first] = violationsOf(User, cyclic)
    expect(first?.description).toBe('has more than 100 levels of messages')
    // Each level refers 1,000 times to the one below it.
    let shared: object = { emails: Array.from({ length: 1000 }, () => '') }
    for (let level = 0; level < 3; level += 1) {
      const below = shared
      shared = { children: Array.from({ length: 1000 }, () => below) }
    }
    expect(violationsOf(User, shared).at(-1)?.description).toBe('has more values than one message may have')
    const json: Record<string, unknown> = {}
    json.self = json
    expect(violationsOf(User, { extra: json })[0]?.description).toBe('has more than 100 levels of messages')
  })
})
