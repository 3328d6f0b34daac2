import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf'
import { type FileDescriptorProto, SourceCodeInfoSchema } from '@bufbuild/protobuf/wkt'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import {
  type OpenApiDocumentOptions,
  openApiDocument,
  openApiYaml,
} from '../../../../../src/gateway/rest/openapi/exported-document.js'
import { policy } from '../../../../../src/service/auth/policy.js'
import type { Contract } from '../../../../../src/service/contract/contract.js'
import { contract, serverStream, unary } from '../../../../../src/service/contract/define-contract.js'
import type { HttpRoutes } from '../../../../../src/service/contract/http-binding.js'
import { protoContract } from '../../../../../src/service/proto/proto-contract.js'
import { APIS, INFO, ProtoUsers } from '../../../../support/openapi-apis.js'
import { testDescriptors, testService } from '../../../../support/proto-files.js'

// biome-ignore lint/suspicious/noExplicitAny: documents
type Json = any

const openapi = { info: INFO }
const bearer = (scheme = 'bearer') => ({
  securityScheme: { type: 'http', scheme },
  challenge: 'Bearer',
  authenticate: () => undefined,
})

/** The document of one method with these routes. */
function documentOf(http: HttpRoutes, options: Partial<OpenApiDocumentOptions> = {}): Json {
  const input = z.object({
    name: z.string(),
    size: z.int().optional(),
    owner: z.object({ name: z.string(), tags: z.array(z.string()) }),
    labels: z.record(z.string(), z.string()).optional(),
  })
  const output = z.object({ name: z.string() })
  const Files = contract('a.b.FileService', { moveFile: unary({ input, output, http }) })
  return openApiDocument({ services: [{ contract: Files }], openapi, health: false, ...options })
}

