import type { ByteStream } from '../byte-stream.js'
import { waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { clearTimeout, setTimeout } from '../host.js'
import type { WaitOptions } from '../options.js'
import type { Agreement } from '../wire/agreement.js'
import { FrameParser } from '../wire/frame-parser.js'
import { controlBound, encodeControlFrame, FrameKind } from '../wire/frames.js'
import { encodePreamble, hasMagic, mayBeginMagic, noShmwire, PREAMBLE_BYTES } from '../wire/preamble.js'
import { clip, readReject } from './control-messages.js'
import { NativeFailure } from './native-failure.js'
import { socketError } from './socket-error.js'

export interface ControlFrame {
  readonly kind: number
  readonly payload: Buffer
}

/** How long a refused peer has to read the reason and close the connection. */
const LINGER_MS = 1_000

function ignore(): void {}

/** After everything that was written. */
function destroyWhenFinished(socket: ByteStream): void {
  if (socket.writableFinished) socket.destroy()
  else socket.once('finish', () => socket.destroy())
}

/** A clean-up that fails must not prevent the others. */
function quietly(cleanUp: () => void): void {
  try {
    cleanUp()
  } catch {
    // The caller gets the error that ended the handshake.
  }
}

/**
 * Runs a handshake on `socket` within `{signal, timeoutMs}`. `place` is the address in errors of a socket that connects. If it fails, every clean-up of `onFailure` runs. The socket is then
 * destroyed, or ends by itself after a REJECT.
 */
export function runHandshake<T>(
  socket: ByteStream,
  { signal, timeoutMs }: WaitOptions,
  steps: (connection: HandshakeConnection) => Promise<T>,
  place?: string,
): Promise<T> {
  // This listener stays: see Agreement.
  socket.on('error', ignore)
  const connection = new HandshakeConnection(socket, place)
  const agreed = waitWithin<T>({ signal, timeoutMs }, 'the handshake', (resolve, reject) => {
    void settle(connection, steps, resolve, reject)
    return () => connection.abort()
  })
  return agreed.catch((error: unknown) => {
    // A signal that has fired before the call ends the wait before the steps begin.
    connection.abort()
    throw error
  })
}

async function settle<T>(
  connection: HandshakeConnection,
  steps: (connection: HandshakeConnection) => Promise<T>,
  resolve: (agreement: T) => void,
  reject: (error: unknown) => void,
): Promise<void> {
  try {
    const agreement = await steps(connection)
    if (connection.complete()) resolve(agreement)
  } catch (error) {
    connection.abort()
    reject(error instanceof NativeFailure ? error.error : error)
  }
}

/** One side of a handshake: sends frames, waits for the frames that may follow, and cleans up after a failure. */
export class HandshakeConnection {
  readonly socket: ByteStream
  readonly parser = new FrameParser(controlBound([]))
  readonly #cleanUps: (() => void)[] = []
  #state: 'open' | 'refused' | 'agreed' | 'failed' = 'open'
  #sentPreamble = false
  /** Frames for one write, so that the peer reads them in one turn. */
  #unsent: Buffer[] = []
  /** The error after which no frame follows. */
  #failure: ShmwireError | undefined
  /** Takes the awaited frame from the parser, if it is there. */
  #attempt: (() => void) | undefined
  #rejectAttempt: ((error: ShmwireError) => void) | undefined
  readonly #place: string | undefined

  constructor(socket: ByteStream, place?: string) {
    this.socket = socket
    this.#place = place
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onEnd)
    // A server with `pauseOnConnect` passes paused sockets.
    socket.resume()
  }

  /** Runs `cleanUp` at most once: if the handshake fails, in the reverse order; at once, if it has failed. */
  onFailure(cleanUp: () => void): void {
    if (this.#state === 'failed') quietly(cleanUp)
    else this.#cleanUps.push(cleanUp)
  }

  /** Throws if the handshake was aborted during another wait or by code of the user. No further step may begin then. */
  assertOpen(): void {
    if (this.#state === 'open') return
    throw this.#failure ?? new ShmwireError(ErrorCode.ABORTED, 'the handshake was aborted')
  }

  /** With the next frame, or when this side waits. */
  sendPreamble(): void {
    this.#sentPreamble = true
    this.#unsent.push(encodePreamble())
  }

  /** At the next wait, or at the end of the handshake. */
  send(kind: number, message: object = {}): void {
    this.#unsent.push(encodeControlFrame(kind, message))
  }

  /** Sends at once and then calls `work`, while the peer handles the frames; not if the handshake has ended. `work` must not throw. */
  flushBefore(work: () => void): void {
    this.#flush((error) => {
      if (!error && this.#state === 'open') work()
    })
  }

  /** The first bytes of the peer, if they are those of shmwire. Throws `VERSION`. */
  async preamble(): Promise<Buffer> {
    const preamble = await this.firstBytes()
    if (!hasMagic(preamble)) throw noShmwire(preamble)
    return preamble
  }

  /** Any first bytes of the peer, as many as a preamble has. Throws `VERSION` for fewer that are not those of shmwire. */
  firstBytes(): Promise<Buffer> {
    return this.#wait(() => this.parser.take(PREAMBLE_BYTES)).catch((error: unknown) => {
      throw this.#foreignRest(error) ?? error
    })
  }

  /** The next frame. Throws `CORRUPT` for another kind, and the peer's error for a REJECT. */
  async next(kinds: readonly number[]): Promise<ControlFrame> {
    this.parser.bound = controlBound([...kinds, FrameKind.REJECT])
    const frame = await this.#wait(() => this.#parseOne())
    if (frame.kind === FrameKind.REJECT) throw readReject(frame.payload)
    return frame
  }

  /** Sends the reason to the peer, and closes the socket after the peer has read it. Returns the error, to be thrown. */
  refuse(error: ShmwireError): ShmwireError {
    if (this.#state !== 'open') return error
    this.#flush()
    this.#detach()
    this.#state = 'refused'
    const { socket } = this
    socket.end(encodeControlFrame(FrameKind.REJECT, { code: error.code, message: clip(error.message) }))
    // Closing with unread bytes would reset the connection, and the peer might miss the reason. So this side reads and drops them.
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref()
    socket.once('end', () => destroyWhenFinished(socket))
    socket.once('close', () => clearTimeout(timer))
    return error
  }

  /** Ends the handshake at once, even after a refusal. The peer gets the reason if it reads fast enough. */
  dismiss(error: ShmwireError): void {
    if (this.#state === 'open') {
      if (!this.#sentPreamble) this.sendPreamble()
      this.send(FrameKind.REJECT, { code: error.code, message: clip(error.message) })
      this.#flush()
      this.#fail(error)
    }
    this.abort()
    this.socket.destroy()
  }

  agreement(terms: Omit<Agreement, 'socket' | 'parser'>): Agreement {
    return { socket: this.socket, parser: this.parser, ...terms }
  }

  /** Ends a successful handshake. False: it was aborted before. */
  complete(): boolean {
    if (this.#state !== 'open') return false
    this.#flush()
    this.#state = 'agreed'
    this.#cleanUps.length = 0
    this.#detach()
    this.socket.pause()
    return true
  }

  /** Ends a failed handshake. Idempotent. */
  abort(): void {
    if (this.#state === 'agreed' || this.#state === 'failed') return
    if (this.#state === 'open') {
      this.#flush()
      this.#detach()
      this.socket.destroy()
    }
    this.#state = 'failed'
    this.#fail(new ShmwireError(ErrorCode.ABORTED, 'the handshake was aborted'))
    this.parser.clear()
    for (const cleanUp of this.#cleanUps.splice(0).toReversed()) quietly(cleanUp)
  }

  #wait<T>(attempt: () => T | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#rejectAttempt = reject
      this.#attempt = () => {
        const found = attempt()
        if (found === undefined) return
        this.#attempt = undefined
        this.#rejectAttempt = undefined
        resolve(found)
      }
      this.#tryAttempt()
      if (this.#attempt !== undefined) {
        this.#flush()
        this.socket.resume()
      }
      // Bytes that arrived before the end still count.
      if (this.#failure !== undefined) this.#fail(this.#failure)
    })
  }

  #flush(onWritten?: (error?: Error | null) => void): void {
    if (this.#unsent.length === 0) return
    const bytes = this.#unsent.length === 1 ? (this.#unsent[0] as Buffer) : Buffer.concat(this.#unsent)
    this.#unsent = []
    this.socket.write(bytes, onWritten)
  }

  /** Foreign bytes explain why the peer has closed the connection. */
  #foreignRest(error: unknown): ShmwireError | undefined {
    if (!(error instanceof ShmwireError) || error.code !== ErrorCode.PEER_GONE) return undefined
    const bytes = this.parser.takeRest()
    return mayBeginMagic(bytes) ? undefined : noShmwire(bytes)
  }

  #tryAttempt(): void {
    try {
      this.#attempt?.()
    } catch (error) {
      this.#fail(error as ShmwireError)
    }
  }

  #parseOne(): ControlFrame | undefined {
    let frame: ControlFrame | undefined
    this.parser.parse((kind, _id, payload) => {
      frame = { kind, payload }
      return false
    })
    return frame
  }

  readonly #onData = (chunk: Buffer): void => {
    this.parser.push(chunk)
    this.#tryAttempt()
    // Without a wait, the bytes of a peer must not pile up here.
    if (this.#attempt === undefined) this.socket.pause()
  }

  readonly #onEnd = (): void =>
    this.#fail(new ShmwireError(ErrorCode.PEER_GONE, 'the peer closed the connection during the handshake'))
  readonly #onError = (error: NodeJS.ErrnoException): void => this.#fail(socketError(error, this.#place))

  #fail(error: ShmwireError): void {
    this.#failure ??= error
    this.#attempt = undefined
    this.#rejectAttempt?.(this.#failure)
    this.#rejectAttempt = undefined
  }

  #detach(): void {
    this.socket.off('data', this.#onData)
    this.socket.off('end', this.#onEnd)
    this.socket.off('error', this.#onError)
    this.socket.off('close', this.#onEnd)
  }
}
