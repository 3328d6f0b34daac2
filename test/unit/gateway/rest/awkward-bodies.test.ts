import { describe, expect, it } from 'vitest'
import {
  echoPort,
  fails,
  JSON_TYPE,
  nothing,
  ok,
  outcomeOf,
  post,
  type Row,
  wrong,
} from '../../../support/awkward-requests.js'

const ROWS: readonly Row[] = [
  ['an object', post('/body', '{"a":1}'), ok('{"a":1}')],
  ['an array', post('/body', '[1,"a",null]'), ok('[1,"a",null]')],
  ['a text', post('/text', '"x"'), ok('"x"')],
  ['a wrong type', post('/text', '5'), wrong('', 'must be string')],
  ['no body for a text', { method: 'POST', target: '/text' }, wrong('', 'must be string')],
  ['no body', { method: 'POST', target: '/body' }, ok('{}')],
  ['an empty body', post('/body', ''), ok('{}')],
  ['white space alone', post('/body', '  '), fails(400, 'INVALID_BODY', 'the body is not JSON')],
  ['white space around', post('/body', ' \n{"a" : 1}\t'), ok('{"a":1}')],
  ['a byte order mark', post('/body', '\uFEFF{}'), fails(400, 'INVALID_BODY', 'the body is not JSON')],
  ['null', post('/body', 'null'), ok('null')],
  ['half of an object', post('/body', '{"a":'), fails(400, 'INVALID_BODY', 'the body is not JSON')],
  ['two values', post('/body', '{}{}'), fails(400, 'INVALID_BODY', 'the body is not JSON')],
  ['a comment', post('/body', '{/* */}'), fails(400, 'INVALID_BODY', 'the body is not JSON')],
  ['single quotes', post('/body', "{'a':1}"), fails(400, 'INVALID_BODY', 'the body is not JSON')],
  ['a trailing comma', post('/body', '{"a":1,}'), fails(400, 'INVALID_BODY', 'the body is not JSON')],
  ['NaN in JSON', post('/body', '{"a":NaN}'), fails(400, 'INVALID_BODY', 'the body is not JSON')],
  [
    'a number with a leading zero',
    post('/body', '{"a":01}'),
    fails(400, 'INVALID_BODY', 'the body is not JSON'),
  ],
  [
    'a number that is too large for JSON',
    post('/body', '{"a":1e999}'),
    fails(400, 'INVALID_BODY', 'the body has a number that is too large'),
  ],
  ['the member __proto__', post('/body', '{"__proto__":{"x":1}}'), ok('{"__proto__":{"x":1}}')],
  [
    'the member constructor',
    post('/body', '{"constructor":{"prototype":{"x":1}}}'),
    ok('{"constructor":{"prototype":{"x":1}}}'),
  ],
  ['a member twice', post('/body', '{"a":1,"a":2}'), ok('{"a":2}')],
  ['a lone surrogate', post('/body', '{"a":"\\ud800"}'), ok('{"a":"\\ud800"}')],
  ['a null character', post('/body', '{"a":"\\u0000"}'), ok('{"a":"\\u0000"}')],
  [
    'a raw control character',
    post('/body', '{"a":"\u0001"}'),
    fails(400, 'INVALID_BODY', 'the body is not JSON'),
  ],
  [
    'bytes that are not UTF-8',
    post('/body', Buffer.from([0x22, 0xff, 0x22])),
    fails(400, 'INVALID_BODY', 'the body is not UTF-8'),
  ],
  [
    'an overlong form of UTF-8',
    post('/body', Buffer.from([0x22, 0xc0, 0xaf, 0x22])),
    fails(400, 'INVALID_BODY', 'the body is not UTF-8'),
  ],
  [
    '100 arrays in each other',
    post('/body', '['.repeat(100) + ']'.repeat(100)),
    ok('['.repeat(100) + ']'.repeat(100)),
  ],
  [
    '101 arrays in each other',
    post('/body', '['.repeat(101) + ']'.repeat(101)),
    fails(400, 'INVALID_BODY', 'the body has more than 100 arrays and objects in each other'),
  ],
  [
    '100,000 arrays in each other',
    post('/body', '['.repeat(100_000)),
    fails(400, 'INVALID_BODY', 'the body has more than 100 arrays and objects in each other'),
  ],
  [
    'many brackets in a text',
    post('/text', JSON.stringify('['.repeat(1_000))),
    ok(JSON.stringify('['.repeat(1_000))),
  ],
  [
    'a body that is too long',
    post('/body', JSON.stringify('a'.repeat(1024 * 1024))),
    fails(413, 'BODY_TOO_LARGE', 'the body is too long'),
  ],
  [
    'a variable and a body',
    { method: 'PUT', target: '/body/5', body: '{"a":1,"id":"6"}', headers: JSON_TYPE },
    ok('{"a":1,"id":"5"}'),
  ],
  [
    'a variable and a body that is not an object',
    { method: 'PUT', target: '/body/5', body: '[1]', headers: JSON_TYPE },
    wrong('', 'the body must be an object'),
  ],
  [
    'a nested variable and a body',
    { method: 'PATCH', target: '/body/5', body: '{"user":{"name":"x"}}', headers: JSON_TYPE },
    ok('{"user":{"name":"x","id":"5"}}'),
  ],
  [
    'a nested variable and a body with another type',
    { method: 'PATCH', target: '/body/5', body: '{"user":3}', headers: JSON_TYPE },
    wrong('user', 'must be an object with id'),
  ],
  ['a part of a request', post('/part', '{"id":5}'), ok('{"user":{"id":5}}')],
  [
    'a body for a method without a request',
    post('/nothing', '{"a":1}'),
    wrong('a', 'is not a parameter of this route'),
  ],
  ['an empty object for a method without a request', post('/nothing', '{}'), nothing()],
  [
    'another content type',
    post('/body', '{}', ['content-type: text/plain']),
    fails(415, 'UNSUPPORTED_MEDIA_TYPE', 'the body must be JSON, with content-type: application/json'),
  ],
  [
    'no content type',
    post('/body', '{}', []),
    fails(415, 'UNSUPPORTED_MEDIA_TYPE', 'the body must be JSON, with content-type: application/json'),
  ],
  [
    'a content type with a charset',
    post('/body', '{}', ['content-type: application/json; charset=utf-8']),
    ok('{}'),
  ],
  ['a content type in capitals', post('/body', '{}', ['Content-Type: APPLICATION/JSON']), ok('{}')],
  [
    'a content type with a suffix',
    post('/body', '{}', ['content-type: application/merge-patch+json']),
    ok('{}'),
  ],
  [
    'a malformed content type',
    post('/body', '{}', ['content-type: json']),
    fails(415, 'UNSUPPORTED_MEDIA_TYPE', 'the body must be JSON, with content-type: application/json'),
  ],
  [
    'a content type that only begins so',
    post('/body', '{}', ['content-type: application/jsonp']),
    fails(415, 'UNSUPPORTED_MEDIA_TYPE', 'the body must be JSON, with content-type: application/json'),
  ],
  [
    'a form',
    post('/body', 'a=1', ['content-type: application/x-www-form-urlencoded']),
    fails(415, 'UNSUPPORTED_MEDIA_TYPE', 'the body must be JSON, with content-type: application/json'),
  ],
  [
    'a compressed body',
    post('/body', '{}', [...JSON_TYPE, 'content-encoding: gzip']),
    fails(415, 'UNSUPPORTED_MEDIA_TYPE', 'the body must not be compressed'),
  ],
  [
    'a body that is not compressed',
    post('/body', '{}', [...JSON_TYPE, 'content-encoding: identity']),
    ok('{}'),
  ],
  [
    'a GET request with a body',
    { target: '/items/1', body: '{}', headers: JSON_TYPE },
    fails(400, 'INVALID_BODY', 'this route takes no body'),
  ],
  ['a GET request with a content type alone', { target: '/items/1', headers: JSON_TYPE }, ok('{"id":"1"}')],
  [
    'a GET request with an empty body',
    { target: '/items/1', headers: ['content-length: 0'] },
    ok('{"id":"1"}'),
  ],
  ['a DELETE request', { method: 'DELETE', target: '/items/1' }, ok('{"id":"1"}')],
  [
    'a DELETE request with a body',
    { method: 'DELETE', target: '/items/1', body: '{}', headers: JSON_TYPE },
    fails(400, 'INVALID_BODY', 'this route takes no body'),
  ],
  [
    'a chunked body',
    post('/body', '3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n', [...JSON_TYPE, 'transfer-encoding: chunked']),
    ok('{"a":1}'),
  ],
  [
    'an empty chunked body',
    post('/body', '0\r\n\r\n', [...JSON_TYPE, 'transfer-encoding: chunked']),
    ok('{}'),
  ],
  [
    'a malformed chunk',
    post('/body', 'x\r\n{}\r\n0\r\n\r\n', [...JSON_TYPE, 'transfer-encoding: chunked']),
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'two lengths',
    post('/body', '{}', [...JSON_TYPE, 'content-length: 2', 'content-length: 3']),
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'a length and chunks',
    post('/body', '0\r\n\r\n', [...JSON_TYPE, 'content-length: 5', 'transfer-encoding: chunked']),
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'a negative length',
    post('/body', '', [...JSON_TYPE, 'content-length: -1']),
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
]

describe('awkward bodies of a gateway of REST', () => {
  const port = echoPort()

  it.each(ROWS)('%s', async (_name, request, expected) => {
    expect(await outcomeOf(port(), request)).toEqual(expected)
  })
})
