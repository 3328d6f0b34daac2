import type { Socket } from 'node:net'
import { FrameParser } from '../../src/wire/frame-parser.js'
import { encodeControlFrame, FrameKind } from '../../src/wire/frames.js'
import { encodePreamble, PREAMBLE_BYTES } from '../../src/wire/preamble.js'

export const HELLO = {
  features: [],
  codec: 'msgpack',
  maxMessageBytes: 1024,
  ringBytes: 65_536,
  transport: 'auto',
  shm: true,
  pid: 1,
}

export const OFFER = { ...HELLO, shm: undefined, transport: 'shm', token: '0'.repeat(32), mayFallBack: true }

/** One end of a control socket that a test drives by hand. It sends any bytes, valid or not. */
export class RawPeer {
  readonly socket: Socket
  readonly #parser = new FrameParser(() => 1 << 20)
  #greeted = false
  #ended = false
  #wake: (() => void) | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#parser.push(chunk)
      this.#wake?.()
    })
    socket.on('close', () => this.giveUp())
    socket.resume()
  }

  preamble(bytes: Buffer = encodePreamble()): this {
    this.socket.write(bytes)
    return this
  }

  send(kind: keyof typeof FrameKind, message: object = {}): this {
    this.socket.write(encodeControlFrame(FrameKind[kind], message))
    return this
  }

  write(bytes: Uint8Array | string): this {
    this.socket.write(bytes)
    return this
  }

  /** The peer's first eight bytes; undefined if it hung up before. */
  async readPreamble(): Promise<Buffer | undefined> {
    this.#greeted = true
    return this.#until(() => this.#parser.take(PREAMBLE_BYTES))
  }

  /** The next frame, or `'closed'`. */
  async read(): Promise<{ kind: number; message: Record<string, unknown> } | 'closed'> {
    const frame = await this.#until(() => {
      let found: { kind: number; message: Record<string, unknown> } | undefined
      this.#parser.parse((kind, _id, payload) => {
        found = { kind, message: JSON.parse(payload.toString() || 'null') }
        return false
      })
      return found
    })
    return frame ?? 'closed'
  }

  /** The next message of this kind, without all others; undefined if the peer hung up before. */
  async find(kind: number): Promise<Record<string, unknown> | undefined> {
    if (!this.#greeted) await this.readPreamble()
    for (;;) {
      const frame = await this.read()
      if (frame === 'closed') return undefined
      if (frame.kind === kind) return frame.message
    }
  }

  /** Stops all waits, although the socket may be open. */
  giveUp(): void {
    this.#ended = true
    this.#wake?.()
  }

  async closed(): Promise<void> {
    while (!this.#ended) await this.#woken()
  }

  async #until<T>(look: () => T | undefined): Promise<T | undefined> {
    for (;;) {
      const found = look()
      if (found !== undefined || this.#ended) return found
      await this.#woken()
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
