import { describe, expect, it } from 'vitest'
import {
  create,
  creates,
  fails,
  gets,
  ok,
  outcomeOf,
  put,
  type Row,
  usersPort,
  wrong,
} from '../../../support/awkward-requests.js'

const ROWS: readonly Row[] = [
  [
    'an integer of 64 bits',
    { target: '/api/v1/users/9223372036854775807' },
    gets({ id: '9223372036854775807' }),
  ],
  ['a negative integer', { target: '/api/v1/users/-1' }, gets({ id: '-1' })],
  [
    'an integer of more than 64 bits',
    { target: '/api/v1/users/9223372036854775808' },
    wrong('id', 'expected bigint (int64): 9223372036854775808 out of range'),
  ],
  ['an integer with letters', { target: '/api/v1/users/abc' }, wrong('id', 'must be a number of its type')],
  [
    'an integer with a fraction',
    { target: '/api/v1/users/1.5' },
    wrong('id', 'must be a number of its type'),
  ],
  ['an empty integer', { target: '/api/v1/users/%20' }, wrong('id', 'must be a number of its type')],
  ['two variables', { target: '/api/v1/accounts/a%2Fb/users/5' }, gets({ id: '5', name: 'a/b' })],
  ['a query', { target: '/api/v1/users/5?account=x' }, gets({ id: '5', name: 'x' })],
  [
    'an unknown parameter',
    { target: '/api/v1/users/5?other=x' },
    wrong('other', 'is not a parameter of this route'),
  ],
  [
    'a parameter twice',
    { target: '/api/v1/users/5?account=x&account=y' },
    wrong('account', 'has several values; it takes one'),
  ],
  ['an object', create('{"id":"5","name":"x"}'), creates({ id: '5', name: 'x' })],
  ['an integer of 64 bits as a number', create('{"id":5}'), creates({ id: '5' })],
  [
    'an integer beyond 2^53 as a number',
    create('{"id":9007199254740993}'),
    creates({ id: '9007199254740992' }),
  ],
  [
    'the smallest and largest integers as texts',
    create('{"id":"-9223372036854775808","count":"18446744073709551615"}'),
    creates({ id: '-9223372036854775808', count: '18446744073709551615' }),
  ],
  [
    'a negative number without a sign bit',
    create('{"age":-1}'),
    wrong('user.age', 'expected number (uint32): -1 out of range'),
  ],
  [
    'an integer of 32 bits that is too large',
    create('{"age":4294967296}'),
    wrong('user.age', 'expected number (uint32): 4294967296 out of range'),
  ],
  [
    'an integer with a fraction as a number',
    create('{"age":1.5}'),
    wrong('user.age', 'expected number (uint32), got 1.5'),
  ],
  ['an integer as a text', create('{"age":"7"}'), creates({ age: 7 })],
  ['NaN as a text', create('{"score":"NaN"}'), creates({ score: 'NaN' })],
  [
    'a number that is too large',
    create('{"score":1e999}'),
    fails(400, 'INVALID_BODY', 'the body has a number that is too large'),
  ],
  ['a name of an enum', create('{"role":"ROLE_ADMIN"}'), creates({ role: 'ROLE_ADMIN' })],
  ['a number of an enum', create('{"role":1}'), creates({ role: 'ROLE_ADMIN' })],
  ['an unknown name of an enum', create('{"role":"ROLE_KING"}'), wrong('user.role', '"ROLE_KING"')],
  ['base64', create('{"avatar":"AAECAw=="}'), creates({ avatar: 'AAECAw==' })],
  ['base64 for URLs', create('{"avatar":"-_8"}'), creates({ avatar: '+/8=' })],
  ['bytes that are not base64', create('{"avatar":"***"}'), wrong('user.avatar', 'invalid base64 string')],
  ['a time', create('{"created":"2023-01-01T00:00:00Z"}'), creates({ created: '2023-01-01T00:00:00Z' })],
  [
    'a time that is not one',
    create('{"created":"yesterday"}'),
    wrong('user.created', 'invalid RFC 3339 string'),
  ],
  ['a duration', create('{"session":"1.5s"}'), creates({ session: '1.500s' })],
  ['a wrapper', create('{"note":"x"}'), creates({ note: 'x' })],
  [
    'a struct',
    create('{"extra":{"a":[1,null,{"b":true}]}}'),
    creates({ extra: { a: [1, null, { b: true }] } }),
  ],
  [
    'two members of a oneof',
    create('{"phone":"1","key":"AA=="}'),
    wrong('user', 'oneof set multiple times by phone and key'),
  ],
  ['an unknown field', create('{"other":1}'), wrong('user.other', 'is not a field of the message')],
  [
    'a field by its name in the file',
    create('{"past_roles":["ROLE_ADMIN"]}'),
    creates({ pastRoles: ['ROLE_ADMIN'] }),
  ],
  [
    'a field twice by both names',
    create('{"past_roles":[],"pastRoles":[]}'),
    wrong('user', 'set multiple times'),
  ],
  [
    'the field __proto__',
    create('{"__proto__":{"x":1}}'),
    wrong('user.__proto__', 'is not a field of the message'),
  ],
  ['null for fields', create('{"id":null,"name":null}'), creates({})],
  ['a wrong type', create('{"name":5}'), wrong('user.name', 'expected string, got 5')],
  ['an array for a message', create('[]'), wrong('user', 'Array(0)')],
  ['a text for a message', create('"x"'), wrong('user', '"x"')],
  ['no body', { method: 'POST', target: '/api/v1/users' }, ok('null')],
  ['a variable and a whole body', put('{"name":"x"}'), ok('{}')],
  ['a variable that the body has too', put('{"id":"6"}'), ok('{}')],
  ['a body that is not an object', put('5'), wrong('', 'the body must be an object')],
]

describe('awkward messages of a .proto file in a gateway of REST', () => {
  const port = usersPort()

  it.each(ROWS)('%s', async (_name, request, expected) => {
    expect(await outcomeOf(port(), request)).toEqual(expected)
  })
})
