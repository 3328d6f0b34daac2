import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CommandError } from '../command.js'
import { hasToken, newToken, refusalOf } from './access.js'
import type { MonitorAbout, MonitorFrame } from './frame.js'
import { LiveStream } from './live-stream.js'
import type { PageFile } from './page-files.js'
import type { Poller } from './poller.js'

const HOST = '127.0.0.1'
export const STREAMS_MAX = 8
const CONNECTIONS_MAX = 64
const HEADER_BYTES_MAX = 8 * 1024
const REQUEST_MS = 10_000

/** Everything comes from this server. The picture is drawn from a `data:` address. Texts of other processes cannot become code or markup. */
const CONTENT_SECURITY_POLICY = [
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
].join('; ')

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

export interface MonitorParts {
  readonly poller: Poller
  readonly files: ReadonlyMap<string, PageFile>
  readonly about: MonitorAbout
}

/** Serves the page on the loopback interface, and the figures to those who have the token. */
export class MonitorServer {
  readonly token = newToken()
  readonly #parts: MonitorParts
  readonly #server: Server
  readonly #streams = new Set<LiveStream>()
  readonly #about: string
  /** The last frame as JSON, which all pages share. */
  #encoded: { readonly frame: MonitorFrame; readonly json: string } | undefined

  constructor(parts: MonitorParts) {
    this.#parts = parts
    this.#about = JSON.stringify(parts.about)
    const limits = { maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }
    this.#server = createServer(limits, (request, response) => this.#answer(request, response))
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /** @param port 0: a free one. Rejects with CommandError. */
  async listen(port: number): Promise<void> {
    this.#server.listen(port, HOST)
    try {
      await once(this.#server, 'listening')
    } catch (error) {
      throw listenError(error as NodeJS.ErrnoException, port)
    }
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The browser does not send the part behind `#`, so the token is in no log and no Referer. */
  get url(): string {
    return `http://${HOST}:${this.port}/#${this.token}`
  }

  /** Ends all streams and connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const stream of this.#streams) stream.end()
    this.#server.closeAllConnections()
    await closed
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
    const refusal = refusalOf(request.method, request.headers, this.port)
    if (refusal !== undefined) {
      if (refusal.status === 405) response.setHeader('allow', 'GET, HEAD')
      refuse(response, refusal.status, refusal.text)
      return
    }
    const path = request.url ?? ''
    const file = this.#parts.files.get(path)
    if (file !== undefined) response.writeHead(200, { 'content-type': file.contentType }).end(file.body)
    else if (path === '/events') this.#openStream(request, response)
    else refuse(response, 404, 'there is no such file')
  }

  #openStream(request: IncomingMessage, response: ServerResponse): void {
    if (!hasToken(request.headers, this.token)) {
      response.setHeader('www-authenticate', 'Bearer')
      refuse(
        response,
        401,
        "the token is missing or wrong: open the address that 'shmwire monitor' has printed",
      )
      return
    }
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    if (this.#streams.size >= STREAMS_MAX) {
      refuse(response, 503, `${STREAMS_MAX} pages are open already: close one of them`)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const stream = new LiveStream(response, () => {
      this.#streams.delete(stream)
      ignore()
    })
    this.#streams.add(stream)
    stream.send('about', this.#about)
    const ignore = this.#parts.poller.listen((frame) => stream.send('frame', this.#encode(frame)))
  }

  #encode(frame: MonitorFrame): string {
    if (this.#encoded?.frame !== frame) this.#encoded = { frame, json: JSON.stringify(frame) }
    return this.#encoded.json
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
    .end(`${text}\n`)
}

function listenError(cause: NodeJS.ErrnoException, port: number): CommandError {
  if (cause.code === 'EADDRINUSE')
    return new CommandError(`the port ${port} is in use; pass another --port, or none for a free one`, {
      cause,
    })
  if (cause.code === 'EACCES')
    return new CommandError(
      `the port ${port} needs more rights; pass a --port from 1024 to 65535, or none for a free one`,
      { cause },
    )
  return new CommandError(`cannot listen on ${HOST}:${port}: ${cause.message}`, { cause })
}
