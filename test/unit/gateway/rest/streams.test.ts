import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { jsonSchema } from '../../../../src/schema/json-schema.js'
import type { CallContext } from '../../../../src/service/call/call-context.js'
import { tracked } from '../../../../src/service/call/call-context.js'
import { contract, serverStream } from '../../../../src/service/contract/define-contract.js'
import { ServiceError } from '../../../../src/service-error.js'
import { rawRequest } from '../../../support/raw-http.js'
import { type Json, openServer } from '../../../support/rest-gateways.js'
import { waitFor } from '../../../support/wait-for.js'

const ANY = jsonSchema<unknown>({})
const Feed = contract('test.Feed', {
  items: serverStream({ input: ANY, output: ANY, http: 'GET /items', safe: true }),
})

const SSE = { accept: 'text/event-stream' }
const NDJSON = { accept: 'application/x-ndjson' }

async function* count(): AsyncGenerator {
  for (let n = 1; n <= 3; n += 1) yield { n }
}

async function* failing(): AsyncGenerator {
  yield { n: 1 }
  throw new ServiceError('NOT_FOUND', 'no more', { reason: 'GONE', details: { n: 2 } })
}

async function* endless(): AsyncGenerator {
  for (let n = 0; ; n += 1) {
    yield { n, text: 'x'.repeat(1_000) }
    await wait(0)
  }
}

/** A handler that reports the end of its generator. */
function watched(source: () => AsyncGenerator): {
  readonly handler: () => AsyncGenerator
  readonly ended: Promise<void>
  readonly taken: () => number
} {
  let end!: () => void
  let taken = 0
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const handler = async function* (): AsyncGenerator {
    try {
      for await (const item of source()) {
        taken += 1
        yield item
      }
    } finally {
      end()
    }
  }
  return { handler, ended, taken: () => taken }
}

