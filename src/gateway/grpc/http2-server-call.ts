import { constants, type ServerHttp2Stream } from 'node:http2'
import { clearTimeout, setTimeout } from '../../host.js'
import { runApart } from '../../uncaught.js'
import type { ConnectionEvents, TunnelConnection } from '../tunnel/tunnel-connection.js'
import { writeMessage } from './message-encoder.js'
import { TunnelMessages } from './tunnel-messages.js'

/** How long the client has to read the last messages and to end its side. */
const END_MS = 1_000
const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

/** A call of the tunnel's method, on a stream that a server of node:http2 has received. */
export class Http2ServerCall implements TunnelConnection {
  events: ConnectionEvents = { message() {}, drain() {}, lost() {} }
  readonly #stream: ServerHttp2Stream
  readonly #messages = new TunnelMessages()
  #ended = false

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.on('data', (chunk: Buffer) => this.#data(chunk))
    stream.on('drain', () => !this.#ended && runApart(() => this.events.drain()))
    stream.on('error', () => {})
    // Also an 'end' without a Close is the end of the connection: the session can continue on another one.
    for (const event of ['aborted', 'end', 'close']) stream.on(event, () => this.#lost())
  }

  send(message: Buffer): boolean {
    return this.#ended || writeMessage(this.#stream, message)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    const stream = this.#stream
    stream.end()
    // The client does not need to end its side. Why not at once: see docs/decisions/0084-resets-of-answered-streams.md.
    const reset = (): void => stream.close(stream.writableFinished ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL)
    const timer = setTimeout(reset, END_MS).unref()
    stream.once('close', () => clearTimeout(timer))
  }

  destroy(): void {
    this.#ended = true
    this.#stream.close(NGHTTP2_CANCEL)
  }

  /** The server keeps the process alive. */
  setReferenced(): void {}

  #data(chunk: Buffer): void {
    if (this.#ended) return
    try {
      this.#messages.decode(chunk, (message) => {
        // The one before can have ended the connection.
        if (!this.#ended) runApart(() => this.events.message(message))
      })
    } catch {
      // Its messages cannot be found any more. The client can continue on another connection.
      this.#lost()
    }
  }

  #lost(): void {
    if (this.#ended) return
    this.end()
    runApart(() => this.events.lost(undefined))
  }
}
