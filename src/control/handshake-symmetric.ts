/**
 * The handshake over a stream that the user has connected. Both sides do the same, so neither must know which one it is.
 *
 *   preamble, HELLO →  ← preamble, HELLO    READY →  ← READY
 *
 * One way, the writer sends preamble and HELLO, and the records follow.
 */
import type { ByteStream } from '../byte-stream.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { type Peer, UNKNOWN_PROCESS } from '../peer.js'
import type { Agreement, Direction } from '../wire/agreement.js'
import { FEATURES } from '../wire/features.js'
import { FrameKind } from '../wire/frames.js'
import { versionFault } from '../wire/preamble.js'
import { withPrintHint } from '../wire/print-hint.js'
import { admitPeer } from './admit-peer.js'
import { clip, type Hello, newConnectionId, readHello } from './control-messages.js'
import { CLIENT_HANDSHAKE_TIMEOUT_MS, type HandshakeOptions } from './handshake.js'
import { type HandshakeConnection, runHandshake } from './handshake-connection.js'
import { agreeOnHeartbeat, heartbeatMembers } from './heartbeat-terms.js'

/** Nothing is known of the reader of a stream. */
const NO_PEER: Peer = { ...UNKNOWN_PROCESS, verified: false }

export interface StreamHandshakeOptions extends HandshakeOptions {
  /** Why the channel does not use shared memory. */
  readonly reason: string
  /** Undefined: both. */
  readonly direction?: Direction | undefined
}

/**
 * Rejects with a ShmwireError (`VERSION`, `DENIED`, `INVALID_ARGUMENT`, `CORRUPT`, `PEER_GONE`, `TIMEOUT`, `ABORTED`). Then the stream is
 * destroyed.
 */
export function handshakeOverStream(stream: ByteStream, options: StreamHandshakeOptions): Promise<Agreement> {
  const bounds = { signal: options.signal, timeoutMs: options.timeoutMs ?? CLIENT_HANDSHAKE_TIMEOUT_MS }
  const agreed = runHandshake(stream, bounds, (connection) => new Side(connection, options).run())
  if (options.transport !== 'stdio') return agreed
  return agreed.catch((error: unknown) => {
    throw withPrintHint(error)
  })
}

class Side {
  readonly #connection: HandshakeConnection
  readonly #options: StreamHandshakeOptions
  readonly #connectionId = newConnectionId()

  constructor(connection: HandshakeConnection, options: StreamHandshakeOptions) {
    this.#connection = connection
    this.#options = options
  }

  async run(): Promise<Agreement> {
    const { settings, direction } = this.#options
    if (direction !== 'read') this.#sendHello()
    if (direction === 'write') return this.#agree(NO_PEER, settings.maxMessageBytes)
    const hello = await this.#receiveHello()
    const { peer } = admitPeer(this.#connection, this.#options, hello.pid)
    const mismatch = this.#mismatch(hello)
    if (mismatch !== undefined) throw this.#connection.refuse(mismatch)
    if (direction === 'read') return this.#agree(peer, settings.maxMessageBytes, hello)
    this.#connection.send(FrameKind.READY)
    await this.#connection.next([FrameKind.READY])
    return this.#agree(peer, Math.min(settings.maxMessageBytes, hello.maxMessageBytes), hello)
  }

  #sendHello(): void {
    const { settings, codecName, reason } = this.#options
    const { maxMessageBytes, ringBytes } = settings
    const terms = { features: FEATURES, codec: codecName, maxMessageBytes, ringBytes, pid: process.pid }
    const heartbeat = heartbeatMembers(this.#options)
    this.#connection.sendPreamble()
    const connectionId = this.#connectionId
    const rest = { transport: 'socket', shm: clip(reason), connectionId }
    this.#connection.send(FrameKind.HELLO, { ...terms, ...rest, ...heartbeat })
  }

  async #receiveHello(): Promise<Hello> {
    const fault = versionFault(await this.#connection.preamble())
    if (fault !== undefined) throw this.#connection.refuse(fault)
    return readHello((await this.#connection.next([FrameKind.HELLO])).payload)
  }

  #mismatch({ codec, maxMessageBytes }: Hello): ShmwireError | undefined {
    const { codecName, settings, direction } = this.#options
    if (codec !== codecName) {
      const names = `the codec of the other side is ${JSON.stringify(codec)}, of this side ${JSON.stringify(codecName)}`
      return new ShmwireError(ErrorCode.INVALID_ARGUMENT, `${names}; pass the same option codec to both`)
    }
    // The writer gets no answer, and cannot apply the smaller value.
    if (direction !== 'read' || maxMessageBytes <= settings.maxMessageBytes) return undefined
    return new ShmwireError(
      ErrorCode.INVALID_ARGUMENT,
      `the writer's maxMessageBytes is ${maxMessageBytes}, of this side ${settings.maxMessageBytes}; pass the same value to both`,
    )
  }

  /** One way, only the writer states one. */
  #agreedId(hello: Hello | undefined): string | undefined {
    const own = this.#connectionId
    if (this.#options.direction === 'write') return own
    const theirs = hello?.connectionId
    if (theirs === undefined || this.#options.direction === 'read') return theirs
    return [own, theirs].toSorted()[0]
  }

  #agree(peer: Peer, maxMessageBytes: number, hello?: Hello): Agreement {
    const { transport, reason: fallbackReason, direction } = this.#options
    const heartbeat = hello === undefined ? undefined : agreeOnHeartbeat(this.#options, hello)
    const features = hello?.features ?? []
    const connectionId = this.#agreedId(hello)
    const terms = {
      connectionId,
      transport,
      direction,
      heartbeat,
      peer,
      fallbackReason,
      maxMessageBytes,
      features,
    }
    return this.#connection.agreement({ ...terms, endpoint: undefined })
  }
}
