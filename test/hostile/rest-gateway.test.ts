import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { jsonSchema } from '../../src/schema/json-schema.js'
import { contract, serverStream, unary } from '../../src/service/contract/define-contract.js'
import { exchangeBytes, parseReply, rawRequest } from '../support/raw-http.js'
import { type Json, openServer } from '../support/rest-gateways.js'
import { waitFor } from '../support/wait-for.js'

const ANY = jsonSchema<unknown>({})
const Echo = contract('test.Echo', {
  get: unary({ input: ANY, output: ANY, http: 'GET /items/{id}', safe: true }),
  save: unary({ input: ANY, output: ANY, http: 'POST /items' }),
  watch: serverStream({ input: ANY, output: ANY, http: 'GET /watch', safe: true }),
})
const handlers = {
  get: (message: Json) => message,
  save: (message: Json) => message,
  async *watch() {
    for (let n = 0; ; n += 1) {
      yield { n, text: 'x'.repeat(100_000) }
      await wait(0)
    }
  },
}

interface Attacker {
  readonly socket: Socket
  readonly received: () => string
  readonly closed: Promise<void>
}

function attack(port: number, bytes?: Uint8Array | string, localAddress = '127.0.0.1'): Attacker {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  onTestFinished(() => {
    socket.destroy()
  })
  let text = ''
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  // Its end is expected.
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
  })
  if (bytes !== undefined) socket.write(bytes)
  return { socket, received: () => text, closed }
}

const SAVE = 'POST /items HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'

