import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestOptions, request, type Server } from 'node:http'
import { type Readable, Transform } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type AttachedServer, agent, attach } from '../../src/adapter/http.js'
import { type ChannelSocket, createConnection } from '../../src/adapter/stream.js'
import { ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { closed, readAll } from '../support/socket-of-channels.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const opened: { close(): unknown }[] = []
beforeAll(() => ensureBuilt())
beforeEach(() => {
  ownRuntimeDirectory()
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function serve(server: Server, options?: Parameters<typeof attach>[2]): Promise<AttachedServer> {
  const attached = await attach(server, 'web', options)
  opened.push({ close: () => attached.close({ timeoutMs: 1 }).catch(() => {}) })
  return attached
}

function newAgent(options?: Parameters<typeof agent>[1]): ReturnType<typeof agent> {
  const created = agent('web', options)
  opened.push({ close: () => created.destroy() })
  return created
}

async function get(path: string, options: RequestOptions, body?: Readable): Promise<IncomingMessage> {
  const sent = request(`http://localhost${path}`, options)
  if (body === undefined) sent.end()
  else body.pipe(sent)
  const [response] = await once(sent, 'response')
  // The response reports a later error too.
  sent.on('error', () => {})
  return response
}

describe('node:http over a channel', () => {
  it('answers requests, and its connections stay open for the next', async () => {
    const sockets = new Set<unknown>()
    const server = createServer((incoming, response) => {
      sockets.add(incoming.socket)
      response.end(`${incoming.method} ${incoming.url}`)
    })
    await serve(server)
    const client = newAgent()
    for (let index = 0; index < 50; index += 1)
      expect(await text(await get(`/${index}`, { agent: client }))).toBe(`GET /${index}`)
    expect(sockets.size).toBe(1)
  })

  it('has no address of the client, but its process', async () => {
    const server = createServer(({ socket }, response) => {
      const { peer } = socket as unknown as ChannelSocket
      response.end(`${socket.remoteAddress} ${peer?.pid}`)
    })
    await serve(server)
    expect(await text(await get('/', { agent: newAgent() }))).toBe(`undefined ${process.pid}`)
  })

  it('opens at most maxSockets connections, shared by all hosts, and answers all requests', async () => {
    const sockets = new Set<unknown>()
    const server = createServer((incoming, response) => {
      sockets.add(incoming.socket)
      setImmediate(() => response.end(incoming.headers.host))
    })
    await serve(server)
    const client = newAgent({ maxSockets: 3 })
    const hosts = await Promise.all(
      Array.from({ length: 30 }, async (_, index) =>
        text(await get('/', { agent: client, headers: { host: `host-${index}` } })),
      ),
    )
    expect(hosts).toEqual(Array.from({ length: 30 }, (_, index) => `host-${index}`))
    expect(sockets.size).toBe(3)
  })

  it('streams large bodies both ways', async () => {
    const server = createServer((incoming, response) => {
      const flip = new Transform({
        transform: (chunk: Buffer, _encoding, callback) =>
          callback(
            null,
            chunk.map((byte) => byte ^ 0xff),
          ),
      })
      void pipeline(incoming, flip, response)
    })
    await serve(server)
    const body = Buffer.alloc(8_000_000, 'shmwire')
    const sent = request('http://localhost/', { agent: newAgent(), method: 'POST' })
    sent.end(body)
    const [response] = await once(sent, 'response')
    expect((await buffer(response)).equals(body.map((byte) => byte ^ 0xff))).toBe(true)
  })

  it('stops the server while the client does not read a response', async () => {
    let written = 0
    const server = createServer((_incoming, response) => {
      const chunk = Buffer.alloc(100_000)
      const write = (): void => {
        while (written < 20_000_000) {
          written += chunk.length
          if (!response.write(chunk)) return void response.once('drain', write)
        }
        response.end()
      }
      write()
    })
    await serve(server)
    const response = await get('/', { agent: newAgent() })
    response.pause()
    await expect.poll(() => written, { interval: 20 }).toBeGreaterThan(0)
    for (let before = -1; before !== written; ) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(written).toBeLessThan(4_000_000)
    expect((await buffer(response)).length).toBe(20_000_000)
  })

  it('enforces the timeout of headers, although the server does not listen elsewhere', async () => {
    const server = createServer({ connectionsCheckingInterval: 20, headersTimeout: 50, requestTimeout: 100 })
    await serve(server)
    const socket = createConnection('web')
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n')
    expect(String(await readAll(socket))).toMatch(/^HTTP\/1.1 408 Request Timeout/)
  })

  it('closes idle connections after keepAliveTimeout, and the agent opens another', async () => {
    const server = createServer({ keepAliveTimeout: 10 }, (_incoming, response) => response.end('answer'))
    await serve(server)
    const client = newAgent()
    expect(await text(await get('/', { agent: client }))).toBe('answer')
    await expect.poll(() => Object.keys(client.freeSockets).length).toBe(0)
    expect(await text(await get('/', { agent: client }))).toBe('answer')
  })

  it('emits timeout for a request that takes longer than its timeout, or that of the agent', async () => {
    await serve(createServer(() => {}))
    for (const options of [{ agent: newAgent(), timeout: 10 }, { agent: newAgent({ timeout: 10 }) }]) {
      const sent = request('http://localhost/', options)
      sent.on('error', () => {})
      sent.end()
      await once(sent, 'timeout')
      sent.destroy()
    }
  })

  it('is ECONNREFUSED for a request to an address without a server', async () => {
    const sent = request('http://localhost/', { agent: agent('nobody') })
    sent.end()
    await expect(once(sent, 'response')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('fails with ECONNRESET when the process of the server is killed during a response', async () => {
    const server = new Child('http-server', { args: ['web'] })
    expect(await server.next()).toBe('attached')
    const response = await get('/', { agent: newAgent() })
    const [chunk] = await once(response, 'data')
    expect(String(chunk)).toBe('the beginning')
    const failed = once(response, 'end').catch((error: unknown) => error)
    await server.kill()
    expect(await failed).toMatchObject({ code: 'ECONNRESET' })
  })

  it('rejects unknown options, and a server that is none', async () => {
    await expect(attach({} as Server, 'web')).rejects.toThrow(
      /server is \[object Object\]; it must be a server of node:http/,
    )
    expect(() => agent('web', { maxSocket: 1 } as object)).toThrow(/did you mean "maxSockets"/)
    await expect(attach(createServer(), 'web', { codec: 'json' } as object)).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })

  it('serves TCP and a channel at the same time', async () => {
    const server = createServer((_incoming, response) => response.end('both'))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    await serve(server)
    const { port } = server.address() as { port: number }
    expect(await text(await get('/', { agent: newAgent() }))).toBe('both')
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('both')
    server.close()
    server.closeAllConnections()
  })
})

describe('close of an attached server', () => {
  it('waits for the open requests, closes idle connections and frees the address', async () => {
    let answer: (() => void) | undefined
    const server = createServer((incoming, response) => {
      if (incoming.url === '/slow') answer = () => response.end('slow')
      else response.end('fast')
    })
    const attached = await serve(server)
    const client = newAgent()
    const slow = get('/slow', { agent: client })
    await expect.poll(() => answer !== undefined).toBe(true)
    expect(await text(await get('/', { agent: client }))).toBe('fast')
    const closing = attached.close()
    await expect.poll(() => Object.keys(client.freeSockets).length).toBe(0)
    answer?.()
    expect(await text(await slow)).toBe('slow')
    await closing
    expect(await closed(createConnection('web'))).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('rejects with TIMEOUT and destroys the connections of requests that take longer', async () => {
    const server = createServer(() => {})
    const attached = await serve(server)
    const sent = request('http://localhost/', { agent: newAgent() })
    sent.end()
    const failed = once(sent, 'response').catch((error: Error) => error)
    await once(server, 'request')
    await expect(attached.close({ timeoutMs: 5 })).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    expect(await failed).toMatchObject({ code: 'ECONNRESET' })
    await expect.poll(async () => (await closed(createConnection('web')))?.code).toBe('ECONNREFUSED')
  })

  it('follows close of the HTTP server', async () => {
    const server = createServer((_incoming, response) => response.end('answer'))
    await serve(server)
    expect(await text(await get('/', { agent: newAgent() }))).toBe('answer')
    server.close()
    await expect.poll(async () => (await closed(createConnection('web').end()))?.code).toBe('ECONNREFUSED')
  })
})
