import { randomBytes } from 'node:crypto'
import type { ByteStream } from '../byte-stream.js'
import { timeOfDayMs } from '../host.js'
import { encodeControlFrame, FrameKind } from '../wire/frames.js'
import { ConnectionLimit } from './connection-limit.js'
import { type AnnouncedService, checkServices } from './description.js'
import type { Observer } from './handshake-server.js'

/** Each one uses a descriptor of the server. */
const OBSERVERS_MAX = 512
const OBSERVERS_PER_OWNER_MAX = 32

/**
 * The clients that have asked a server for its description. Each one gets it, and gets it again after each change, until it closes the
 * connection. The end of the connection reports the end of the server. No observer keeps the process of the server alive.
 */
export class Observers {
  readonly #limit = new ConnectionLimit(OBSERVERS_MAX, OBSERVERS_PER_OWNER_MAX)
  readonly #sockets = new Set<ByteStream>()
  readonly #id = randomBytes(16).toString('hex')
  readonly #startedAtMs = timeOfDayMs()
  #frame: Buffer = this.#encode([])
  #closed = false

  get count(): number {
    return this.#sockets.size
  }

  add({ owner, socket, parser }: Observer): void {
    // Nothing may follow DESCRIBE.
    if (this.#closed || !parser.isEmpty) socket.destroy()
    if (socket.destroyed) return
    const leave = this.#limit.enter(owner, () => socket.destroy())
    this.#sockets.add(socket)
    socket.once('close', () => {
      leave()
      this.#sockets.delete(socket)
    })
    socket.on('data', () => socket.destroy())
    socket.write(this.#frame)
    socket.unref?.()
    // Without a reader, the end would not be noticed.
    socket.resume()
  }

  /** Replaces the announced services. Throws `INVALID_ARGUMENT`. */
  announce(services: readonly AnnouncedService[]): void {
    this.#frame = this.#encode(checkServices(services))
    for (const socket of this.#sockets) {
      // An observer that does not read holds at most one description here. It connects again, and gets the latest one.
      if (socket.writableLength > 0) socket.destroy()
      else socket.write(this.#frame)
    }
  }

  /** Ends all observations: the server has freed its address. */
  close(): void {
    this.#closed = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #encode(services: readonly AnnouncedService[]): Buffer {
    const description = { id: this.#id, pid: process.pid, startedAtMs: this.#startedAtMs, services }
    return encodeControlFrame(FrameKind.DESCRIPTION, description)
  }
}