describe('a server of REST under attack', () => {
  it('ends clients that send their headers too slowly, and serves others', async () => {
    const { server, client } = await openServer(Echo, handlers, { headersTimeoutMs: 500 })
    const slow = Array.from({ length: 50 }, () => attack(server.port, 'GET /items/1 HTTP/1.1\r\nhost: x\r\n'))
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write('x-a: b\r\n')
    }, 100)
    onTestFinished(() => clearInterval(drip))
    expect((await client.get('/items/1')).status).toBe(200)
    await Promise.all(slow.map(({ closed }) => closed))
    for (const { received } of slow)
      expect(received()).toMatch(/^(?:HTTP\/1\.1 408 [\s\S]*"code":"REQUEST_TIMEOUT"|$)/)
    expect((await client.get('/items/1')).status).toBe(200)
  })

  it('ends clients that send their bodies too slowly', async () => {
    const { server, client } = await openServer(Echo, handlers, {
      headersTimeoutMs: 300,
      requestTimeoutMs: 600,
    })
    const slow = attack(server.port, `${SAVE}content-length: 100\r\n\r\n{`)
    const drip = setInterval(() => {
      if (slow.socket.writable) slow.socket.write(' ')
    }, 100)
    onTestFinished(() => clearInterval(drip))
    await slow.closed
    expect((await client.get('/items/1')).status).toBe(200)
  })

  it('ends connections that send nothing', async () => {
    const { server } = await openServer(Echo, handlers, { headersTimeoutMs: 500, requestTimeoutMs: 500 })
    await attack(server.port).closed
  })

  it('ends connections of clients that neither send, read nor close', async () => {
    const { server } = await openServer(Echo, handlers, {
      maxConnections: 2,
      headersTimeoutMs: 500,
      requestTimeoutMs: 500,
    })
    const silent = connect({
      port: server.port,
      host: '127.0.0.1',
      localAddress: '127.0.0.2',
      allowHalfOpen: true,
    })
    onTestFinished(() => {
      silent.destroy()
    })
    silent.on('error', () => {})
    const request = 'GET /items/1 HTTP/1.1\r\nhost: x\r\n\r\n'
    // The host has one of the two connections. It gets another one only when the server has ended the first one.
    await waitFor(
      async () => {
        const { received, closed } = attack(server.port, request, '127.0.0.2')
        await Promise.race([closed, wait(200)])
        expect(received()).toContain('200 OK')
      },
      { timeout: 20_000, interval: 100 },
    )
  })

  it('leaves half of its connections to other hosts, and accepts more when they end', async () => {
    const { server, client } = await openServer(Echo, handlers, { maxConnections: 50 })
    const idle = (address: string): Attacker[] =>
      Array.from({ length: 500 }, () => attack(server.port, undefined, address))
    let open = 0
    const count = (attackers: readonly Attacker[]): void => {
      open += attackers.length
      for (const { closed } of attackers)
        void closed.then(() => {
          open -= 1
        })
    }
    const first = idle('127.0.0.2')
    count(first)
    await waitFor(() => expect(open).toBe(25))
    expect((await client.get('/items/1')).status).toBe(200)
    const second = idle('127.0.0.3')
    count(second)
    await waitFor(() => expect(open).toBeLessThanOrEqual(50))
    for (const { socket } of [...first, ...second]) socket.destroy()
    await waitFor(async () => expect((await client.get('/items/1')).status).toBe(200))
  })

  it('accepts all connections of a trusted proxy', async () => {
    const { server } = await openServer(Echo, handlers, {
      maxConnections: 50,
      trustedProxies: ['127.0.0.2'],
      headersTimeoutMs: 60_000,
    })
    const request = 'GET /items/1 HTTP/1.1\r\nhost: x\r\n\r\n'
    const proxied = Array.from({ length: 40 }, () => attack(server.port, request, '127.0.0.2'))
    await waitFor(() => {
      for (const { received } of proxied) expect(received()).toContain('200 OK')
    })
  })

  it.each([
    ['a header that does not end', Buffer.alloc(1_000_000, 'a'), 400],
    ['a long header', `GET /items/1 HTTP/1.1\r\nx-a: ${'a'.repeat(1_000_000)}\r\n\r\n`, 431],
    ['many headers', `GET /items/1 HTTP/1.1\r\n${'x-a: b\r\n'.repeat(100_000)}\r\n`, 431],
    ['a long body', `${SAVE}content-length: 100000000\r\n\r\n`, 413],
    ['a handshake of TLS', Buffer.from('160301020001000', 'hex'), 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['random bytes', Buffer.from('00ff10ab00ff\r\n\r\n', 'latin1'), 400],
  ])('refuses %s', async (_name, bytes, status) => {
    const { server, client } = await openServer(Echo, handlers)
    const { received, closed } = attack(server.port, bytes)
    await waitFor(() => expect(received()).toContain('"error"'))
    const reply = parseReply(Buffer.from(received()))
    expect([reply.status, reply.headers.get('connection')]).toEqual([status, 'close'])
    await closed
    expect((await client.get('/items/1')).status).toBe(200)
  })

  it('reads no more of a chunked body than it may have', async () => {
    const { server, client } = await openServer(Echo, handlers, { maxBodyBytes: 10_000 })
    const { socket, received, closed } = attack(server.port, `${SAVE}transfer-encoding: chunked\r\n\r\n`)
    const chunk = `1000\r\n${' '.repeat(0x1000)}\r\n`
    const flood = setInterval(() => {
      if (socket.writable) socket.write(chunk)
    }, 5)
    onTestFinished(() => clearInterval(flood))
    await waitFor(() => expect(received()).toContain('"code":"BODY_TOO_LARGE"'))
    await closed
    expect(parseReply(Buffer.from(received())).status).toBe(413)
    expect((await client.get('/items/1')).status).toBe(200)
  })

  it('answers requests that arrive together in their order', async () => {
    const { server } = await openServer(Echo, handlers)
    const requests = Array.from({ length: 200 }, (_, index) =>
      rawRequest({ target: `/items/${index}`, headers: index === 199 ? [] : ['connection: keep-alive'] }),
    )
    const text = (await exchangeBytes(server.port, Buffer.concat(requests))).toString()
    const ids = [...text.matchAll(/\{"id":"(\d+)"\}/g)].map(([, id]) => Number(id))
    expect(ids).toEqual(Array.from({ length: 200 }, (_, index) => index))
  })

  it('does not take a body for a second request', async () => {
    const { server } = await openServer(Echo, handlers)
    const smuggled = rawRequest({ target: '/items/evil' })
    const bytes = rawRequest({ target: '/items/1', body: smuggled, headers: ['connection: keep-alive'] })
    const { socket, received } = attack(server.port, bytes)
    await waitFor(() => expect(received()).toContain('"INVALID_BODY"'))
    socket.write(rawRequest({ target: '/items/2' }))
    await waitFor(() => expect(received()).toMatch(/"id":"2"|$/))
    expect(received()).not.toContain('evil')
  })

  it('survives clients that break their connections at any time', async () => {
    const { server, client } = await openServer(Echo, handlers)
    const bytes = Buffer.concat([
      rawRequest({
        method: 'POST',
        target: '/items',
        body: '{"a":1}',
        headers: ['content-type: application/json'],
      }),
      rawRequest({ target: '/watch' }),
    ])
    for (let length = 1; length < bytes.length; length += 7) {
      const { socket } = attack(server.port, bytes.subarray(0, length))
      await new Promise((resolve) => {
        socket.once('connect', resolve)
      })
      socket.resetAndDestroy()
    }
    expect((await client.get('/items/1')).status).toBe(200)
  })

  it('serves others while many clients do not read their streams, and ends these', async () => {
    let ended = 0
    async function* watch(): AsyncGenerator {
      try {
        yield* handlers.watch()
      } finally {
        ended += 1
      }
    }
    const { server, client } = await openServer(
      Echo,
      { ...handlers, watch },
      { maxStreams: 20, stallMs: 1_000 },
    )
    const readers = Array.from({ length: 40 }, () => attack(server.port, rawRequest({ target: '/watch' })))
    for (const { socket } of readers) socket.pause()
    expect((await client.get('/items/1')).status).toBe(200)
    await waitFor(() => expect(ended).toBe(20), { timeout: 60_000 })
    for (const { socket } of readers) socket.resume()
    await Promise.all(readers.map(({ closed }) => closed))
  })
})
