import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { ROOT, runBlock } from '../support/documents.js'
import { longDirectory } from '../support/temporary-directory.js'

let folder: string

beforeAll(() => {
  ensureBuilt()
  folder = longDirectory()
  const installed = join(folder, 'node_modules/shmwire')
  mkdirSync(installed, { recursive: true })
  for (const part of ['package.json', 'dist'])
    cpSync(join(ROOT, part), join(installed, part), { recursive: true })
})

async function outputOf(name: string, code: string): Promise<unknown> {
  const { lines, stderr } = await runBlock(folder, { place: '', label: `${name}.mjs`, code, prints: [] })
    .ended
  return { lines, stderr }
}

/** In a folder without any other package. */
describe('the package without its optional peers', () => {
  it('loads, with everything that needs none of them', async () => {
    const code = `
      import { contract, unary } from 'shmwire'
      import 'shmwire/testing'
      const { m } = contract('s', { m: unary({ http: 'GET /' }) }).methods
      console.log(m.input.parse(undefined))`
    expect(await outputOf('root', code)).toEqual({ lines: ['undefined'], stderr: '' })
  })

  it('names the package that a JSON Schema needs', async () => {
    const code = `
      import { contract, unary } from 'shmwire'
      const { m } = contract('s', { m: unary({ input: { type: 'string' } }) }).methods
      for (const call of [() => m.input.prepare(), () => m.input.parse('x')])
        await call().catch(({ code, message }) => console.log(code, message))`
    const line =
      'ERR_SHMWIRE_UNAVAILABLE the JSON Schema of the input of s.m needs the package ajv (version 8); run: npm install ajv'
    expect(await outputOf('ajv', code)).toEqual({ lines: [line, line], stderr: '' })
  })

  it('does not load shmwire/auth', async () => {
    const code = `await import('shmwire/auth').catch(({ code, message }) => console.log(code, /'jose'/.test(message)))`
    expect(await outputOf('auth', code)).toEqual({ lines: ['ERR_MODULE_NOT_FOUND true'], stderr: '' })
  })

  it('does not load shmwire/proto', async () => {
    const code = `await import('shmwire/proto').catch(({ code, message }) => console.log(code, /'@bufbuild\\/protobuf'/.test(message)))`
    expect(await outputOf('proto', code)).toEqual({ lines: ['ERR_MODULE_NOT_FOUND true'], stderr: '' })
  })

  it('does not load shmwire/otel', async () => {
    const code = `await import('shmwire/otel').catch(({ code, message }) => console.log(code, /'@opentelemetry\\/api'/.test(message)))`
    expect(await outputOf('otel', code)).toEqual({ lines: ['ERR_MODULE_NOT_FOUND true'], stderr: '' })
  })

  it('does not load shmwire/ws', async () => {
    const code = `await import('shmwire/ws').catch(({ code, message }) => console.log(code, /'ws'/.test(message)))`
    expect(await outputOf('ws', code)).toEqual({ lines: ['ERR_MODULE_NOT_FOUND true'], stderr: '' })
  })

  it('loads shmwire/nats, and names the packages that its engine needs', async () => {
    const code = `
      import { jetStream } from 'shmwire/nats'
      const engine = jetStream({ servers: '127.0.0.1:4222' })
      await engine.openQueue('q', {}).catch(({ code, message }) => console.log(code, message))`
    const line =
      'ERR_SHMWIRE_UNAVAILABLE jetStream needs the packages @nats-io/transport-node, @nats-io/jetstream and @nats-io/kv ' +
      '(version 3.4); run: npm install @nats-io/transport-node @nats-io/jetstream @nats-io/kv'
    expect(await outputOf('nats', code)).toEqual({ lines: [line], stderr: '' })
  })

  it('loads shmwire/rest, whose plugin needs no package of its own', async () => {
    const code = `
      import { createRestServer, restGateway } from 'shmwire/rest'
      import { contract, unary } from 'shmwire'
      import { createChannelPair } from 'shmwire/testing'
      const services = [{ contract: contract('s', { m: unary({ http: 'GET /' }) }), target: createChannelPair()[0] }]
      console.log(typeof restGateway)
      await createRestServer({ services, listen: '127.0.0.1:0' }).catch(({ code, message }) => console.log(code, message))`
    const line =
      'ERR_SHMWIRE_UNAVAILABLE createRestServer needs the package fastify (version 5); run: npm install fastify'
    expect(await outputOf('rest', code)).toEqual({ lines: ['function', line], stderr: '' })
  })

  it('describes an API without any package', async () => {
    const code = `
      import { openApiDocument, openApiYaml } from 'shmwire/rest'
      import { contract, unary } from 'shmwire'
      const services = [{ contract: contract('s', { m: unary({ http: 'GET /m' }) }) }]
      const document = openApiDocument({ services, openapi: { info: { title: 'S', version: '1' } } })
      console.log(Object.keys(document.paths).join(), openApiYaml(document).split('\\n')[0])`
    expect(await outputOf('openapi', code)).toEqual({
      lines: ['/m,/health,/ready openapi: "3.1.1"'],
      stderr: '',
    })
  })

  it('names the package that the page of shmwire/rest needs', async () => {
    const fastify = join(ROOT, 'node_modules/fastify/fastify.js')
    const code = `
      import fastify from ${JSON.stringify(fastify)}
      import { restGateway } from 'shmwire/rest'
      import { contract, unary } from 'shmwire'
      import { createChannelPair } from 'shmwire/testing'
      const services = [{ contract: contract('s', { m: unary({ http: 'GET /' }) }), target: createChannelPair()[0] }]
      const app = fastify()
      const openapi = { info: { title: 'S', version: '1' } }
      try {
        await app.register(restGateway, { services, openapi, page: true })
      } catch ({ code, message }) {
        console.log(code, message)
      }
      await app.close()`
    const line =
      'ERR_SHMWIRE_UNAVAILABLE page: true needs the package swagger-ui-dist; run: npm install swagger-ui-dist@5'
    expect(await outputOf('page', code)).toEqual({ lines: [line], stderr: '' })
  })
})
