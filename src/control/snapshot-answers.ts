import type { ByteStream } from '../byte-stream.js'
import { ErrorCode } from '../errors.js'
import { clearTimeout, nowMs, setTimeout } from '../host.js'
import { snapshotFrame } from '../observe/encode-snapshot.js'
import { textOfThrown } from '../uncaught.js'
import type { FrameParser } from '../wire/frame-parser.js'
import { controlBound, encodeControlFrame, FrameKind } from '../wire/frames.js'
import { clip } from './control-messages.js'

/** A client gets the next snapshot so long after the last one. */
const PAUSE_MS = 100
/** A client that has not taken a snapshot after this time loses its connection. */
const TAKE_MS = 5_000
/** Snapshots that are being sent, in this thread. Each holds up to 1 MiB until its client has taken it. */
const SENDING_MAX = 32

let sending = 0

/**
 * Answers the OBSERVE frames of one client, one after the other: `OBSERVE →  ← SNAPSHOT`. A client that breaks the protocol, or does not
 * read its answer, loses its connection.
 */
export class SnapshotAnswers {
  readonly #socket: ByteStream
  readonly #parser: FrameParser
  #state: 'idle' | 'waiting' | 'sending' | 'closed' = 'idle'
  #timer: NodeJS.Timeout | undefined
  #nextMs = 0
  /** The description has changed while a snapshot was being sent. */
  #isStale = false
  /** The client reads counters. */
  hasAsked = false

  constructor(socket: ByteStream, parser: FrameParser) {
    this.#socket = socket
    this.#parser = parser
    parser.bound = controlBound([FrameKind.OBSERVE])
  }

  /** The client has sent bytes: a whole OBSERVE, or it loses its connection. `describe` sends the description, if it has changed meanwhile. */
  received(chunk: Buffer, describe: () => void): void {
    if (this.#state !== 'idle' || !this.#isOneFrame(chunk)) {
      this.#socket.destroy()
      return
    }
    this.hasAsked = true
    const pauseMs = this.#nextMs - nowMs()
    this.#state = 'waiting'
    if (pauseMs <= 0) this.#send(describe)
    else this.#timer = setTimeout(() => this.#send(describe), pauseMs).unref()
  }

  /** True: a snapshot is being sent, and the description follows it. */
  deferDescription(): boolean {
    if (this.#state !== 'sending') return false
    this.#isStale = true
    return true
  }

  close(): void {
    clearTimeout(this.#timer)
    if (this.#state === 'sending') sending -= 1
    this.#state = 'closed'
  }

  /** The frame is so short that a local socket never splits it. So nothing of a client is held here. */
  #isOneFrame(chunk: Buffer): boolean {
    let frames = 0
    try {
      this.#parser.push(chunk)
      this.#parser.parse(() => {
        frames += 1
        return frames === 1
      })
    } catch {
      // Not a frame that is allowed here: the caller ends the connection.
      return false
    }
    return frames === 1 && this.#parser.isEmpty
  }

  #send(describe: () => void): void {
    if (this.#state !== 'waiting') return
    if (sending >= SENDING_MAX) {
      this.#socket.destroy()
      return
    }
    sending += 1
    this.#state = 'sending'
    this.#timer = setTimeout(() => this.#socket.destroy(), TAKE_MS).unref()
    const answer = answerFrame()
    this.#socket.write(answer, () => {
      if (this.#state !== 'sending') return
      clearTimeout(this.#timer)
      sending -= 1
      this.#state = 'idle'
      this.#nextMs = nowMs() + PAUSE_MS
      if (!this.#isStale) return
      this.#isStale = false
      describe()
    })
  }
}

/** An error in a snapshot is reported to the client that asked: a reader must not be able to end this process. */
function answerFrame(): Buffer {
  try {
    return snapshotFrame()
  } catch (error) {
    const message = clip(`the server cannot read its counters: ${textOfThrown(error)}`)
    return encodeControlFrame(FrameKind.REJECT, { code: ErrorCode.UNAVAILABLE, message })
  }
}