describe('the streams of a gateway of REST', () => {
  it('sends an array to clients that name no form', async () => {
    const { client } = await openServer(Feed, { items: count })
    const { status, headers, json } = await client.get('/items')
    expect([status, json]).toEqual([200, [{ n: 1 }, { n: 2 }, { n: 3 }]])
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
    expect(headers['cache-control']).toBe('no-store, no-transform')
    expect(headers.vary).toBe('accept')
  })

  it('sends an empty array for an empty stream', async () => {
    const { client } = await openServer(Feed, { items: async function* () {} })
    expect((await client.get('/items')).text).toBe('[]')
    expect((await client.get('/items', NDJSON)).text).toBe('')
  })

  it('sends lines of JSON', async () => {
    const { client } = await openServer(Feed, { items: count })
    const { headers, text } = await client.get('/items', NDJSON)
    expect(headers['content-type']).toBe('application/x-ndjson; charset=utf-8')
    expect(text).toBe('{"n":1}\n{"n":2}\n{"n":3}\n')
  })

  it('sends events, with the end of the stream as the last one', async () => {
    const { client } = await openServer(Feed, { items: count })
    const { headers, text } = await client.get('/items', SSE)
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8')
    expect(text).toBe(
      'retry: 2000\n\ndata: {"n":1}\n\ndata: {"n":2}\n\ndata: {"n":3}\n\nevent: end\ndata: {}\n\n',
    )
  })

  it('selects the form by the weights of the header accept', async () => {
    const { client } = await openServer(Feed, { items: count })
    for (const [accept, type] of [
      ['text/event-stream;q=0.5, application/x-ndjson', 'application/x-ndjson'],
      ['*/*;q=0.1, text/event-stream', 'text/event-stream'],
      ['text/*', 'text/event-stream'],
      ['image/png', 'application/json'],
    ] as const)
      expect((await client.get('/items', { accept })).headers['content-type']).toContain(type)
  })

  it('sends an error before the first message with its own status', async () => {
    const { client } = await openServer(Feed, {
      items: async function* () {
        yield* []
        throw new ServiceError('NOT_FOUND', 'nothing', { reason: 'GONE' })
      },
    })
    for (const headers of [{}, SSE, NDJSON]) {
      const { status, json } = await client.get('/items', headers)
      expect([status, json]).toEqual([404, { error: { code: 'GONE', message: 'nothing', details: {} } }])
    }
  })

  it('ends events and lines with an error', async () => {
    const { client } = await openServer(Feed, { items: failing })
    const error = '{"error":{"code":"GONE","message":"no more","details":{"n":2}}}'
    const events = await client.get('/items', SSE)
    expect(events.status).toBe(200)
    expect(events.text).toBe(`retry: 2000\n\ndata: {"n":1}\n\nevent: error\ndata: ${error}\n\n`)
    expect((await client.get('/items', NDJSON)).text).toBe(`{"n":1}\n${error}\n`)
  })

  it('breaks the connection for an error within an array', async () => {
    const { client } = await openServer(Feed, { items: failing })
    await expect(client.get('/items')).rejects.toThrow(/terminated|closed/)
  })

  it('states no secrets of a handler in the error of a stream', async () => {
    const { client } = await openServer(Feed, {
      items: async function* () {
        yield 1
        throw new Error('secret /etc/passwd')
      },
    })
    const { text } = await client.get('/items', SSE)
    expect(text).toContain('"code":"INTERNAL","message":"the service failed"')
    expect(text).not.toContain('secret')
  })

  it('continues after the event that the client names', async () => {
    const seen: unknown[] = []
    const { client } = await openServer(Feed, {
      items: async function* (_request: Json, { lastEventId }: CallContext) {
        seen.push(lastEventId)
        const start = Number(lastEventId ?? 0)
        for (let n = start + 1; n <= 3; n += 1) yield tracked(String(n), { n })
      },
    })
    const all = await client.get('/items', SSE)
    expect(all.text).toContain('id: 1\ndata: {"n":1}\n\nid: 2\ndata: {"n":2}\n\nid: 3')
    const rest = await client.get('/items', { ...SSE, 'last-event-id': '2' })
    // The id at the beginning keeps the place of a client that loses the connection before the first event.
    expect(rest.text).toBe('retry: 2000\nid: 2\n\nid: 3\ndata: {"n":3}\n\nevent: end\ndata: {}\n\n')
    expect(seen).toEqual([undefined, '2'])
  })

  it('refuses the id of another event source', async () => {
    const { client } = await openServer(Feed, { items: count })
    const { status, json } = await client.get('/items', { ...SSE, 'last-event-id': 'x'.repeat(256) })
    expect([status, json.error.code]).toEqual([400, 'INVALID_ARGUMENT'])
  })

  it('sends its headers although there is no message, and comments meanwhile', async () => {
    const { server } = await openServer(
      Feed,
      {
        items: async function* () {
          yield* []
          await new Promise(() => {})
        },
      },
      { heartbeatMs: 1_000 },
    )
    const socket = connect(server.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    socket.write(rawRequest({ target: '/items', headers: ['accept: text/event-stream'] }))
    await waitFor(() => expect(text).toContain('retry: 2000'))
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    await waitFor(() => expect(text).toContain('\r\n:\n\n'))
    socket.destroy()
  })

  it.each([
    ['array', {}],
    ['lines', NDJSON],
    ['events', SSE],
  ])('cancels the call when a client of %s goes away', async (_form, headers) => {
    const { handler, ended } = watched(endless)
    const { server } = await openServer(Feed, { items: handler })
    const socket = connect(server.port, '127.0.0.1')
    const accept = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    socket.write(rawRequest({ target: '/items', headers: accept }))
    await new Promise((resolve) => {
      socket.once('data', resolve)
    })
    socket.destroy()
    await ended
  })

  it('stops the handler while the client does not read', async () => {
    const { handler, ended, taken } = watched(endless)
    const { server } = await openServer(Feed, { items: handler })
    const socket = connect(server.port, '127.0.0.1')
    socket.pause()
    socket.write(rawRequest({ target: '/items', headers: ['accept: application/x-ndjson'] }))
    await waitFor(() => expect(taken()).toBeGreaterThan(100))
    let before = -1
    await waitFor(
      async () => {
        before = taken()
        await wait(200)
        expect(taken()).toBe(before)
      },
      { timeout: 20_000, interval: 10 },
    )
    socket.destroy()
    await ended
  })

  it('ends a stream whose client reads nothing for too long', async () => {
    const { handler, ended } = watched(endless)
    const { server } = await openServer(Feed, { items: handler }, { stallMs: 1_000 })
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    socket.write(rawRequest({ target: '/items', headers: ['accept: application/x-ndjson'] }))
    await ended
    socket.destroy()
  })

  it('refuses a stream over the limit', async () => {
    const { handler, ended } = watched(endless)
    const { server, client } = await openServer(Feed, { items: handler }, { maxStreams: 1 })
    const socket = connect(server.port, '127.0.0.1')
    socket.write(rawRequest({ target: '/items', headers: ['accept: application/x-ndjson'] }))
    await new Promise((resolve) => {
      socket.once('data', resolve)
    })
    const { status, headers, json } = await client.get('/items')
    expect([status, json.error.code, headers['retry-after']]).toEqual([503, 'TOO_MANY_STREAMS', '1'])
    socket.destroy()
    await ended
    await waitFor(async () =>
      expect((await client.send({ method: 'HEAD', path: '/items' })).status).toBe(200),
    )
  })

  it('ends streams with an error when the gateway closes', async () => {
    const { handler, ended } = watched(endless)
    const { server, client } = await openServer(Feed, { items: handler })
    const reply = client.get('/items', NDJSON)
    await wait(50)
    await server.close()
    await ended
    expect((await reply).text).toMatch(
      /\n\{"error":\{"code":"UNAVAILABLE","message":"the gateway is closing","details":\{\}\}\}\n$/,
    )
  })

  it('answers HEAD without a call', async () => {
    const items = vi.fn(count)
    const { client } = await openServer(Feed, { items })
    const { status, headers, text } = await client.send({ method: 'HEAD', path: '/items', headers: SSE })
    expect([status, headers['content-type'], text]).toEqual([200, 'text/event-stream; charset=utf-8', ''])
    expect(items).not.toHaveBeenCalled()
  })
})
