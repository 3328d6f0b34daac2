import type { Socket } from 'node:net'
import { waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { WaitOptions } from '../options.js'
import { clip, readReject } from './control-messages.js'
import { FrameParser } from './frame-parser.js'
import { controlBound, encodeControlFrame, FrameKind } from './frames.js'
import type { Agreement } from './handshake.js'
import { NativeFailure } from './native-failure.js'
import { encodePreamble, hasMagic, noShmwire, PREAMBLE_BYTES } from './preamble.js'

export interface ControlFrame {
  readonly kind: number
  readonly payload: Buffer
}

/** How long a refused peer has to read the reason and hang up. */
const LINGER_MS = 1_000

function ignore(): void {}

/** One failing clean-up must not keep the others from running; the error that led here is what the caller needs. */
function quietly(giveBack: () => void): void {
  try {
    giveBack()
  } catch {
    // See above.
  }
}

/**
 * Runs a handshake on `socket` within `{signal, timeoutMs}`. When it fails, however that is, everything that was
 * registered with `onFailure` is given back and the socket is gone, or ends by itself after a REJECT.
 */
export function converse(
  socket: Socket,
  options: WaitOptions,
  steps: (conversation: Conversation) => Promise<Agreement>,
): Promise<Agreement> {
  // For good: see Agreement.
  socket.on('error', ignore)
  const conversation = new Conversation(socket)
  const agreed = waitWithin<Agreement>(options, 'the handshake', (resolve, reject) => {
    void settle(conversation, steps, resolve, reject)
    return () => conversation.abort()
  })
  return agreed.catch((error: unknown) => {
    // For what ends it before it has begun, too: a signal that has fired already.
    conversation.abort()
    throw error
  })
}

async function settle(
  conversation: Conversation,
  steps: (conversation: Conversation) => Promise<Agreement>,
  resolve: (agreement: Agreement) => void,
  reject: (error: unknown) => void,
): Promise<void> {
  try {
    const agreement = await steps(conversation)
    if (conversation.complete()) resolve(agreement)
  } catch (error) {
    conversation.abort()
    reject(error instanceof NativeFailure ? error.error : error)
  }
}

/** One side's view of a handshake: sends frames, waits for those that may come next, and cleans up. */
export class Conversation {
  readonly socket: Socket
  readonly parser = new FrameParser(controlBound([]))
  readonly #giveBacks: (() => void)[] = []
  #state: 'open' | 'refused' | 'agreed' | 'failed' = 'open'
  #greeted = false
  /** Why nothing more will come. */
  #failure: ShmwireError | undefined
  /** Looks whether what is waited for has come. */
  #look: (() => void) | undefined
  #rejectLook: ((error: ShmwireError) => void) | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onEnd)
    // A server may hand its sockets over paused (`pauseOnConnect`).
    socket.resume()
  }

  /** Runs when the handshake fails, at most once, in the reverse order; at once when it has failed already. */
  onFailure(giveBack: () => void): void {
    if (this.#state === 'failed') quietly(giveBack)
    else this.#giveBacks.push(giveBack)
  }

  /** Throws when the handshake was aborted, during a wait that is not one of ours or by code of the user: nothing may be begun any more. */
  assertGoing(): void {
    if (this.#state === 'open') return
    throw this.#failure ?? new ShmwireError(ErrorCode.ABORTED, 'the handshake was aborted')
  }

  sendPreamble(): void {
    this.#greeted = true
    this.socket.write(encodePreamble())
  }

  send(kind: number, message: object = {}): void {
    this.socket.write(encodeControlFrame(kind, message))
  }

  /** The peer's first bytes; `VERSION` when they are not those of shmwire. */
  async preamble(): Promise<Buffer> {
    const preamble = await this.#wait(() => this.parser.take(PREAMBLE_BYTES))
    if (!hasMagic(preamble)) throw noShmwire(preamble)
    return preamble
  }

  /** The next frame. One of any other kind is `CORRUPT`, except REJECT, which throws the error that it stands for. */
  async next(kinds: readonly number[]): Promise<ControlFrame> {
    this.parser.bound = controlBound([...kinds, FrameKind.REJECT])
    const frame = await this.#wait(() => this.#parseOne())
    if (frame.kind === FrameKind.REJECT) throw readReject(frame.payload)
    return frame
  }

  /** Tells the peer why, and hangs up once it has read that. Returns the error, to be thrown. */
  refuse(error: ShmwireError): ShmwireError {
    if (this.#state !== 'open') return error
    this.#detach()
    this.#state = 'refused'
    const { socket } = this
    socket.end(encodeControlFrame(FrameKind.REJECT, { code: error.code, message: clip(error.message) }))
    // Reads on and throws away: closing with unread bytes would reset the connection, and the peer might miss the reason.
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref()
    socket.once('end', () => socket.destroySoon())
    socket.once('close', () => clearTimeout(timer))
    return error
  }

  /** Ends the handshake at once, also one that has been refused and lingers. The peer gets the reason if it reads fast enough. */
  dismiss(error: ShmwireError): void {
    if (this.#state === 'open') {
      if (!this.#greeted) this.sendPreamble()
      this.send(FrameKind.REJECT, { code: error.code, message: clip(error.message) })
      this.#fail(error)
    }
    this.abort()
    this.socket.destroy()
  }

  /** What the two sides have agreed on, with the socket on which they did. */
  agreement(parts: Omit<Agreement, 'socket' | 'parser' | 'transport'>): Agreement {
    const transport = parts.endpoint === undefined ? 'unix' : 'shm'
    return { socket: this.socket, parser: this.parser, transport, ...parts }
  }

  /** The handshake has succeeded. False: it was aborted before. */
  complete(): boolean {
    if (this.#state !== 'open') return false
    this.#state = 'agreed'
    this.#giveBacks.length = 0
    this.#detach()
    this.socket.pause()
    return true
  }

  /** The handshake has failed. Idempotent. */
  abort(): void {
    if (this.#state === 'agreed' || this.#state === 'failed') return
    if (this.#state === 'open') {
      this.#detach()
      this.socket.destroy()
    }
    this.#state = 'failed'
    this.#fail(new ShmwireError(ErrorCode.ABORTED, 'the handshake was aborted'))
    this.parser.clear()
    for (const giveBack of this.#giveBacks.splice(0).toReversed()) quietly(giveBack)
  }

  #wait<T>(attempt: () => T | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#rejectLook = reject
      this.#look = () => {
        const found = attempt()
        if (found === undefined) return
        this.#look = undefined
        this.#rejectLook = undefined
        resolve(found)
      }
      this.#tryLook()
      if (this.#look !== undefined) this.socket.resume()
      // What has come before the end still counts.
      if (this.#failure !== undefined) this.#fail(this.#failure)
    })
  }

  #tryLook(): void {
    try {
      this.#look?.()
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
    this.#tryLook()
    // Nobody waits for more: what a peer sends unasked must not pile up here.
    if (this.#look === undefined) this.socket.pause()
  }

  readonly #onEnd = (): void =>
    this.#fail(new ShmwireError(ErrorCode.PEER_GONE, 'the peer closed the connection during the handshake'))
  readonly #onError = (error: NodeJS.ErrnoException): void => this.#fail(socketError(error))

  #fail(error: ShmwireError): void {
    this.#failure ??= error
    this.#look = undefined
    this.#rejectLook?.(this.#failure)
    this.#rejectLook = undefined
  }

  #detach(): void {
    this.socket.off('data', this.#onData)
    this.socket.off('end', this.#onEnd)
    this.socket.off('error', this.#onError)
    this.socket.off('close', this.#onEnd)
  }
}

/** What an error of the socket means: of connecting, which a client may leave to the handshake, and after. */
export function socketError(cause: NodeJS.ErrnoException & { address?: string }): ShmwireError {
  const where = cause.address ?? 'the address'
  switch (cause.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
    case 'ENOTDIR':
    case 'ELOOP':
    // A socket of another type.
    case 'EPROTOTYPE':
      return new ShmwireError(
        ErrorCode.NOT_LISTENING,
        `no server listens at ${where}; start the server first`,
        {
          cause,
        },
      )
    case 'EAGAIN': {
      const message = `the server at ${where} has a full queue of connections; try again later`
      return new ShmwireError(ErrorCode.NOT_LISTENING, message, { cause })
    }
    case 'EACCES':
    case 'EPERM': {
      const message = `this user may not connect to ${where}; check the owner and mode of the socket and its directory`
      return new ShmwireError(ErrorCode.DENIED, message, { cause })
    }
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
    case 'ENOBUFS':
      return new ShmwireError(
        ErrorCode.OUT_OF_MEMORY,
        `no descriptor or memory is left to connect to ${where}`,
        { cause },
      )
    default:
      return new ShmwireError(
        ErrorCode.PEER_GONE,
        `the connection broke during the handshake: ${cause.message}`,
        { cause },
      )
  }
}
