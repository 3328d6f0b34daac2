import { beforeAll, expect } from 'vitest'
import { createRestServer } from '../../src/gateway/rest/rest-server.js'
import { jsonSchema } from '../../src/schema/json-schema.js'
import type { Contract } from '../../src/service/contract/contract.js'
import type { Handlers } from '../../src/service/contract/contract-types.js'
import { contract, unary } from '../../src/service/contract/define-contract.js'
import { serve } from '../../src/service/serve.js'
import { createChannelPair } from '../../src/testing/channel-pair.js'
import { Users } from './grpc-gateways.js'
import { type RawRequest, sendRaw } from './raw-http.js'
import type { Json } from './rest-gateways.js'

/** A request, and what its client gets. */
export type Row = readonly [name: string, request: RawRequest, expected: Outcome]

/** A reply, as far as the tables state it. */
export interface Outcome {
  readonly status: number
  /** JSON is parsed. */
  readonly body: Json
  readonly allow: string | undefined
}

const ANY = jsonSchema<unknown>({})
const QUERY = jsonSchema<unknown>({
  type: 'object',
  additionalProperties: false,
  properties: {
    text: { type: 'string' },
    count: { type: 'integer' },
    ratio: { type: 'number' },
    flag: { type: 'boolean' },
    maybe: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    mixed: { type: ['string', 'number'] },
    level: { enum: [1, 2, 3] },
    list: { type: 'array', items: { type: 'integer' } },
    names: { type: 'array', items: { type: 'string' } },
    user: {
      type: 'object',
      properties: { id: { type: 'integer' }, address: { $ref: '#/$defs/address' } },
    },
  },
  $defs: { address: { type: 'object', properties: { city: { type: 'string' } } } },
})
const LOOSE = jsonSchema<unknown>({ type: 'object', additionalProperties: true })
const TEXT = jsonSchema<unknown>({ type: 'string' })

const Echo = contract('test.Echo', {
  item: unary({ input: ANY, output: ANY, http: ['GET /items/{id}', 'DELETE /items/{id}'] }),
  purge: unary({ input: ANY, output: ANY, http: { route: 'POST /items/{id}:purge', body: '' } }),
  query: unary({ input: QUERY, output: ANY, http: 'GET /query' }),
  loose: unary({ input: LOOSE, output: ANY, http: 'GET /loose' }),
  body: unary({ input: ANY, output: ANY, http: ['POST /body', 'PUT /body/{id}', 'PATCH /body/{user.id}'] }),
  part: unary({ input: QUERY, output: ANY, http: { route: 'POST /part', body: 'user' } }),
  text: unary({ input: TEXT, output: ANY, http: 'POST /text' }),
  nothing: unary({ http: ['GET /nothing', 'POST /nothing'] }),
  shelf: unary({ input: ANY, output: ANY, http: 'GET /v1/{name=shelves/*/books/*}' }),
  file: unary({ input: ANY, output: ANY, http: 'GET /files/{path=**}' }),
  literal: unary({ input: ANY, output: ANY, http: 'GET /a%20b/c' }),
})

/** Answers each request with itself. */
const echo = Object.fromEntries(
  Object.keys(Echo.methods).map((name) => [name, (message: unknown) => message ?? null]),
)

const users = {
  getUser: ({ id, account }: Json) => ({ user: { id, name: account } }),
  createUser: ({ user }: Json) => ({ user }),
  putUser: () => ({}),
}

/** A gateway in front of a service that answers each request with itself. It ends with the tests of the file. */
export function echoPort(): () => number {
  return portOf(Echo, echo)
}

/** A gateway in front of `UserService`. It ends with the tests of the file. */
export function usersPort(): () => number {
  return portOf(Users, users)
}

function portOf(served: Contract, handlers: Record<string, unknown>): () => number {
  let port = 0
  beforeAll(async () => {
    const [left, right] = createChannelPair()
    const unused = Object.fromEntries(Object.keys(served.methods).map((name) => [name, () => ({})]))
    await serve(right, { ...unused, ...handlers } as Handlers<Contract>, { contract: served })
    const server = await createRestServer({
      services: [{ contract: served, target: left }],
      listen: '127.0.0.1:0',
    })
    port = server.port
    return async () => {
      await server.close({ timeoutMs: 0 })
      left.destroy()
    }
  })
  return () => port
}

/** Sends a request on a connection of its own. */
export async function outcomeOf(port: number, request: RawRequest): Promise<Outcome> {
  const { status, headers, body } = await sendRaw(port, request)
  return { status, body: parsed(body), allow: headers.get('allow') }
}

export const JSON_TYPE: readonly string[] = ['content-type: application/json']

export function post(target: string, body: string | Uint8Array, headers = JSON_TYPE): RawRequest {
  return { method: 'POST', target, body, headers }
}

/** Replaces a user. */
export function put(body: string): RawRequest {
  return { method: 'PUT', target: '/api/v1/users/5', body, headers: JSON_TYPE }
}

/** Creates a user. */
export function create(body: string): RawRequest {
  return post('/api/v1/users', body)
}

export function ok(body: string): Outcome {
  return { status: 200, body: parsed(body), allow: undefined }
}

/** A success without a body. */
export function nothing(allow?: string): Outcome {
  return { status: 204, body: '', allow }
}

/** An error without a body. */
export function empty(status: number, allow: string): Outcome {
  return { status, body: '', allow }
}

export function fails(status: number, code: string, message: string, allow?: string): Outcome {
  return { status, body: { error: { code, message, details: {} } }, allow }
}

/** A request with a wrong field. */
export function wrong(field: string, description: string): Outcome {
  return {
    status: 400,
    body: {
      error: {
        code: 'INVALID_MESSAGE',
        message: expect.stringMatching(/^the input of [\w.]+ is not valid: /),
        details: { fieldViolations: [{ field, description }] },
      },
    },
    allow: undefined,
  }
}

const ZERO_USER = {
  id: '0',
  name: '',
  emails: [],
  role: 'ROLE_UNSPECIFIED',
  avatar: '',
  score: 0,
  ratio: 0,
  active: false,
  age: 0,
  offset: 0,
  count: '0',
  token: '0',
  friends: {},
  blobs: {},
  roles: {},
  labels: {},
  children: [],
  pastRoles: [],
  notes: [],
}

/** A user with these fields, and zero in all others. */
export function creates(fields: Readonly<Record<string, unknown>>): Outcome {
  return { status: 200, body: { ...ZERO_USER, ...fields }, allow: undefined }
}

/** An answer with a user. */
export function gets(fields: Readonly<Record<string, unknown>>): Outcome {
  return { status: 200, body: { user: { ...ZERO_USER, ...fields } }, allow: undefined }
}

function parsed(text: string): Json {
  return text === '' ? '' : JSON.parse(text)
}
