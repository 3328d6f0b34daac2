import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { createServer } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { refusalOf } from '../../../../src/cli/monitor/access.js'
import { MonitorServer, STREAMS_MAX } from '../../../../src/cli/monitor/monitor-server.js'
import { type Observer, Poller } from '../../../../src/cli/monitor/poller.js'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import { processAt } from '../../../support/monitored.js'
import { waitFor } from '../../../support/wait-for.js'

const INTERVAL_MS = 5
const ABOUT = { version: '1', runtime: 'r', system: 's', intervalMs: INTERVAL_MS }
const PAGE = { contentType: 'text/html; charset=utf-8', body: Buffer.from('<!doctype html>') }

class CountingObserver implements Observer {
  asked = 0
  failure: Error | undefined

  ask(): ReturnType<Observer['ask']> {
    this.asked += 1
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return Promise.resolve([{ address: 'a', snapshot: processAt(1, this.asked * 1_000), error: undefined }])
  }
}

function until(check: () => boolean | Promise<boolean>): Promise<void> {
  return waitFor(async () => expect(await check()).toBe(true))
}

interface Monitored {
  readonly server: MonitorServer
  readonly observer: CountingObserver
  readonly poller: Poller
}

async function openMonitor(observer = new CountingObserver()): Promise<Monitored> {
  const poller = new Poller(observer, INTERVAL_MS)
  const server = new MonitorServer({ poller, files: new Map([['/', PAGE]]), about: ABOUT })
  await server.listen(0)
  onTestFinished(() => server.close())
  return { server, observer, poller }
}

interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Resolves with the head of the answer. */
async function head(
  server: MonitorServer,
  { path = '/', method = 'GET', headers = {} }: Asked = {},
): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port: server.port, path, method, headers, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  onTestFinished(() => {
    response.destroy()
  })
  return response
}

async function answer(
  server: MonitorServer,
  asked: Asked = {},
): Promise<{ status: number | undefined; text: string }> {
  const response = await head(server, asked)
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, text: text.trim() }
}

function withToken(server: MonitorServer, token = server.token): Asked {
  return { path: '/events', headers: { authorization: `Bearer ${token}` } }
}

async function openStream(server: MonitorServer): Promise<{ response: IncomingMessage; events: string[] }> {
  const response = await head(server, withToken(server))
  const events: string[] = []
  response.setEncoding('utf8').on('data', (text: string) => events.push(text))
  response.on('error', () => {
    // The server ends it in the tests.
  })
  return { response, events }
}

describe('the address of the monitor', () => {
  it('has a token of 256 bits in the part that the browser does not send', async () => {
    const { server } = await openMonitor()
    const { server: other } = await openMonitor()
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/#${server.token}`)
    expect(Buffer.from(server.token, 'base64url')).toHaveLength(32)
    expect(other.token).not.toBe(server.token)
  })

  it('is refused with the remedy if the port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => {
      taken.close()
    })
    const { port } = taken.address() as { port: number }
    const server = new MonitorServer({
      poller: new Poller(new CountingObserver(), 1),
      files: new Map(),
      about: ABOUT,
    })
    await expect(server.listen(port)).rejects.toThrow(
      `the port ${port} is in use; pass another --port, or none for a free one`,
    )
  })
})

describe('an address with the default port', () => {
  it('is that of the headers of a browser, which leave it out', () => {
    const refusal = (host: string, origin?: string): unknown => refusalOf('GET', { host, origin }, 80)
    expect(refusal('127.0.0.1', 'http://127.0.0.1')).toBeUndefined()
    expect(refusal('evil.example')).toMatchObject({ status: 421 })
    expect(refusal('127.0.0.1', 'http://evil.example')).toMatchObject({ status: 403 })
  })
})

