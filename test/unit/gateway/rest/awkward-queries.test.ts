import { describe, expect, it } from 'vitest'
import { echoPort, fails, ok, outcomeOf, post, type Row, wrong } from '../../../support/awkward-requests.js'

const ROWS: readonly Row[] = [
  [
    'values of all types',
    { target: '/query?text=a&count=5&ratio=-1.5e3&flag=true&maybe=7&mixed=8&level=2' },
    ok('{"text":"a","count":5,"ratio":-1500,"flag":true,"maybe":7,"mixed":"8","level":2}'),
  ],
  ['a repeated key of a list', { target: '/query?list=1&list=2&list=3' }, ok('{"list":[1,2,3]}')],
  ['one key of a list', { target: '/query?list=1' }, ok('{"list":[1]}')],
  [
    'a repeated key of one value',
    { target: '/query?count=1&count=2' },
    wrong('count', 'has several values; it takes one'),
  ],
  [
    'nested keys',
    { target: '/query?user.id=5&user.address.city=Rome' },
    ok('{"user":{"id":5,"address":{"city":"Rome"}}}'),
  ],
  [
    'a nested key that does not exist',
    { target: '/query?user.name=x' },
    wrong('user.name', 'is not a parameter of this route'),
  ],
  ['a key of an object', { target: '/query?user=x' }, wrong('user', 'must be object')],
  ['an unknown key', { target: '/query?other=1' }, wrong('other', 'is not a parameter of this route')],
  [
    'a key with brackets',
    { target: '/query?list[]=1' },
    wrong('["list[]"]', 'is not a parameter of this route'),
  ],
  ['an empty key', { target: '/query?=1' }, wrong('[""]', 'is not a parameter of this route')],
  [
    'the key __proto__',
    { target: '/query?__proto__=1' },
    wrong('__proto__', 'is not a parameter of this route'),
  ],
  [
    'the nested key __proto__',
    { target: '/query?__proto__.polluted=1' },
    wrong('__proto__.polluted', 'is not a parameter of this route'),
  ],
  [
    'the key constructor.prototype.x',
    { target: '/query?constructor.prototype.x=1' },
    wrong('constructor.prototype.x', 'is not a parameter of this route'),
  ],
  [
    'the key __proto__ where any key is valid',
    { target: '/loose?__proto__.polluted=1' },
    ok('{"__proto__":{"polluted":"1"}}'),
  ],
  [
    'the key constructor where any key is valid',
    { target: '/loose?constructor=1' },
    ok('{"constructor":"1"}'),
  ],
  ['a key without a value', { target: '/query?text' }, ok('{"text":""}')],
  ['an empty value', { target: '/query?text=' }, ok('{"text":""}')],
  ['an empty value of an integer', { target: '/query?count=' }, wrong('count', 'must be integer')],
  ['an integer with letters', { target: '/query?count=12abc' }, wrong('count', 'must be integer')],
  ['an integer with a fraction', { target: '/query?count=1.5' }, wrong('count', 'must be integer')],
  ['an integer in hexadecimal', { target: '/query?count=0x10' }, wrong('count', 'must be integer')],
  ['an integer with a leading zero', { target: '/query?count=007' }, wrong('count', 'must be integer')],
  ['an integer with a space', { target: '/query?count=+5' }, wrong('count', 'must be integer')],
  ['an integer beyond 2^53', { target: '/query?count=9007199254740993' }, wrong('count', 'must be integer')],
  ['a number that is too large', { target: '/query?ratio=1e999' }, wrong('ratio', 'must be number')],
  ['NaN', { target: '/query?ratio=NaN' }, wrong('ratio', 'must be number')],
  ['Infinity', { target: '/query?ratio=Infinity' }, wrong('ratio', 'must be number')],
  ['a truth value in capitals', { target: '/query?flag=TRUE' }, wrong('flag', 'must be boolean')],
  ['a truth value as a number', { target: '/query?flag=1' }, wrong('flag', 'must be boolean')],
  [
    'a value that no enum has',
    { target: '/query?level=9' },
    wrong('level', 'must be equal to one of the allowed values'),
  ],
  ['plus signs and encoded ones', { target: '/query?text=a+b%2Bc' }, ok('{"text":"a b+c"}')],
  ['an equals sign in a value', { target: '/query?text=a=b' }, ok('{"text":"a=b"}')],
  ['question marks in a query', { target: '/query?text=a?b' }, ok('{"text":"a?b"}')],
  ['an encoded ampersand', { target: '/query?text=a%26b' }, ok('{"text":"a&b"}')],
  ['empty pairs', { target: '/query?&&text=a&&' }, ok('{"text":"a"}')],
  [
    'a query that is not UTF-8',
    { target: '/query?text=%FF' },
    fails(400, 'INVALID_ARGUMENT', 'the query has a percent-encoding that is not valid UTF-8'),
  ],
  [
    'a key that is not UTF-8',
    { target: '/query?%FF=1' },
    fails(400, 'INVALID_ARGUMENT', 'the query has a percent-encoding that is not valid UTF-8'),
  ],
  ['an encoded null byte in a query', { target: '/query?text=%00' }, ok('{"text":"\\u0000"}')],
  [
    '256 keys',
    { target: `/query?${Array.from({ length: 256 }, (_, index) => `names=${index}`).join('&')}` },
    ok(JSON.stringify({ names: Array.from({ length: 256 }, (_, index) => String(index)) })),
  ],
  [
    '257 keys',
    { target: `/query?${Array.from({ length: 257 }, (_, index) => `names=${index}`).join('&')}` },
    wrong('', 'the query has more than 256 parameters'),
  ],
  [
    'a query of a path variable',
    { target: '/items/1?id=2' },
    wrong('id', 'is not a parameter of this route'),
  ],
  ['a query beside a whole body', post('/body?x=1', '{}'), wrong('x', 'is not a parameter of this route')],
  [
    'a query of the part that the body has',
    post('/part?user.id=1', '{}'),
    wrong('user.id', 'is not a parameter of this route'),
  ],
  ['a query beside a part in the body', post('/part?text=a', '{"id":1}'), ok('{"user":{"id":1},"text":"a"}')],
  [
    'a query of a method without a request',
    { target: '/nothing?x=1' },
    wrong('x', 'is not a parameter of this route'),
  ],
]

describe('awkward queries of a gateway of REST', () => {
  const port = echoPort()

  it.each(ROWS)('%s', async (_name, request, expected) => {
    expect(await outcomeOf(port(), request)).toEqual(expected)
  })
})
