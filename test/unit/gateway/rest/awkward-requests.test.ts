import { describe, expect, it } from 'vitest'
import {
  echoPort,
  empty,
  fails,
  nothing,
  ok,
  outcomeOf,
  type Row,
} from '../../../support/awkward-requests.js'

const ROWS: readonly Row[] = [
  ['HTTP/1.0', { target: '/items/1', version: '1.0' }, ok('{"id":"1"}')],
  ['HTTP/1.1 without a host', { target: '/items/1', headers: ['host:'] }, ok('{"id":"1"}')],
  [
    'HTTP/3.0',
    { target: '/items/1', version: '3.0' },
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'another method of the path',
    { method: 'POST', target: '/items/1' },
    fails(405, 'METHOD_NOT_ALLOWED', 'this path does not have the method POST', 'DELETE, GET, HEAD, OPTIONS'),
  ],
  [
    'a method of WebDAV',
    { method: 'PROPFIND', target: '/items/1' },
    fails(
      405,
      'METHOD_NOT_ALLOWED',
      'this path does not have the method PROPFIND',
      'DELETE, GET, HEAD, OPTIONS',
    ),
  ],
  [
    'a method that HTTP does not have',
    { method: 'BREW', target: '/items/1' },
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'a method in lower case',
    { method: 'get', target: '/items/1' },
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'TRACE',
    { method: 'TRACE', target: '/items/1' },
    fails(
      405,
      'METHOD_NOT_ALLOWED',
      'this path does not have the method TRACE',
      'DELETE, GET, HEAD, OPTIONS',
    ),
  ],
  ['OPTIONS', { method: 'OPTIONS', target: '/items/1' }, nothing('DELETE, GET, HEAD, OPTIONS')],
  [
    'OPTIONS of a path that does not exist',
    { method: 'OPTIONS', target: '/other' },
    fails(404, 'NOT_FOUND', 'this path does not exist'),
  ],
  ['HEAD', { method: 'HEAD', target: '/items/1' }, ok('')],
  ['HEAD of a path without GET', { method: 'HEAD', target: '/body' }, empty(405, 'OPTIONS, POST')],
  [
    'a header twice',
    { target: '/items/1', headers: ['x-correlation-id: a', 'x-correlation-id: b'] },
    ok('{"id":"1"}'),
  ],
  [
    'a header with a null byte',
    { target: '/items/1', headers: ['x-a: a\u0000b'] },
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'a header without a name',
    { target: '/items/1', headers: [': x'] },
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'a folded header',
    { target: '/items/1', headers: ['x-a: b', ' c'] },
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'headers that are too long',
    { target: '/items/1', headers: [`x-a: ${'a'.repeat(20_000)}`] },
    fails(431, 'HEADERS_TOO_LARGE', 'the headers are too long'),
  ],
  [
    'an expectation that is not known',
    { target: '/items/1', headers: ['expect: tea'] },
    fails(417, 'EXPECTATION_FAILED', 'the server cannot meet what the header expect demands'),
  ],
  [
    'an upgrade that is not known',
    { target: '/items/1', headers: ['connection: close, upgrade', 'upgrade: tea'] },
    ok('{"id":"1"}'),
  ],
]

describe('awkward requests of a gateway of REST', () => {
  const port = echoPort()

  it.each(ROWS)('%s', async (_name, request, expected) => {
    expect(await outcomeOf(port(), request)).toEqual(expected)
  })
})
