import { constants, type ServerHttp2Stream } from 'node:http2'
import { runApart } from '../../uncaught.js'
import type { ConnectionEvents, TunnelConnection } from '../tunnel/tunnel-connection.js'
import { resetLater } from './answered-stream.js'
import { writeMessage } from './message-encoder.js'
import { TunnelMessages } from './tunnel-messages.js'

const { NGHTTP2_CANCEL } = constants

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
    this.#stream.end()
    // The client needs neither to read the last messages nor to end its side.
    resetLater(this.#stream)
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
