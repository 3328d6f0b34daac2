import { describe, expect, it } from 'vitest'
import { echoPort, fails, ok, outcomeOf, type Row } from '../../../support/awkward-requests.js'

const ROWS: readonly Row[] = [
  ['an encoded slash in a segment', { target: '/items/a%2Fb' }, ok('{"id":"a/b"}')],
  ['an encoded slash in lower case', { target: '/items/a%2fb' }, ok('{"id":"a/b"}')],
  ['a slash that is encoded twice', { target: '/items/a%252Fb' }, ok('{"id":"a%2Fb"}')],
  ['an encoded space, plus and percent sign', { target: '/items/a%20b+c%25' }, ok('{"id":"a b+c%"}')],
  [
    'characters beyond ASCII',
    { target: '/items/%C3%A4%E2%82%AC%F0%9F%98%80' },
    ok('{"id":"\u00e4\u20ac\ud83d\ude00"}'),
  ],
  [
    'raw bytes beyond ASCII',
    { target: '/items/\u00e4' },
    fails(400, 'INVALID_ARGUMENT', 'this is not a request of HTTP'),
  ],
  [
    'an incomplete percent-encoding',
    { target: '/items/%4' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a percent-encoding that is not valid UTF-8'),
  ],
  [
    'a percent sign alone',
    { target: '/items/%' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a percent-encoding that is not valid UTF-8'),
  ],
  [
    'a percent-encoding without digits',
    { target: '/items/%zz' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a percent-encoding that is not valid UTF-8'),
  ],
  [
    'bytes that are not UTF-8',
    { target: '/items/%FF%FE' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a percent-encoding that is not valid UTF-8'),
  ],
  [
    'an overlong slash of UTF-8',
    { target: '/items/%C0%AF' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a percent-encoding that is not valid UTF-8'),
  ],
  [
    'a surrogate in UTF-8',
    { target: '/items/%ED%A0%80' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a percent-encoding that is not valid UTF-8'),
  ],
  ['an encoded null byte', { target: '/items/%00' }, ok('{"id":"\\u0000"}')],
  ['an encoded line break', { target: '/items/a%0D%0Ab' }, ok('{"id":"a\\r\\nb"}')],
  ['an empty last segment', { target: '/items/' }, fails(404, 'NOT_FOUND', 'this path does not exist')],
  ['a missing segment', { target: '/items' }, fails(404, 'NOT_FOUND', 'this path does not exist')],
  ['a trailing slash', { target: '/items/1/' }, fails(404, 'NOT_FOUND', 'this path does not exist')],
  ['an empty segment', { target: '/items//1' }, fails(404, 'NOT_FOUND', 'this path does not exist')],
  [
    'two slashes at the beginning',
    { target: '//items/1' },
    fails(404, 'NOT_FOUND', 'this path does not exist'),
  ],
  [
    'a segment ..',
    { target: '/items/..' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a segment "." or ".."; send the path without it'),
  ],
  [
    'an encoded segment ..',
    { target: '/items/%2e%2E' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a segment "." or ".."; send the path without it'),
  ],
  [
    'a segment .',
    { target: '/items/.' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a segment "." or ".."; send the path without it'),
  ],
  ['three dots', { target: '/items/...' }, ok('{"id":"..."}')],
  [
    'a segment .. before the route',
    { target: '/x/../items/1' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a segment "." or ".."; send the path without it'),
  ],
  [
    'a longer path than that of the route',
    { target: '/items/1/2' },
    fails(404, 'NOT_FOUND', 'this path does not exist'),
  ],
  ['another case', { target: '/ITEMS/1' }, fails(404, 'NOT_FOUND', 'this path does not exist')],
  ['an encoded literal', { target: '/%69tems/1' }, ok('{"id":"1"}')],
  ['a literal with a space', { target: '/a%20b/c' }, ok('{}')],
  ['the name __proto__ as a value', { target: '/items/__proto__' }, ok('{"id":"__proto__"}')],
  ['a colon in the last segment', { target: '/items/1:2' }, ok('{"id":"1:2"}')],
  ['a verb', { method: 'POST', target: '/items/1:purge' }, ok('{"id":"1"}')],
  ['an encoded colon before a verb', { target: '/items/1%3Apurge' }, ok('{"id":"1:purge"}')],
  [
    'a verb with another method',
    { target: '/items/1:purge' },
    fails(405, 'METHOD_NOT_ALLOWED', 'this path does not have the method GET', 'OPTIONS, POST'),
  ],
  [
    'a verb without a value',
    { method: 'POST', target: '/items/:purge' },
    fails(405, 'METHOD_NOT_ALLOWED', 'this path does not have the method POST', 'DELETE, GET, HEAD, OPTIONS'),
  ],
  [
    'an unknown verb',
    { method: 'POST', target: '/items/1:other' },
    fails(405, 'METHOD_NOT_ALLOWED', 'this path does not have the method POST', 'DELETE, GET, HEAD, OPTIONS'),
  ],
  ['a semicolon', { target: '/items/1;v=2' }, ok('{"id":"1;v=2"}')],
  ['a fragment', { target: '/items/1#2' }, ok('{"id":"1#2"}')],
  [
    'several segments of a variable',
    { target: '/v1/shelves/a/books/b%2Fc' },
    ok('{"name":"shelves/a/books/b%2Fc"}'),
  ],
  [
    'a variable with another literal',
    { target: '/v1/shelves/a/pages/b' },
    fails(404, 'NOT_FOUND', 'this path does not exist'),
  ],
  ['the rest of a path', { target: '/files/a/b%20c/d%2Fe' }, ok('{"path":"a/b c/d%2Fe"}')],
  ['an empty rest of a path', { target: '/files' }, ok('{"path":""}')],
  [
    'a rest with an empty segment',
    { target: '/files/a//b' },
    fails(404, 'NOT_FOUND', 'this path does not exist'),
  ],
  [
    'a rest with a segment ..',
    { target: '/files/a/../b' },
    fails(400, 'INVALID_ARGUMENT', 'the path has a segment "." or ".."; send the path without it'),
  ],
  ['an absolute target', { target: 'http://localhost/items/1' }, ok('{"id":"1"}')],
  ['a path that does not exist', { target: '/other' }, fails(404, 'NOT_FOUND', 'this path does not exist')],
  ['the root', { target: '/' }, fails(404, 'NOT_FOUND', 'this path does not exist')],
  ['a very long path', { target: `/items/${'a'.repeat(7_000)}` }, ok(`{"id":"${'a'.repeat(7_000)}"}`)],
  [
    'a path that is too long',
    { target: `/items/${'a'.repeat(8_100)}` },
    fails(414, 'URI_TOO_LONG', 'the path and the query are longer than 8000 characters'),
  ],
  [
    'a request line that is too long',
    { target: `/items/${'a'.repeat(20_000)}` },
    fails(431, 'HEADERS_TOO_LARGE', 'the headers are too long'),
  ],
]

describe('awkward paths of a gateway of REST', () => {
  const port = echoPort()

  it.each(ROWS)('%s', async (_name, request, expected) => {
    expect(await outcomeOf(port(), request)).toEqual(expected)
  })
})
