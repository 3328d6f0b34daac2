import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { jsonSchema } from '../../../../src/schema/json-schema.js'
import type { Contract } from '../../../../src/service/contract/contract.js'
import {
  bidi,
  clientStream,
  contract,
  serverStream,
  unary,
} from '../../../../src/service/contract/define-contract.js'
import { isContract, prepareContract } from '../../../../src/service/contract/service-contract.js'
import type { FieldViolation, ServiceError } from '../../../../src/service-error.js'

const LIBRARIES = {
  zod: z.object({ id: z.number(), emails: z.array(z.string()).default([]) }),
  valibot: v.object({ id: v.number(), emails: v.optional(v.array(v.string()), []) }),
  arktype: type({ id: 'number', emails: type('string[]').default(() => []) }),
  ajv: jsonSchema<{ id: number; emails?: string[] }>({
    type: 'object',
    properties: { id: { type: 'number' }, emails: { type: 'array', items: { type: 'string' }, default: [] } },
    required: ['id'],
    additionalProperties: false,
  }),
}

describe('contract', () => {
  it('has the kinds and options of its methods', () => {
    const users = contract('user.UserService', {
      getUser: unary({ http: 'GET /users/{id}', safe: true }),
      streamUsers: serverStream({ idempotent: true }),
      upload: clientStream(),
      chat: bidi({}),
    })
    expect(users.name).toBe('user.UserService')
    expect(isContract(users)).toBe(true)
    for (const other of [{}, null, 'users', { name: 'users' }]) expect(isContract(other)).toBe(false)
    const shown = Object.entries(users.methods).map(([name, { kind, safe, idempotent, http }]) => [
      name,
      kind,
      safe,
      idempotent,
      http.length,
    ])
    expect(shown).toEqual([
      ['getUser', 'unary', true, true, 1],
      ['streamUsers', 'serverStream', false, true, 0],
      ['upload', 'clientStream', false, false, 0],
      ['chat', 'bidi', false, false, 0],
    ])
  })

  it('has no method with the name of a member of every object', () => {
    const { methods } = contract('s', { m: unary() })
    for (const name of ['constructor', 'toString', '__proto__', 'then'])
      expect(Reflect.get(methods, name)).toBeUndefined()
    expect(Object.isFrozen(methods)).toBe(true)
  })

  it.each([
    ['', 'the name of the contract is ""'],
    ['user service', 'the name of the contract is "user service"'],
    ['1user', 'the name of the contract is "1user"'],
    ['user.', 'the name of the contract is "user."'],
    ['a'.repeat(257), 'the name of the contract is "aaa'],
  ])('rejects the name %j', (name, message) => {
    expect(() => contract(name, { m: unary() })).toThrow(message)
  })

  it.each([
    [{}, 'contract s has no methods'],
    [{ $m: unary() }, 'a method of contract s is "$m"'],
    [{ 'get-user': unary() }, 'a method of contract s is "get-user"'],
    [JSON.parse('{"then":{}}'), '"then" cannot be a method of contract s'],
    [{ toString: unary() }, '"toString" cannot be a method of contract s'],
    [{ m: { kind: 'unary' } }, 'the method s.m is [object Object]; it must be unary(…)'],
    [{ m: unary({ safe: 1 } as never) }, 'safe of s.m is 1; it must be true or false'],
    [{ m: unary({ safe: true, idempotent: false }) }, 's.m is safe, so it is idempotent'],
    [{ m: unary({ input: new Date(0) } as never) }, 'input of s.m is [object Date]; it must be a schema'],
    [{ m: unary({ output: true } as never) }, 'output of s.m is true; it must be a schema'],
    [{ m: unary({ input: { '~standard': { version: 2 } } } as never) }, 'input of s.m is [object Object]'],
    [{ m: unary({ input: { type: () => {} } } as never) }, 'a JSON value has a function'],
    [
      { m: unary({ input: { $schema: 'draft-04' } }) },
      '$schema in the JSON Schema of the input of s.m is "draft-04"',
    ],
  ])('rejects the methods %o', (methods, message) => {
    expect(() => contract('s', methods as never)).toThrow(message)
  })

  it('suggests the nearest option', () => {
    expect(() => unary({ inptu: {} } as never)).toThrow('unknown option "inptu"; did you mean "input"?')
    expect(() => contract('s', new Map() as never)).toThrow('the methods of contract s is [object Map]')
  })
})