describe('an answer of the monitor', () => {
  it('forbids everything that the page does not need', async () => {
    const { server } = await openMonitor()
    const { headers, statusCode } = await head(server)
    expect(statusCode).toBe(200)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'text/html; charset=utf-8',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
    const policy = String(headers['content-security-policy']).split('; ')
    expect(policy).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ])
    expect(headers['access-control-allow-origin']).toBeUndefined()
  })

  it.each([
    ['evil.example', 421],
    ['evil.example:PORT', 421],
    ['127.0.0.1', 421],
    ['127.0.0.1.evil.example:PORT', 421],
    ['localhost:PORT', 200],
    ['127.0.0.1:PORT', 200],
  ])('has the status for the host %s: %i', async (host, status) => {
    const { server } = await openMonitor()
    expect(
      await answer(server, { headers: { host: host.replace('PORT', String(server.port)) } }),
    ).toMatchObject({ status })
  })

  it.each([
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:PORT' }, 403],
    [{ origin: 'http://127.0.0.1:PORT' }, 200],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'none' }, 200],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
  ])('has the status for the headers %j: %i', async (headers, status) => {
    const { server } = await openMonitor()
    const sent = Object.entries(headers).map(([name, value]) => [
      name,
      value.replace('PORT', String(server.port)),
    ])
    expect(await answer(server, { headers: Object.fromEntries(sent) })).toMatchObject({ status })
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s', async (method) => {
    const { server } = await openMonitor()
    const response = await head(server, { method })
    expect([response.statusCode, response.headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  it.each(['/missing', '/../package.json', '//', '/?x', '/%2e%2e/'])('has no file at %s', async (path) => {
    const { server } = await openMonitor()
    expect(await answer(server, { path })).toEqual({ status: 404, text: 'there is no such file' })
  })
})

describe('the stream of the monitor', () => {
  it('needs the token in a header', async () => {
    const { server, observer } = await openMonitor()
    const text = "the token is missing or wrong: open the address that 'shmwire monitor' has printed"
    for (const asked of [
      { path: '/events' },
      withToken(server, ''),
      withToken(server, 'wrong'),
      withToken(server, server.token.slice(1)),
      withToken(server, `${server.token}x`),
      { path: '/events', headers: { authorization: `Basic ${server.token}` } },
    ])
      expect(await answer(server, asked)).toEqual({ status: 401, text })
    expect(await answer(server, { path: `/events?token=${server.token}` })).toMatchObject({ status: 404 })
    expect(observer.asked).toBe(0)
  })

  it('has events with the versions and the figures', async () => {
    const { server } = await openMonitor()
    const { response, events } = await openStream(server)
    expect(response.headers['content-type']).toBe('text/event-stream')
    await until(() => events.join('').split('\n\n').length > 3)
    const [about, first, second] = events.join('').split('\n\n')
    expect(about).toBe(`event: about\ndata: ${JSON.stringify(ABOUT)}`)
    expect(first).toMatch(/^event: frame\ndata: \{"atMs":\d+,"nodes":\[\{"id":"process 1"/)
    expect(
      [first, second].map(
        (event) => (JSON.parse(event?.split('data: ')[1] ?? '') as { isFirst: boolean }).isFirst,
      ),
    ).toEqual([true, false])
  })

  it('asks once for all pages, and stops when none is open', async () => {
    const { server, observer, poller } = await openMonitor()
    expect(poller.isPolling).toBe(false)
    const first = await openStream(server)
    await until(() => first.events.join('').includes('event: frame'))
    const second = await openStream(server)
    await until(() => second.events.join('').includes('event: frame'))
    const framesOf = (events: readonly string[]): number => events.join('').split('event: frame').length - 1
    await until(() => framesOf(second.events) > 3)
    expect(observer.asked).toBeLessThan(framesOf(first.events) + framesOf(second.events))
    first.response.destroy()
    second.response.destroy()
    await until(() => !poller.isPolling)
    const { asked } = observer
    for (let turn = 0; turn < 20; turn += 1) await nextTurn()
    expect(observer.asked).toBe(asked)
    const again = await openStream(server)
    await until(() => again.events.join('').includes('event: frame'))
    expect(again.events.join('')).toContain('"isFirst":true')
  })

  it('shows a failure, and continues', async () => {
    const observer = new CountingObserver()
    observer.failure = new ShmwireError(ErrorCode.DENIED, 'the directory is not readable')
    const { server } = await openMonitor(observer)
    const { events } = await openStream(server)
    await until(() =>
      events.join('').includes('"fault":"the directory is not readable (ERR_SHMWIRE_DENIED)"'),
    )
    observer.failure = undefined
    await until(() => events.join('').includes('program-1.mjs'))
  })

  it('is refused while there are too many pages', async () => {
    const { server } = await openMonitor()
    const open = await Promise.all(Array.from({ length: STREAMS_MAX }, () => openStream(server)))
    expect(await answer(server, withToken(server))).toEqual({
      status: 503,
      text: `${STREAMS_MAX} pages are open already: close one of them`,
    })
    open[0]?.response.destroy()
    await until(async () => (await head(server, withToken(server))).statusCode === 200)
  })

  it('ends when the server closes', async () => {
    const { server, poller } = await openMonitor()
    const { response } = await openStream(server)
    const ended = once(response, 'close')
    await server.close()
    await ended
    await until(() => !poller.isPolling)
    await expect(head(server)).rejects.toThrow()
  })
})
