import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { create, createFileRegistry, type DescService, setExtension, toBinary } from '@bufbuild/protobuf'
import { FieldOptionsSchema, type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { createStandardSchema } from '@bufbuild/protovalidate'
import {
  FieldRulesSchema,
  field as rulesOfField,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { isContract } from '../../../../src/service/contract/service-contract.js'
import { loadContracts } from '../../../../src/service/proto/load-contracts.js'
import { type ProtoContractOptions, protoContract } from '../../../../src/service/proto/proto-contract.js'
import type { ServiceError } from '../../../../src/service-error.js'
import { TEST_DESCRIPTORS, testDescriptors } from '../../../support/proto-files.js'

const users = (options?: ProtoContractOptions) => protoContract(serviceIn(testDescriptors()), options)

function serviceIn(descriptors: FileDescriptorSet, name = 'user.UserService'): DescService {
  const service = createFileRegistry(descriptors).getService(name)
  if (service === undefined) throw new Error(`there is no service ${name}`)
  return service
}

/** The descriptors with one change in the file of the service. */
function changed(change: (file: FileDescriptorSet['file'][number]) => void): FileDescriptorSet {
  const descriptors = testDescriptors()
  for (const file of descriptors.file) if (file.name === 'users.proto') change(file)
  return descriptors
}

describe('protoContract', () => {
  it('has the kinds, the idempotency and the routes of the file', () => {
    const contract = users()
    expect(contract.name).toBe('user.UserService')
    expect(isContract(contract)).toBe(true)
    const shown = Object.entries(contract.methods).map(([name, { kind, safe, idempotent, http }]) => [
      name,
      kind,
      safe,
      idempotent,
      http.map(({ method, path, body, responseBody }) => `${method} ${path} ${body} ${responseBody}`),
    ])
    expect(shown).toEqual([
      [
        'getUser',
        'unary',
        true,
        true,
        ['GET /api/v1/users/{id}  ', 'GET /api/v1/accounts/{account}/users/{id}  '],
      ],
      ['putUser', 'unary', false, true, ['PUT /api/v1/users/{id} * ']],
      ['createUser', 'unary', false, false, ['POST /api/v1/users user user']],
      ['streamUsers', 'serverStream', false, false, []],
      ['upload', 'clientStream', false, false, []],
      ['chat', 'bidi', false, false, []],
    ])
  })

  it('replaces the routes of the file by those of the option', () => {
    const { methods } = users({
      http: { getUser: 'GET /users/{id}', streamUsers: ['GET /users', 'POST /users'] },
    })
    const routes = Object.values(methods).map(({ http }) =>
      http.map(({ method, path }) => `${method} ${path}`),
    )
    expect(routes.slice(0, 4)).toEqual([
      ['GET /users/{id}'],
      ['PUT /api/v1/users/{id}'],
      ['POST /api/v1/users'],
      ['GET /users', 'POST /users'],
    ])
  })

  it.each([
    [{ http: { getUsr: 'GET /' } }, 'unknown option "getUsr"; did you mean "getUser"?'],
    [{ htp: {} }, 'unknown option "htp"; did you mean "http"?'],
    [{ http: { getUser: 'GET /{name}' } }, 'names the field "name", which user.GetUserRequest does not have'],
    [
      { http: { putUser: 'GET /{emails}' } },
      'the variable "emails" in http of user.UserService.putUser is not a field',
    ],
    [{ http: { putUser: 'GET /{children.id}' } }, 'the variable "children.id" in http of'],
    [{ http: { createUser: 'GET /{user}' } }, 'the variable "user" in http of user.UserService.createUser'],
    [
      { http: { createUser: { route: 'POST /', body: 'id' } } },
      'names the field "id", which user.CreateUserRequest',
    ],
    [
      { http: { createUser: { route: 'POST /', responseBody: 'id' } } },
      'names the field "id", which user.GetUserResponse',
    ],
    [{ validate: true }, 'validate is true; it must be a function'],
    [{ validate: () => ({}) }, 'the result of validate for user.GetUserRequest is [object Object]'],
  ])('rejects the options %o', (options, message) => {
    expect(() => users(options as ProtoContractOptions)).toThrow(message)
  })

  it('accepts nested variables of a path', () => {
    expect(() => users({ http: { createUser: 'POST /{user.id}/{user.created}/{user.role}' } })).not.toThrow()
  })

  it('rejects two methods with one route, and names that a client cannot have', () => {
    expect(() => users({ http: { upload: 'PUT /api/v1/users/{name}' } })).toThrow(
      'the HTTP route "PUT /api/v1/users/{name}" for the methods putUser and upload',
    )
    const renamed = changed((file) => {
      for (const method of file.service[0]?.method ?? []) if (method.name === 'Chat') method.name = 'Then'
    })
    expect(() => protoContract(serviceIn(renamed))).toThrow(
      '"then" cannot be a method of contract user.UserService',
    )
    expect(() => protoContract({} as DescService)).toThrow(
      'the service is [object Object]; it must be a service',
    )
  })

  it('parses an input to a complete message, and an output to itself', () => {
    const { getUser } = users().methods
    expect(getUser?.input.parse({ id: 7n })).toEqual({
      $typeName: 'user.GetUserRequest',
      id: 7n,
      account: '',
    })
    const output = { user: { id: 7n } }
    expect(getUser?.output.parse(output)).toBe(output)
    expect(getUser?.output.receive?.(output)).toMatchObject({ user: { id: 7n, name: '' } })
  })

  it('names the fields of a wrong message', () => {
    const { getUser } = users().methods
    expect(failure(() => getUser?.input.parse({ id: 'x' }))).toMatchObject({
      status: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        /^the input of user\.UserService\.getUser is not valid: id: must be a bigint/,
      ),
    })
    const { output } = getUser ?? {}
    const wrong = { user: { age: -1 } }
    for (const read of [
      () => output?.parse(wrong),
      () => output?.receive?.(wrong),
      () => output?.binary?.encode(wrong),
    ]) {
      expect(failure(read)).toMatchObject({
        status: 'INTERNAL',
        message: expect.stringMatching(/^the output of user\.UserService\.getUser is not valid: user\.age: /),
      })
    }
  })

  it('encodes and decodes the bytes of gateways', () => {
    const { input } = users().methods.getUser ?? {}
    const bytes = input?.binary?.encode({ id: 7n }) as Uint8Array
    expect([...bytes]).toEqual([8, 7])
    expect(input?.binary?.decode(bytes)).toEqual({ $typeName: 'user.GetUserRequest', id: 7n, account: '' })
    expect(failure(() => input?.binary?.decode(Uint8Array.of(8))).message).toMatch(
      /^the input of user\.UserService\.getUser is not valid: the bytes are not a message user\.GetUserRequest: /,
    )
    const legacy = protoContract(serviceIn(testDescriptors(), 'legacy.Legacy')).methods.call?.input
    expect(failure(() => legacy?.binary?.decode(Uint8Array.of())).message).toBe(
      'the input of legacy.Legacy.call is not valid: name: is required',
    )
  })

  it('decodes fields of bytes as plain bytes, also from a Buffer', () => {
    const { input } = users().methods.putUser ?? {}
    const bytes = input?.binary?.encode({ avatar: Uint8Array.of(1, 2) }) as Uint8Array
    const message = input?.binary?.decode(Buffer.from(bytes)) as { avatar: Uint8Array } | undefined
    expect(message?.avatar).toStrictEqual(Uint8Array.of(1, 2))
  })

  it('applies the rules of the option validate to complete messages', async () => {
    const rules = z.looseObject({ account: z.string().min(1, 'is empty') })
    const seen: string[] = []
    const contract = users({
      validate: ({ typeName }) => {
        seen.push(typeName)
        if (typeName === 'user.GetUserRequest') return rules
        return typeName === 'user.User'
          ? z.looseObject({ id: z.bigint().refine(async () => false, 'no') })
          : z.any()
      },
    })
    expect(new Set(seen)).toContain('google.protobuf.Empty')
    const { getUser, streamUsers } = contract.methods
    expect(failure(() => getUser?.input.parse({})).message).toMatch(/: account: is empty$/)
    const binary = getUser?.input.binary
    expect(failure(() => binary?.check?.(binary.decode(Uint8Array.of()))).message).toMatch(
      /: account: is empty$/,
    )
    expect(getUser?.output.binary).not.toHaveProperty('check')
    expect(getUser?.input.parse({ account: 'a' })).toMatchObject({ id: 0n, account: 'a' })
    await expect(streamUsers?.output.parse({})).rejects.toMatchObject({ status: 'INTERNAL' })
  })

  it('works with the rules of protovalidate', () => {
    const withRules = changed((file) => {
      const request = file.messageType.find(({ name }) => name === 'GetUserRequest')
      for (const field of request?.field ?? []) {
        if (field.name !== 'account') continue
        field.options = create(FieldOptionsSchema)
        const rules = create(FieldRulesSchema, { type: { case: 'string', value: { minLen: 3n } } })
        setExtension(field.options, rulesOfField, rules)
      }
    })
    const { getUser } = protoContract(serviceIn(withRules), { validate: createStandardSchema }).methods
    expect(getUser?.input.parse({ account: 'abc' })).toMatchObject({ account: 'abc' })
    expect(failure(() => getUser?.input.parse({ account: 'a' })).message).toMatch(
      /^the input of user\.UserService\.getUser is not valid: account: /,
    )
  })

  it('has a hash of the descriptors without comments and options', () => {
    const { hash } = users()
    expect(hash).toMatch(/^[0-9a-f]{16}$/)
    expect(users().hash).toBe(hash)
    const hashes = [
      changed((file) => {
        for (const { field } of file.messageType)
          for (const one of field) if (one.name === 'agent') one.name = 'bot'
      }),
      changed((file) => {
        for (const { field } of file.messageType)
          for (const one of field) if (one.number === 1) one.number = 99
      }),
      changed((file) => {
        for (const { value } of file.enumType) for (const one of value) if (one.number === 1) one.number = 2
      }),
      changed((file) => {
        for (const { method } of file.service)
          for (const one of method) if (one.name === 'Chat') one.name = 'Talk'
      }),
    ].map((descriptors) => protoContract(serviceIn(descriptors)).hash)
    expect(new Set([hash, ...hashes]).size).toBe(5)
    const deprecated = changed((file) => {
      file.sourceCodeInfo = undefined
      for (const { field } of file.messageType)
        for (const one of field)
          if (one.name === 'name') one.options = create(FieldOptionsSchema, { deprecated: true })
    })
    expect(protoContract(serviceIn(deprecated)).hash).toBe(hash)
  })
})

describe('loadContracts', () => {
  it('reads a path, a URL and bytes', async () => {
    const sources = [TEST_DESCRIPTORS, fileURLToPath(TEST_DESCRIPTORS), readFileSync(TEST_DESCRIPTORS)]
    for (const source of sources) {
      const contracts = await loadContracts(source)
      expect(contracts.names).toEqual(['legacy.Legacy', 'user.UserService'])
      expect(contracts.get('user.UserService').hash).toBe(users().hash)
      const { methods } = contracts.get('user.UserService', { http: { chat: 'GET /chat' } })
      expect(methods.chat?.http).toHaveLength(1)
    }
  })

  it('rejects a name that the set does not have', async () => {
    const contracts = await loadContracts(TEST_DESCRIPTORS)
    expect(() => contracts.get('user.UsersService')).toThrow(
      'the descriptor set has no service "user.UsersService"; did you mean "user.UserService"?',
    )
    expect(() => contracts.get('x')).toThrow('"x"; it has legacy.Legacy, user.UserService')
  })

  it('rejects files that are missing or not complete', async () => {
    await expect(loadContracts('/nowhere/users.binpb')).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
      message: expect.stringMatching(/^the descriptor set "\/nowhere\/users\.binpb" cannot be read: ENOENT/),
    })
    await expect(loadContracts(Uint8Array.of(1, 2, 3))).rejects.toThrow(
      'a Uint8Array of 3 bytes is not a complete descriptor set; write it with buf build -o',
    )
    const descriptors = testDescriptors()
    descriptors.file = descriptors.file.filter(({ name }) => !name.startsWith('google/'))
    await expect(loadContracts(toBinary(FileDescriptorSetSchema, descriptors))).rejects.toThrow(
      '--include_imports',
    )
    await expect(loadContracts(7 as never)).rejects.toThrow('the descriptor set is 7; it must be a path')
  })
})

function failure(call: () => unknown): ServiceError {
  try {
    call()
  } catch (error) {
    return error as ServiceError
  }
  throw new Error('the call threw nothing')
}