describe.each(Object.entries(LIBRARIES))('a schema of %s', (name, schema) => {
  const define = () => contract('user.UserService', { getUser: unary({ input: schema, output: schema }) })

  it('returns the input with its defaults', async () => {
    const users = define()
    await prepareContract(users)
    expect(users.methods.getUser.input.parse({ id: 1 })).toEqual({ id: 1, emails: [] })
  })

  it('returns the output unchanged', async () => {
    const users = define()
    await prepareContract(users)
    const value = { id: 1 }
    expect(users.methods.getUser.output.parse(value)).toBe(value)
    expect(value).toEqual({ id: 1 })
  })

  it('names the field of a wrong message', async () => {
    const users = define()
    await prepareContract(users)
    const wrong = { id: 1, emails: ['a', 2] }
    const error = failure(() => users.methods.getUser.input.parse(wrong))
    expect(error).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'INVALID_MESSAGE' })
    expect(error.message).toMatch(/^the input of user\.UserService\.getUser is not valid: emails\[1\]: /)
    expect(violationsOf(error)).toEqual([
      { field: 'emails[1]', description: expect.stringMatching(/string/) },
    ])
    const own = failure(() => users.methods.getUser.output.parse(wrong))
    expect(own.status).toBe('INTERNAL')
    expect(own.message).toMatch(/^the output of user\.UserService\.getUser is not valid: emails\[1\]: /)
  })

  it('names a wrong message as a whole', async () => {
    const users = define()
    await prepareContract(users)
    const [first] = violationsOf(failure(() => users.methods.getUser.input.parse(7)))
    expect(first?.field).toBe('')
  })

  it('describes itself as JSON Schema, except where the library cannot', () => {
    const { input } = define().methods.getUser
    if (name === 'valibot') expect(input.jsonSchema?.()).toBeUndefined()
    else expect(input.jsonSchema?.()).toMatchObject({ type: 'object', required: ['id'] })
  })
})