describe('openApiDocument', () => {
  it.each(Object.entries(APIS))('has equal bytes for equal contracts and options: %s', (_name, options) => {
    const [first, second] = [openApiDocument(options), openApiDocument({ ...options })]
    expect(JSON.stringify(first)).toBe(JSON.stringify(second))
    expect(openApiYaml(first)).toBe(openApiYaml(second))
    expect(parse(openApiYaml(first))).toEqual(JSON.parse(JSON.stringify(first)))
  })

  it('makes parts of the path of the literals of a variable', () => {
    const { paths } = documentOf([
      'POST /v1/{name=shelves/*/books/**}:move',
      'GET /v1/*/{name}/of/{owner.name}',
    ])
    expect(Object.keys(paths)).toEqual([
      '/v1/shelves/{name}/books/{name_2}:move',
      '/v1/{segment}/{name}/of/{owner_name}',
    ])
    const [first, second] = Object.values(paths).flatMap((item: Json) => Object.values(item)) as Json[]
    expect(first.parameters.slice(0, 2)).toEqual([
      {
        name: 'name',
        in: 'path',
        required: true,
        description: 'The field `name` is `shelves/{name}/books/{name_2}`.',
        schema: { type: 'string', pattern: '^[^/]+$' },
      },
      {
        name: 'name_2',
        in: 'path',
        required: true,
        description:
          'The field `name` is `shelves/{name}/books/{name_2}`. The value can have slashes, which are not encoded.',
        schema: { type: 'string', pattern: '^.*$' },
      },
    ])
    expect(second.parameters[2]).toEqual({
      name: 'owner_name',
      in: 'path',
      required: true,
      description: 'The field `owner.name`.',
      schema: { type: 'string', minLength: 1 },
    })
  })

  it('has the fields that are not in the path in the query', () => {
    const { paths } = documentOf('GET /files/{name}')
    const { parameters, requestBody } = paths['/files/{name}'].get
    expect(requestBody).toBeUndefined()
    expect(parameters.filter((one: Json) => one.in === 'query')).toEqual([
      { name: 'size', in: 'query', schema: expect.objectContaining({ type: 'integer' }) },
      { name: 'owner.name', in: 'query', required: true, schema: { type: 'string' } },
      {
        name: 'owner.tags',
        in: 'query',
        required: true,
        schema: { type: 'array', items: { type: 'string' } },
      },
    ])
  })

  it('has the fields that are not in the path in the body', () => {
    const { paths, components } = documentOf('PUT /files/{name}/of/{owner.name}')
    const { requestBody } = paths['/files/{name}/of/{owner_name}'].put
    expect(requestBody.required).toBe(true)
    const { schema } = requestBody.content['application/json']
    const { properties, required } = components.schemas[schema.$ref.split('/').at(-1)]
    expect(Object.keys(properties)).toEqual(['size', 'owner', 'labels'])
    expect(required).toEqual(['owner'])
    expect(properties.owner).toMatchObject({ properties: { tags: {} }, required: ['tags'] })
    expect(properties.owner.properties.name).toBeUndefined()
  })

  it('has one field in the body, and the others in the query', () => {
    const { paths } = documentOf({ route: 'POST /files', body: 'owner' })
    const { parameters, requestBody } = paths['/files'].post
    expect(requestBody.required).toBe(true)
    expect(parameters.filter((one: Json) => one.in === 'query').map((one: Json) => one.name)).toEqual([
      'name',
      'size',
    ])
  })

  it('leaves out the members of a oneof that the path excludes', () => {
    const { paths }: Json = openApiDocument({ services: [{ contract: ProtoUsers }], openapi })
    const { parameters } = paths['/api/v1/agents/{agent_id}'].post
    const names = parameters.map((one: Json) => one.name)
    expect(names).toContain('nick')
    for (const name of ['phone', 'key', 'none', 'agent.name']) expect(names).not.toContain(name)
  })

  it('has one item for paths that differ only in names', () => {
    const first = unary({ input: z.object({ id: z.int() }), http: 'GET /things/{id}' })
    const second = unary({ input: z.object({ key: z.int() }), http: 'DELETE /things/{key}' })
    const Things = contract('t.Things', { first, second })
    const { paths }: Json = openApiDocument({ services: [{ contract: Things }], openapi, health: false })
    expect(Object.keys(paths)).toEqual(['/things/{id}'])
    expect(paths['/things/{id}'].delete.parameters[0]).toMatchObject({
      name: 'id',
      description: 'The field `key`.',
    })
  })

  it('names operations after the service and the method', () => {
    const method = (http: HttpRoutes) => ({ m: unary({ http }) })
    const services = [
      { contract: contract('a.Users', method(['GET /a', 'GET /a2'])) },
      { contract: contract('b.Users', method('GET /b')) },
      { contract: contract('b.Files', method('GET /c')) },
    ]
    const { paths }: Json = openApiDocument({ services, openapi, health: false })
    expect(Object.values(paths).map((item: Json) => item.get.operationId)).toEqual([
      'a_Users_m',
      'a_Users_m_2',
      'b_Users_m',
      'Files_m',
    ])
  })
})

describe('the descriptions in a document', () => {
  const operationOf = (described: Contract): Json => {
    const { paths, tags }: Json = openApiDocument({
      services: [{ contract: described }],
      openapi,
      health: false,
    })
    return { tag: tags[0].description, ...(Object.values(paths)[0] as Json).get }
  }

  it('are those of the contract, with the first sentence as the summary', () => {
    const commented = contract('s.S', {
      m: unary({
        http: 'GET /m',
        description: 'Finds a user by name. Slow\nfor long names.',
        deprecated: true,
      }),
    })
    expect(operationOf(commented)).toMatchObject({
      summary: 'Finds a user by name',
      description: 'Finds a user by name. Slow\nfor long names.',
      deprecated: true,
    })
    const silent = operationOf(contract('s.S', { findUserByName: unary({ http: 'GET /m' }) }))
    expect(silent.summary).toBe('Find user by name')
    expect(silent.description).toBe('Calls `s.S/findUserByName`.')
    expect(silent.deprecated).toBeUndefined()
  })

  it('are the comments of a .proto file', () => {
    const set = testDescriptors()
    const file = set.file.find(({ name }) => name === 'users.proto') as FileDescriptorProto
    const location = [
      { path: [6, 0], leadingComments: ' All users.\n' },
      { path: [6, 0, 2, 0], leadingComments: ' Finds a user.\n\n Also a deleted one.\n' },
    ]
    file.sourceCodeInfo = create(SourceCodeInfoSchema, { location })
    const service = createFileRegistry(set).getService('user.UserService') as DescService
    expect(operationOf(protoContract(service))).toMatchObject({
      tag: 'All users.',
      summary: 'Finds a user',
      description: 'Finds a user.\n\nAlso a deleted one.',
    })
  })

  it('do not change the hash of the contract', () => {
    const hashOf = (options: object) => contract('s.S', { m: unary(options) }).hash
    expect(hashOf({ description: 'A.', deprecated: true })).toBe(hashOf({}))
  })

  it.each([{ description: 7 }, { deprecated: 'yes' }])('are checked: %j', (options) => {
    expect(() => contract('s.S', { m: unary(options as object) })).toThrow(
      /(?:description|deprecated) of s\.S\.m/,
    )
  })
})

