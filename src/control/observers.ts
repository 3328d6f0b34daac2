import { randomBytes } from 'node:crypto'
import type { ByteStream } from '../byte-stream.js'
import { timeOfDayMs } from '../host.js'
import { isOwnUser } from '../peer.js'
import { encodeControlFrame, FrameKind } from '../wire/frames.js'
import { ConnectionLimit } from './connection-limit.js'
import { type AnnouncedService, checkServices } from './description.js'
import type { Observer } from './handshake-server.js'
import { SnapshotAnswers } from './snapshot-answers.js'

/** Each one uses a descriptor of the server. */
const OBSERVERS_MAX = 512
const OBSERVERS_PER_OWNER_MAX = 32

interface Entry {
  /** Undefined: this observer may not read counters. */
  readonly answers: SnapshotAnswers | undefined
}

/**
 * The clients that have asked a server for its description. Each one gets it, and gets it again after each change, until it closes the
 * connection. Processes of the same user also get the counters of this process when they ask. The end of the connection reports the end of
 * the server. No observer keeps the process of the server alive.
 */
export class Observers {
  readonly #limit = new ConnectionLimit(OBSERVERS_MAX, OBSERVERS_PER_OWNER_MAX)
  readonly #entries = new Map<ByteStream, Entry>()
  readonly #id = randomBytes(16).toString('hex')
  readonly #startedAtMs = timeOfDayMs()
  readonly #mayObserve: boolean
  /** For those that may read counters, and for the others. */
  #frames: { readonly observing: Buffer; readonly other: Buffer }
  #closed = false

  /** @param mayObserve processes of the same user may read the counters of this process */
  constructor(mayObserve: boolean) {
    this.#mayObserve = mayObserve
    this.#frames = this.#encode([])
  }

  /** Without those that read counters: a reader would count itself. */
  get count(): number {
    let count = 0
    for (const { answers } of this.#entries.values()) if (answers?.hasAsked !== true) count += 1
    return count
  }

  add({ owner, peer, isLocal, socket, parser }: Observer): void {
    // Nothing may follow DESCRIBE before its answer.
    if (this.#closed || !parser.isEmpty) socket.destroy()
    if (socket.destroyed) return
    const leave = this.#limit.enter(owner, () => socket.destroy())
    // Whatever the option authorize accepts: the counters are for this user alone.
    const mayObserve = this.#mayObserve && isLocal && isOwnUser(peer)
    const answers = mayObserve ? new SnapshotAnswers(socket, parser) : undefined
    const entry: Entry = { answers }
    this.#entries.set(socket, entry)
    socket.once('close', () => {
      leave()
      answers?.close()
      this.#entries.delete(socket)
    })
    socket.on('data', (chunk) => {
      if (answers === undefined) socket.destroy()
      else answers.received(chunk, () => socket.write(this.#frameFor(entry)))
    })
    socket.write(this.#frameFor(entry))
    socket.unref?.()
    // Without a reader, the end would not be noticed.
    socket.resume()
  }

  /** Replaces the announced services. Throws `INVALID_ARGUMENT`. */
  announce(services: readonly AnnouncedService[]): void {
    this.#frames = this.#encode(checkServices(services))
    for (const [socket, entry] of this.#entries) {
      if (entry.answers?.deferDescription() === true) continue
      // An observer that does not read holds at most one description here. It connects again, and gets the latest one.
      if (socket.writableLength > 0) socket.destroy()
      else socket.write(this.#frameFor(entry))
    }
  }

  /** Ends all observations: the server has freed its address. */
  close(): void {
    this.#closed = true
    for (const socket of this.#entries.keys()) socket.destroy()
  }

  #frameFor({ answers }: Entry): Buffer {
    return answers === undefined ? this.#frames.other : this.#frames.observing
  }

  #encode(services: readonly AnnouncedService[]): { readonly observing: Buffer; readonly other: Buffer } {
    const description = { id: this.#id, pid: process.pid, startedAtMs: this.#startedAtMs, services }
    return {
      observing: encodeControlFrame(FrameKind.DESCRIPTION, { ...description, observe: true }),
      other: encodeControlFrame(FrameKind.DESCRIPTION, description),
    }
  }
}
