import { z } from 'zod'
import type { OpenApiDocumentOptions } from '../../src/gateway/rest/openapi/exported-document.js'
import { jsonSchema } from '../../src/schema/json-schema.js'
import { policy } from '../../src/service/auth/policy.js'
import { contract, serverStream, unary } from '../../src/service/contract/define-contract.js'
import { protoContract } from '../../src/service/proto/proto-contract.js'
import { testService } from './proto-files.js'

/** The linters ask for all of it. */
export const INFO = {
  title: 'Users',
  version: '1.0.0',
  description: 'All about users.',
  contact: { name: 'The users team', url: 'https://users.example.org' },
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
}

/** A service of a `.proto` file, also with a stream and with query parameters. */
export const ProtoUsers = protoContract(testService('user.UserService'), {
  http: {
    getUser: ['GET /api/v1/users/{id}', 'GET /api/v1/accounts/{account}/users/{id}', 'GET /api/v1/user'],
    putUser: ['PUT /api/v1/users/{id}', { route: 'POST /api/v1/agents/{agent.id}', body: 'agent' }],
    createUser: { route: 'POST /api/v1/users', body: 'user', responseBody: 'user' },
    streamUsers: 'GET /api/v1/user-stream',
  },
})

const Person = z
  .object({
    id: z.int(),
    name: z.string().min(1).max(20),
    born: z.iso.date().optional(),
    get friends() {
      return z.array(Person).max(3)
    },
  })
  .meta({ id: 'Person', description: 'A person, with friends.' })

/** A service with schemas of zod. */
export const ZodPeople = contract('people.PeopleService', {
  getPerson: unary({
    input: z.object({ id: z.int().min(0).max(1_000_000) }),
    output: Person,
    safe: true,
    http: 'GET /people/{id}',
  }),
  deletePerson: unary({ input: z.object({ person: z.int() }), http: 'DELETE /people/{person}' }),
  savePerson: unary({ input: Person, output: Person, idempotent: true, http: 'PUT /people/{id}' }),
  findPeople: unary({
    input: z.object({
      name: z.string().optional(),
      tags: z.array(z.enum(['new', 'old'])).optional(),
      limit: z.int().min(1).max(100).default(10),
      exact: z.boolean().optional(),
      place: z.object({ city: z.string().optional(), zip: z.int().optional() }).optional(),
    }),
    output: z.object({ people: z.array(Person) }),
    safe: true,
    http: ['GET /people', { route: 'GET /people:names', responseBody: 'people' }],
  }),
  watchPeople: serverStream({
    input: z.object({ since: z.int().optional() }),
    output: Person,
    http: 'GET /people:watch',
  }),
  purge: unary({
    input: z.object({ reason: z.string(), force: z.boolean().default(false) }),
    http: 'POST /people:purge',
  }),
})

/** A service with JSON Schemas of several drafts. */
export const JsonFiles = contract('files.FileService', {
  getFile: unary({
    input: jsonSchema({ type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }),
    output: jsonSchema({
      $defs: {
        Node: {
          type: 'object',
          properties: { children: { type: 'array', items: { $ref: '#/$defs/Node' } } },
        },
      },
      $ref: '#/$defs/Node',
    }),
    safe: true,
    http: ['GET /files/{name=**}', 'GET /drives/{name=disks/*/parts/*}', 'GET /volumes/*/files/{name}'],
  }),
  putFile: unary({
    input: jsonSchema({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: {
        parent: { $ref: '#' },
        owner: { $ref: '#/definitions/owner' },
        pair: { type: 'array', items: [{ type: 'string' }, { type: 'number' }] },
        size: { $ref: '#/properties/parent' },
      },
      definitions: { owner: { type: 'string', minLength: 1 } },
      required: ['owner'],
      additionalProperties: false,
    }),
    output: jsonSchema({ type: ['object', 'null'] }),
    http: 'POST /files',
  }),
})

const info = INFO
const bearer = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token.' }
const oauth = {
  type: 'oauth2',
  description: 'A token of the company.',
  flows: {
    clientCredentials: {
      tokenUrl: 'https://login.example.org/token',
      scopes: { 'users:read': 'Read users.', 'users:write': 'Change users.' },
    },
  },
}
/** No client calls these APIs. */
const authenticator = (securityScheme: Readonly<Record<string, unknown>>) => ({
  securityScheme,
  challenge: 'Bearer',
  authenticate: () => undefined,
})

/** APIs whose documents differ as much as possible. */
export const APIS: Readonly<Record<string, OpenApiDocumentOptions>> = {
  'a .proto file': { services: [{ contract: ProtoUsers }], openapi: { info } },
  'a .proto file with all options': {
    services: [{ contract: ProtoUsers }],
    openapi: { info, servers: [{ url: 'https://users.example.org/v1', description: 'Production.' }] },
    auth: [authenticator(bearer), authenticator({ type: 'apiKey', in: 'header', name: 'x-api-key' })],
    policy: policy({
      'user.UserService/getUser': true,
      'user.UserService/*': ['users:write', 'admin', 'local'],
    }),
    errors: 'problem',
    envelope: true,
    rateLimit: { perAddress: { limit: 100, windowMs: 1_000 } },
    idempotency: { required: ['user.UserService/createUser'] },
  },
  'schemas of zod': {
    services: [{ contract: ZodPeople }],
    openapi: { info },
    auth: authenticator(oauth),
    policy: policy({ 'people.PeopleService/*': ['users:read'], 'people.PeopleService/purge': () => true }),
    prefix: '/api',
    ignoreUnknown: true,
  },
  'JSON Schemas': {
    services: [{ contract: JsonFiles }],
    openapi: { info },
    policy: policy({ '*': ['admin'] }),
    health: false,
  },
  'all kinds of contracts': {
    services: [{ contract: ProtoUsers }, { contract: ZodPeople }, { contract: JsonFiles }],
    openapi: { info },
    envelope: { version: '2' },
    auth: authenticator(bearer),
  },
}