describe('the answers in a document', () => {
  it('have no body without an output, and null in an envelope', () => {
    const Empty = contract('e.Empty', { run: unary({ http: 'POST /run' }) })
    const services = [{ contract: Empty }]
    const bare: Json = openApiDocument({ services, openapi })
    expect(Object.keys(bare.paths['/run'].post.responses)[0]).toBe('204')
    expect(bare.paths['/run'].post.responses[204].content).toBeUndefined()
    const wrapped: Json = openApiDocument({ services, openapi, envelope: true })
    const { schema } = wrapped.paths['/run'].post.responses[200].content['application/json']
    expect(Object.keys(schema.properties)).toEqual(['data', 'meta'])
  })

  it('have the three forms of a stream', () => {
    const Streams = contract('s.Streams', { watch: serverStream({ output: z.int(), http: 'GET /watch' }) })
    const { paths }: Json = openApiDocument({ services: [{ contract: Streams }], openapi, envelope: true })
    const { content } = paths['/watch'].get.responses[200]
    const item = { $ref: '#/components/schemas/s.Streams.watch.Response' }
    expect(Object.keys(content)).toEqual(['application/json', 'application/x-ndjson', 'text/event-stream'])
    expect(content['application/json'].schema).toEqual({ type: 'array', items: item })
    expect(content['text/event-stream']['x-itemSchema']).toEqual(item)
  })

  it('have the errors in the form of the gateway', () => {
    const types = (errors: 'envelope' | 'problem') =>
      Object.keys(documentOf('GET /files', { errors }).components.responses.NotFound.content)
    expect(types('envelope')).toEqual(['application/json', 'application/problem+json'])
    expect(types('problem')).toEqual(['application/problem+json'])
  })

  it('have headers for the features of the gateway', () => {
    const plain = documentOf('GET /files')
    const { headers } = plain.paths['/files'].get.responses[200]
    expect(Object.keys(headers)).toEqual(['x-correlation-id', 'etag', 'cache-control'])
    const limited = documentOf('GET /files', { rateLimit: { perAddress: { limit: 1, windowMs: 1_000 } } })
    expect(limited.paths['/files'].get.responses[200].headers).toHaveProperty('ratelimit-policy')
    expect(limited.components.responses.TooManyRequests.headers).toHaveProperty('retry-after')
  })

  it('describe keys where the gateway remembers them', () => {
    const keyOf = (document: Json, method: string) =>
      document.paths['/files'][method].parameters
        .map(({ $ref = '' }: Json) => $ref.split('/').at(-1))
        .find((name: string) => name.endsWith('IdempotencyKey'))
    expect(keyOf(documentOf('POST /files'), 'post')).toBe('IdempotencyKey')
    const required = documentOf('POST /files', { idempotency: { required: ['a.b.FileService/moveFile'] } })
    expect(keyOf(required, 'post')).toBe('RequiredIdempotencyKey')
    expect(required.components.parameters.RequiredIdempotencyKey.required).toBe(true)
    expect(keyOf(documentOf('GET /files'), 'get')).toBeUndefined()
  })
})

