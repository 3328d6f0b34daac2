import { randomBytes } from 'node:crypto'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, setTimeout } from '../../host.js'
import type { TunnelConnection } from './tunnel-connection.js'
import { type Accepted, decodeResponse, encodeMessage, SESSION_ID_BYTES } from './tunnel-message.js'
import type { SessionBounds } from './tunnel-session.js'
import { TunnelStream } from './tunnel-stream.js'

/** The first wait after a connection was lost is 0; the next ones are random up to twice as long each time. */
const DELAY_MS_MIN = 20
const DELAY_MS_MAX = 1_000

/** After these, another connection would fail in the same way. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.DENIED,
  ErrorCode.VERSION,
  ErrorCode.CORRUPT,
  ErrorCode.INVALID_ARGUMENT,
])

/** Begins a connection to the gateway. */
export type Dial = () => TunnelConnection

export interface ClientTunnelOptions extends SessionBounds {
  readonly dial: Dial
  readonly name: string
  /** Empty: the client does not ask for the instance of the server. */
  readonly bootId: string
}

/** The client's side of a session, which connects again after a lost connection. */
export class ClientTunnel {
  readonly stream: TunnelStream
  readonly #options: ClientTunnelOptions
  readonly #session = randomBytes(SESSION_ID_BYTES)
  #connection: TunnelConnection | undefined
  /** The gateway has not answered on `#connection`. */
  #connecting = false
  #referenced = true
  #timer: NodeJS.Timeout | undefined
  #attempts = 0
  /** When the gateway accepted the last connection. */
  #arrivedBytes = 0
  /** True while the gateway does not know the session. */
  #isNew = true
  #accepted!: (accepted: Accepted) => void
  #refused!: (error: ShmwireError) => void
  /** Resolves when the gateway has accepted the session. Rejects if it refuses it, or cannot be reached. */
  readonly accepted: Promise<Accepted> = new Promise((resolve, reject) => {
    this.#accepted = resolve
    this.#refused = reject
  })

  constructor(options: ClientTunnelOptions) {
    this.#options = options
    this.stream = new TunnelStream({
      ...options,
      onDetached: (error) => this.#connectionFailed(error),
      onEnded: () => this.#stop(),
      onReferenced: (referenced) => this.#setReferenced(referenced),
    })
    this.stream.once('close', () => this.#stop())
    this.#connect()
  }

  /** The session ends the connection that it has, but not one that the gateway has not accepted yet. */
  #stop(): void {
    clearTimeout(this.#timer)
    if (this.#connecting) this.#connection?.destroy()
    this.#connecting = false
  }

  #connect(): void {
    const { session } = this.stream
    const connection = this.#options.dial()
    this.#connection = connection
    this.#connecting = true
    connection.setReferenced(this.#referenced)
    const announced = session.progress
    connection.events = {
      message: (bytes) => {
        const first = this.#decodeFirst(bytes)
        this.#connecting = false
        if (first instanceof ShmwireError) {
          connection.destroy()
          this.#fail(first)
          return
        }
        this.#arrivedBytes = session.arrivedBytes
        this.#isNew = false
        this.stream.knownPeer = connection.knownPeer
        session.attach(connection, announced, first)
        this.#accepted(first)
      },
      drain: () => {},
      lost: (error) => {
        this.#connecting = false
        this.#connectionFailed(error)
      },
    }
    const { name, bootId } = this.#options
    const start = { kind: 'start', session: this.#session, ...announced } as const
    const isNew = this.#isNew
    connection.send(
      encodeMessage({ ...start, name: isNew ? name : '', resume: !isNew, bootId: isNew ? bootId : '' }),
    )
  }

  #decodeFirst(bytes: Buffer): Accepted | ShmwireError {
    try {
      const first = decodeResponse(bytes)
      if (first.kind === 'accepted') return first
      const closed = new ShmwireError(ErrorCode.PEER_GONE, 'the gateway closed the session while it began')
      if (first.kind === 'close') return first.error ?? closed
      return new ShmwireError(ErrorCode.CORRUPT, 'the gateway sent bytes of the tunnel before it accepted it')
    } catch (error) {
      return error as ShmwireError
    }
  }

  #connectionFailed(error: ShmwireError | undefined): void {
    const gone = error ?? new ShmwireError(ErrorCode.PEER_GONE, 'the gateway ended the connection')
    // The gateway can hold the session of a first connection that broke, and ends it by itself.
    if (this.#isNew || FINAL.has(gone.code)) this.#fail(gone)
    else this.#resumeLater()
  }

  #fail(error: ShmwireError): void {
    this.#refused(error)
    this.stream.session.fail(error)
  }

  #resumeLater(): void {
    const { isClosed, arrivedBytes } = this.stream.session
    if (isClosed) return
    // A connection that carried nothing counts as a failed attempt.
    if (arrivedBytes > this.#arrivedBytes) this.#attempts = 0
    const boundMs = this.#attempts === 0 ? 0 : Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** this.#attempts)
    this.#attempts += 1
    this.#timer = setTimeout(() => {
      if (!this.stream.session.isClosed) this.#connect()
    }, Math.random() * boundMs)
    if (!this.#referenced) this.#timer.unref()
  }

  #setReferenced(referenced: boolean): void {
    this.#referenced = referenced
    this.#connection?.setReferenced(referenced)
    if (referenced) this.#timer?.ref()
    else this.#timer?.unref()
  }
}
