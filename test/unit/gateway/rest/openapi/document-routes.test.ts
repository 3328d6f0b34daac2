import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { openApiDocument, openApiYaml } from '../../../../../src/gateway/rest/openapi/exported-document.js'
import { jsonSchema } from '../../../../../src/schema/json-schema.js'
import { contract, unary } from '../../../../../src/service/contract/define-contract.js'
import { openPlugin, openServer } from '../../../../support/rest-gateways.js'

const Users = contract('user.UserService', {
  getUser: unary({
    input: jsonSchema({ type: 'object', properties: { id: {} } }),
    safe: true,
    http: 'GET /users/{id}',
  }),
})
const openapi = { info: { title: 'Users', version: '1.0.0' } }
const handlers = { getUser: () => undefined }

describe('the document of a REST gateway', () => {
  it('is the exported one, as JSON and as YAML', async () => {
    const { client } = await openServer(Users, handlers, { openapi })
    const document = openApiDocument({ services: [{ contract: Users }], openapi })
    const json = await client.get('/openapi.json')
    expect(json.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(json.text).toBe(JSON.stringify(document))
    const yaml = await client.get('/openapi.yaml')
    expect(yaml.headers['content-type']).toBe('application/yaml; charset=utf-8')
    expect(yaml.text).toBe(openApiYaml(document))
    expect(parse(yaml.text)).toEqual(json.json)
  })

  it('has the prefix of the plugin', async () => {
    const { client } = await openPlugin(Users, handlers, { openapi, prefix: '/api/v2' })
    const { json } = await client.get('/api/v2/openapi.json')
    expect(json.servers).toEqual([{ url: '/api/v2' }])
    expect(json.paths).toHaveProperty('/users/{id}')
    expect((await client.get('/openapi.json')).status).toBe(404)
  })

  it('has an entity tag, and is compressed for clients that accept it', async () => {
    const { client } = await openServer(Users, handlers, { openapi })
    const first = await client.get('/openapi.json', { 'accept-encoding': 'br' })
    expect(first.headers['content-encoding']).toBe('br')
    const { etag } = first.headers
    const again = await client.get('/openapi.json', {
      'accept-encoding': 'br',
      'if-none-match': String(etag),
    })
    expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag])
    const plain = await client.get('/openapi.json', { 'if-none-match': String(etag) })
    expect([plain.status, plain.headers['content-encoding']]).toEqual([200, undefined])
  })

  it('answers HEAD without a body, and no other methods', async () => {
    const { client } = await openServer(Users, handlers, { openapi })
    const head = await client.send({ method: 'HEAD', path: '/openapi.json' })
    expect([head.status, head.text]).toEqual([200, ''])
    expect((await client.send({ method: 'POST', path: '/openapi.json' })).status).toBe(405)
  })

  it('does not exist without the option', async () => {
    const { client } = await openServer(Users, handlers)
    for (const path of ['/openapi.json', '/openapi.yaml', '/docs'])
      expect((await client.get(path)).status).toBe(404)
  })

  it('is checked when the gateway starts', async () => {
    const start = (options: object) => openServer(Users, handlers, options)
    await expect(start({ openapi: { info: { title: 'Users' } } })).rejects.toThrow('openapi.info.version')
    await expect(start({ page: true })).rejects.toThrow('page shows the OpenAPI document; pass openapi too')
  })
})

describe('the page of a REST gateway', () => {
  it('has a strict policy for its contents, with the servers of the document', async () => {
    const servers = [{ url: 'https://users.example.org/v1' }, { url: '/v2' }]
    const { client } = await openServer(Users, handlers, { openapi: { ...openapi, servers }, page: true })
    const { headers, text } = await client.get('/docs')
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    const directives = String(headers['content-security-policy']).split('; ')
    expect(directives).toContain("default-src 'none'")
    expect(directives).toContain("script-src 'self'")
    expect(directives).toContain("connect-src 'self' https://users.example.org")
    expect(directives.join()).not.toContain('unsafe')
    expect(text).not.toMatch(/https?:|<script>/)
  })

  it.each([
    ['/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
    ['/docs/page.js', 'text/javascript; charset=utf-8'],
    ['/docs/swagger-ui.css', 'text/css; charset=utf-8'],
    ['/docs/favicon-32x32.png', 'image/png'],
  ])('has the file %s', async (path, type) => {
    const { client } = await openServer(Users, handlers, { openapi, page: true })
    const { status, headers } = await client.get(path)
    expect([status, headers['content-type']]).toEqual([200, type])
  })

  it('has no other file of the package', async () => {
    const { client } = await openServer(Users, handlers, { openapi, page: true })
    for (const path of ['/docs/package.json', '/docs/..%2fpackage.json', '/docs/'])
      expect((await client.get(path)).status).toBe(404)
  })
})
