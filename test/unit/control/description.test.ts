import { describe, expect, it } from 'vitest'
import {
  checkServices,
  readDescribe,
  readDescription,
  SERVICES_MAX,
} from '../../../src/control/description.js'
import { ErrorCode } from '../../../src/errors.js'
import { CONTROL_PAYLOAD_BYTES_MAX } from '../../../src/wire/frames.js'

const DESCRIPTION = {
  id: '0123456789abcdef'.repeat(2),
  pid: 7,
  startedAtMs: 1_700_000_000_000,
  services: [{ name: 'user.UserService', hash: 'abc' }, { name: 'plain' }],
}
const many = (count: number, service: object): object[] => Array.from({ length: count }, () => service)
const payload = (message: unknown): Buffer => Buffer.from(JSON.stringify(message))

function failureOf(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return error
  }
}

describe('a description', () => {
  it('is read with its services, and without members that are not known', () => {
    const read = readDescription(payload({ ...DESCRIPTION, later: 1 }))
    expect(read).toEqual({
      ...DESCRIPTION,
      observe: false,
      services: [
        { name: 'user.UserService', hash: 'abc' },
        { name: 'plain', hash: undefined },
      ],
    })
  })

  it('has no negative zero', () => {
    const text = payload(DESCRIPTION).toString().replace('1700000000000', '-0')
    expect(readDescription(Buffer.from(text)).startedAtMs).toBe(0)
  })

  it.each<[string, object]>([
    ['an id of another form', { id: 'x' }],
    ['no id', { id: undefined }],
    ['a pid of 0', { pid: 0 }],
    ['a time before 1970', { startedAtMs: -1 }],
    ['a time that no Date has', { startedAtMs: 8.64e15 + 1 }],
    ['a time with a fraction', { startedAtMs: 0.5 }],
    ['no services', { services: undefined }],
    ['services that are not an array', { services: {} }],
    ['too many services', { services: many(SERVICES_MAX + 1, { name: 'a' }) }],
    ['a service that is null', { services: [null] }],
    ['a service without a name', { services: [{}] }],
    ['a name with a line break', { services: [{ name: 'a\nb' }] }],
    ['a name with a quote', { services: [{ name: '"' }] }],
    ['a name with a backslash', { services: [{ name: '\\\\' }] }],
    ['a long name', { services: [{ name: 'a'.repeat(257) }] }],
    ['an empty hash', { services: [{ name: 'a', hash: '' }] }],
    ['a hash that is null', { services: [{ name: 'a', hash: null }] }],
    ['a long hash', { services: [{ name: 'a', hash: 'a'.repeat(129) }] }],
  ])('is CORRUPT with %s', (_what, change) => {
    const error = failureOf(() => readDescription(payload({ ...DESCRIPTION, ...change })))
    expect(error).toMatchObject({ code: ErrorCode.CORRUPT })
  })

  it('fits into one frame with the most services that it can have', () => {
    const services = many(SERVICES_MAX, { name: '~'.repeat(256), hash: '['.repeat(128) })
    const longest = payload({ ...DESCRIPTION, services: checkServices(services) })
    expect(longest.length).toBeLessThan(CONTROL_PAYLOAD_BYTES_MAX)
  })
})

describe('services that this process announces', () => {
  it('are copied', () => {
    const services = [{ name: 'a', hash: 'b', other: 1 }]
    expect(checkServices(services)).toEqual([{ name: 'a', hash: 'b' }])
  })

  it('are limited', () => {
    expect(failureOf(() => checkServices(many(SERVICES_MAX + 1, { name: 'a' })))).toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: 'a server can have 128 services, not 129; use another server',
    })
  })

  it.each([undefined, null, {}, 'a', [undefined], [{ name: 'ä' }], [{ name: 'a', hash: 1 }]])(
    'are INVALID_ARGUMENT: %j',
    (services) => {
      expect(failureOf(() => checkServices(services))).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    },
  )
})

it('reads the pid of a DESCRIBE, and no other', () => {
  expect(readDescribe(payload({ pid: 5 }))).toBe(5)
  for (const pid of [0, 1.5, '1', 2 ** 31, undefined])
    expect(failureOf(() => readDescribe(payload({ pid })))).toMatchObject({ code: ErrorCode.CORRUPT })
})