describe('the security in a document', () => {
  const securityOf = (options: Partial<OpenApiDocumentOptions>) => {
    const document = documentOf('GET /files', options)
    return {
      security: document.paths['/files'].get.security,
      schemes: Object.keys(document.components.securitySchemes ?? {}),
      description: document.paths['/files'].get.description,
    }
  }
  const rules = (rule: Parameters<typeof policy>[0][string]) => policy({ 'a.b.FileService/*': rule })

  it('is none for a method that everyone may call', () => {
    expect(securityOf({ auth: bearer(), policy: rules(true) })).toMatchObject({ security: [], schemes: [] })
    expect(securityOf({})).toMatchObject({ security: [], schemes: [] })
  })

  it('is one of all credentials, and the description names the grants', () => {
    const auth = [
      bearer(),
      { ...bearer(), securityScheme: { type: 'apiKey', in: 'header', name: 'x-api-key' } },
    ]
    expect(securityOf({ auth, policy: rules(['files:move', 'local', 'admin']) })).toEqual({
      security: [{ bearer: [] }, { apiKey: [] }],
      schemes: ['bearer', 'apiKey'],
      description:
        'Calls `a.b.FileService/moveFile`.\n\nThe caller needs one of these scopes or roles: `files:move`, `admin`.',
    })
  })

  it('states the scopes that a scheme declares', () => {
    const flows = { clientCredentials: { tokenUrl: 'https://example.org', scopes: { 'files:move': '' } } }
    const auth = { ...bearer(), securityScheme: { type: 'oauth2', flows } }
    expect(securityOf({ auth, policy: rules(['files:move', 'admin']) }).security).toEqual([
      { oauth2: ['files:move'] },
      { oauth2: [] },
    ])
  })

  it('is optional if the policy asks a function, and without a policy', () => {
    for (const options of [{ policy: rules(() => true) }, {}])
      expect(securityOf({ auth: bearer(), ...options }).security).toEqual([{ bearer: [] }, {}])
  })

  it('is a certificate for a policy without other credentials', () => {
    expect(securityOf({ policy: rules(['admin']) })).toMatchObject({
      security: [{ mutualTLS: [] }],
      schemes: ['mutualTLS'],
    })
  })

  it('is required for a method that the policy denies', () => {
    expect(securityOf({ auth: [bearer(), bearer()], policy: policy({}) })).toMatchObject({
      security: [{ bearer: [] }, { bearer2: [] }],
    })
  })
})

describe('the options of a document', () => {
  const failing = (options: unknown) => () =>
    openApiDocument({
      ...(options as OpenApiDocumentOptions),
      services: [{ contract: ProtoUsers }],
    })

  it.each([
    [{ openapi: { info: { title: 'x' } } }, /openapi\.info\.version/],
    [{ openapi: { info: { title: '', version: '1' } } }, /openapi\.info\.title/],
    [{ openapi: { info: { ...INFO, licence: {} } } }, /did you mean "license"/],
    [{ openapi: { info: { ...INFO, contact: { mail: 'x' } } } }, /unknown option "mail"/],
    [{ openapi: { info: { ...INFO, license: {} } } }, /openapi\.info\.license\.name/],
    [{ openapi: { info: INFO, servers: [] } }, /openapi\.servers/],
    [{ openapi: { info: INFO, servers: [{ url: 7 }] } }, /openapi\.servers\[0\]\.url/],
    [{ openapi: { info: INFO, server: [] } }, /did you mean "servers"/],
    [{}, /openapi is undefined; it must be an object with info/],
  ])('are checked: %j', (options, message) => {
    expect(failing(options)).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' }))
    expect(failing(options)).toThrow(message)
  })
})

it('has the schemas that values of ProtoJSON match', () => {
  const document: Json = openApiDocument({
    services: [{ contract: protoContract(testService('user.UserService')) }],
    openapi,
  })
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema(document, 'doc:')
  const validate = ajv.compile({ $ref: 'doc:#/components/schemas/user.User' })
  const user = { id: '7', role: 'ROLE_ADMIN', blobs: { 7: 'AAE=' }, phone: '1', score: 'NaN' }
  expect(validate(user)).toBe(true)
  for (const wrong of [{ id: 7 }, { role: 1 }, { blobs: { x: '' } }, { phone: '1', key: '' }, { score: 'x' }])
    expect(validate({ ...user, ...wrong })).toBe(false)
})