describe('a message type', () => {
  it('returns a promise only if the validation is asynchronous', async () => {
    const later = z.object({
      id: z.number().refine(async (id) => Promise.resolve(id > 0), 'is not positive'),
    })
    const { input, output } = contract('s', { m: unary({ input: later, output: later }) }).methods.m
    const parsed = input.parse({ id: 1 })
    expect(parsed).toBeInstanceOf(Promise)
    expect(await parsed).toEqual({ id: 1 })
    const value = { id: 1 }
    expect(await output.parse(value)).toBe(value)
    await expect(input.parse({ id: 0 })).rejects.toMatchObject({
      message: 'the input of s.m is not valid: id: is not positive',
    })
  })

  it('bounds the violations and their texts', () => {
    const schema = z.array(z.record(z.string(), z.string('wrong '.repeat(100))))
    const { input } = contract('s', { m: unary({ input: schema }) }).methods.m
    const wrong = Array.from({ length: 50 }, () => ({ ['key'.repeat(200)]: 1, 'a\nb': 2 }))
    const violations = violationsOf(failure(() => input.parse(wrong)))
    expect(violations).toHaveLength(32)
    for (const { field, description } of violations) {
      expect(field.length).toBeLessThan(300)
      expect(description.length).toBeLessThan(300)
    }
    expect(violations[1]?.field).toBe('[0]["a\\nb"]')
  })

  it('is empty without a schema', () => {
    const { input, output } = contract('s', { m: unary() }).methods.m
    expect([input.empty, output.empty]).toEqual([true, true])
    expect(input.parse(undefined)).toBeUndefined()
    expect(input.parse(null)).toBeUndefined()
    expect(output.parse('a value of another function')).toBeUndefined()
    expect(failure(() => input.parse({})).message).toBe(
      'the input of s.m is not valid: the method takes no message',
    )
  })

  it('accepts the three drafts of JSON Schema, also without prepare', async () => {
    const drafts = [
      { $schema: 'https://json-schema.org/draft/2020-12/schema', prefixItems: [{ type: 'string' }] },
      { $schema: 'https://json-schema.org/draft/2019-09/schema', items: [{ type: 'string' }] },
      { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] },
    ]
    for (const schema of drafts) {
      const { input } = contract('s', { m: unary({ input: schema }) }).methods.m
      expect(await input.parse(['x'])).toEqual(['x'])
      expect(failure(() => input.parse([1])).message).toBe(
        'the input of s.m is not valid: [0]: must be string',
      )
    }
  })

  it('ignores annotations of OpenAPI, and rejects unknown keywords of a JSON Schema', async () => {
    const annotated = {
      type: 'object',
      example: {},
      'x-order': 1,
      properties: { a: { 'x-note': 2, format: 'email' } },
    }
    const fine = contract('s', { m: unary({ input: annotated }) })
    await prepareContract(fine)
    expect(fine.methods.m.input.parse({ a: 'x' })).toEqual({ a: 'x' })
    const wrong = contract('s', { m: unary({ output: { type: 'object', requird: ['id'] } }) })
    await expect(prepareContract(wrong)).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      message: 'the JSON Schema of the output of s.m is not valid: strict mode: unknown keyword: "requird"',
    })
  })

  it('names an additional property', async () => {
    const strict = contract('s', { m: unary({ input: LIBRARIES.ajv }) })
    await prepareContract(strict)
    expect(failure(() => strict.methods.m.input.parse({ id: 1, name: 'x' })).message).toBe(
      'the input of s.m is not valid: must NOT have additional properties: "name"',
    )
  })
})

describe('the hash of a contract', () => {
  const users = (options: object = {}, id: MessageTypeSchema = z.object({ id: z.number() })) =>
    contract('user.UserService', { getUser: unary({ input: id, ...options }), ping: unary() })

  it('has 16 hexadecimal digits and does not change between runs', () => {
    const schema = { type: 'object', properties: { id: { type: 'number' } } }
    expect(users({ http: 'GET /users/{id}', safe: true }, schema).hash).toBe('e3a0563df189e55e')
  })

  it('does not depend on the order of methods and keys', () => {
    const schema = { type: 'object', properties: { a: {}, b: {} } }
    const other = { properties: { b: {}, a: {} }, type: 'object' }
    const one = contract('s', { a: unary({ input: schema }), b: unary() })
    expect(contract('s', { b: unary(), a: unary({ input: other }) }).hash).toBe(one.hash)
  })

  it('depends on each part', () => {
    const all: Contract[] = [
      users(),
      users({ safe: true }),
      users({ idempotent: true }),
      users({ http: 'GET /a' }),
      users({ http: 'POST /a' }),
      users({ http: { route: 'POST /a', body: 'b' } }),
      users({ output: z.string() }),
      users({}, z.object({ id: z.string() })),
      users({}, v.object({ id: v.string() })),
      contract('user.Other', { getUser: unary(), ping: unary() }),
      contract('user.UserService', { getUser: unary(), ping: unary() }),
      contract('user.UserService', { getUser: serverStream(), ping: unary() }),
    ]
    expect(new Set(all.map(({ hash }) => hash)).size).toBe(all.length)
  })

  it('does not cover what a library cannot describe', () => {
    expect(users({}, z.date()).hash).toBe(users({}, z.bigint()).hash)
  })
})

type MessageTypeSchema = NonNullable<Parameters<typeof unary>[0]>['input']

function failure(call: () => unknown): ServiceError {
  try {
    call()
  } catch (error) {
    return error as ServiceError
  }
  throw new Error('the call threw nothing')
}

function violationsOf({ details }: ServiceError): readonly FieldViolation[] {
  return (details as { fieldViolations: readonly FieldViolation[] }).fieldViolations
}
