import { describe, expect, it } from 'vitest'
import { contract, unary } from '../../../../src/service/contract/define-contract.js'
import { httpBindings } from '../../../../src/service/contract/http-binding.js'
import { parsePathTemplate } from '../../../../src/service/contract/path-template.js'

describe('the option http', () => {
  it('accepts a string, an object and an array', () => {
    const bindings = httpBindings('http', [
      'GET /users/{id}',
      'POST /users',
      { route: 'PATCH /users/{user.id}', body: 'user', responseBody: 'user' },
      { route: 'POST /users:search', body: '' },
      'DELETE /users/{id}',
    ])
    expect(
      bindings.map(({ method, path, body, responseBody }) => [method, path, body, responseBody]),
    ).toEqual([
      ['GET', '/users/{id}', '', ''],
      ['POST', '/users', '*', ''],
      ['PATCH', '/users/{user.id}', 'user', 'user'],
      ['POST', '/users:search', '', ''],
      ['DELETE', '/users/{id}', '', ''],
    ])
  })

  it.each([
    [7, 'http is 7; it must be a string such as "GET /users/{id}"'],
    ['/users', 'http is "/users"; it must be a method of HTTP, a space and a path'],
    ['GET  /users', 'http is "GET  /users"; it must be a method of HTTP, a space and a path'],
    ['get /users', 'the method in http is "get"; it must be one of GET, HEAD, POST'],
    ['GET users', 'the path "users" in http is not a path template: it must begin with /'],
    ['GET /users/:id', 'is not a path template: a variable is written as {id}, not as :id'],
    ['GET /users/:id/emails', 'a variable is written as {id}, not as :id'],
    [{ rout: 'GET /' }, 'unknown option "rout"; did you mean "route"?'],
    [{ route: 'GET /', body: '*' }, 'http has a body, and GET requests have none'],
    [{ route: 'POST /', body: 'a.b' }, 'body in http is "a.b"; it must be "*", the name of a field, or ""'],
    [{ route: 'GET /', responseBody: '*' }, 'responseBody in http is "*"; it must be the name of a field'],
    [`GET /${'a'.repeat(1024)}`, 'it must be at most 1024 characters'],
    [Array.from({ length: 33 }, (_, index) => `GET /${index}`), 'http has 33 routes; the maximum is 32'],
  ])('rejects %j', (option, message) => {
    expect(() => httpBindings('http', option)).toThrow(message)
  })

  it('rejects a route that another method has, whatever its variables are called', () => {
    const define = (one: string, other: string) => () =>
      contract('s', { a: unary({ http: one }), b: unary({ http: other }) })
    expect(define('GET /users/{id}', 'GET /users/{name}')).toThrow(
      'contract s has the HTTP route "GET /users/{name}" for the methods a and b; use different routes',
    )
    expect(define('GET /users/{id}:undo', 'GET /users/*:undo')).toThrow('for the methods a and b')
    expect(define('GET /users/{id}', 'PUT /users/{id}')).not.toThrow()
    expect(define('GET /users/{id}', 'GET /users/{id}:undo')).not.toThrow()
    expect(() => contract('s', { a: unary({ http: ['GET /a', 'GET /a'] }) })).toThrow('for a twice')
  })
})

describe('a path template', () => {
  it.each([
    ['/', [], [], ''],
    ['/v1/users', ['v1', 'users'], [], ''],
    ['/v1/users/{id}', ['v1', 'users', '*'], [['id', 2, 3]], ''],
    ['/v1/{name=shelves/*/books/*}', ['v1', 'shelves', '*', 'books', '*'], [['name', 1, 5]], ''],
    [
      '/v1/{user.id}/{path=**}',
      ['v1', '*', '**'],
      [
        ['user.id', 1, 2],
        ['path', 2, 3],
      ],
      '',
    ],
    ['/v1/{name=files/**}:read', ['v1', 'files', '**'], [['name', 1, 3]], 'read'],
    ['/v1/users:search', ['v1', 'users'], [], 'search'],
    ['/v1/*/a%2Fb', ['v1', '*', 'a%2Fb'], [], ''],
  ])('parses %s', (text, segments, variables, verb) => {
    expect(parsePathTemplate(text)).toEqual({
      segments,
      variables: variables.map(([field, start, end]) => ({ field, start, end })),
      verb,
    })
  })

  it.each([
    ['v1', 'it must begin with /'],
    ['', 'it must begin with /'],
    ['/v1/', '"" is not a segment'],
    ['//v1', '"" is not a segment'],
    ['/v1?a=b', '"v1?a=b" is not a segment'],
    ['/a%2', '"a%2" is not a segment'],
    ['/a*', '"a*" is not a segment'],
    ['/{id', '"{id" is not a segment'],
    ['/a{id}', '"a{id}" is not a segment'],
    ['/{id}a', '"a" does not continue it'],
    ['/{a{b}}', '"{a{b}}" is not a segment'],
    ['/{}', '"" is not the path of a field'],
    ['/{1}', '"1" is not the path of a field'],
    ['/{a=}', '"" is not a segment'],
    ['/{a=b/}', '"" is not a segment'],
    ['/{a}/{a}', 'it has the variable "a" twice'],
    ['/**/a', '** must be its last segment'],
    ['/**/{a=**}', '** must be its last segment'],
    ['/a:', '"" is not a verb'],
    ['/a:b/c', '"a:b" is not a segment'],
    ['/a:b:c', '"b:c" is not a verb'],
  ])('rejects %j', (text, message) => {
    expect(() => parsePathTemplate(text)).toThrow(message)
  })
})
