import {
  type CallCredentials,
  type ClientUnaryCall,
  status as Code,
  type CallOptions as GrpcCallOptions,
  type Metadata as GrpcMetadata,
  type StatusObject,
} from '@grpc/grpc-js'
import { onceAborted } from '../../abort-waits.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { nowMs, setImmediate, timeOfDayMs } from '../../host.js'
import { type CallSettings, streamsIn } from '../../service/call/begin-call.js'
import type { CalledMethod } from '../../service/call/called-method.js'
import { decodeMetadata, Metadata } from '../../service/call/metadata.js'
import { abortedCall, withExecuted } from '../../service/call/outgoing-call.js'
import { SendWindow } from '../../service/call/send-window.js'
import { StreamPump } from '../../service/call/stream-pump.js'
import { runApart, textOfThrown } from '../../uncaught.js'
import type { Tokens } from '../tokens.js'
import { callCredentials } from './call-credentials.js'
import type { PooledConnection } from './connection-pool.js'
import { errorOfStatus } from './grpc-client-errors.js'
import { Upload, type UploadStream } from './grpc-client-upload.js'
import { fromGrpcMetadata, toGrpcMetadata } from './grpc-metadata.js'

/** The settings of all calls of a client. */
export interface GrpcCallSettings {
  /** The address of the server, for messages. */
  readonly target: string
  /** Of each call. */
  readonly metadata: Metadata
  readonly tokens: Tokens | undefined
  /** Calls wait for a connection. */
  readonly waits: boolean
  readonly maxMessageBytes: number
}

/** A method on the wire. */
export interface GrpcMethod {
  readonly path: string
  encode(message: unknown): Uint8Array
  decode(bytes: Uint8Array): unknown
}

/** The client of a call. */
export interface GrpcCallOwner {
  readonly settings: GrpcCallSettings
  began(call: GrpcCall): PooledConnection
  ended(call: GrpcCall, connection: PooledConnection): void
  /** A call that began at `beganMs` got no answer within its time. */
  unanswered(connection: PooledConnection, beganMs: number): void
}

/** The call of grpc-js, of any kind. */
export type SurfaceCall = ClientUnaryCall

/** The arguments of grpc-js for a call. */
export interface GrpcRequest {
  readonly path: string
  readonly metadata: GrpcMetadata
  readonly options: GrpcCallOptions
  /** The one message of the caller. Undefined: it sends a stream. */
  readonly bytes: Buffer | undefined
}

/** The timers of the server and of this process differ by a few milliseconds. */
const TIMER_EARLY_MS = 5

/** One attempt of a call. Its outcome goes to the subclass. */
export abstract class GrpcCall {
  /** The caller has its outcome. */
  over = false
  protected readonly called: CalledMethod
  protected readonly method: GrpcMethod
  readonly #owner: GrpcCallOwner
  readonly #settings: CallSettings
  readonly #beganMs = nowMs()
  #connection: PooledConnection | undefined
  #surface: SurfaceCall | undefined
  readonly #stopListening: (() => void)[] = []
  #pump: StreamPump | undefined
  #upload: Upload | undefined
  /** grpc-js has a connection for the request, and opens a stream next. */
  #mayBeSent = false
  #answered = false

  constructor(owner: GrpcCallOwner, called: CalledMethod, method: GrpcMethod, settings: CallSettings) {
    this.#owner = owner
    this.#settings = settings
    this.called = called
    this.method = method
  }

  /** Sends the request, or begins to send its messages. A call that cannot begin fails. */
  begin(request: unknown): void {
    try {
      this.#begin(request)
    } catch (error) {
      this.fail(withExecuted(error as Error, 'no'))
    }
  }

  /** The caller stops waiting, with `error`. */
  giveUp(error: Error): void {
    if (this.over) return
    this.fail(withExecuted(error, this.#mayBeSent ? 'unknown' : 'no'))
    const surface = this.#surface
    if (surface === undefined) return
    surface.cancel()
    // A call that is cancelled in the turn in which it began still opens its stream; only a second cancel then ends that.
    setImmediate(() => surface.cancel())
  }

  /** Begins the call with grpc-js. */
  protected abstract open(connection: PooledConnection, request: GrpcRequest): SurfaceCall
  /** The call has failed. Called once, after `end`. */
  protected abstract failed(error: Error): void

  /** A message of the server. Throws `CODEC`. */
  protected decode(bytes: Buffer): unknown {
    try {
      return this.method.decode(bytes)
    } catch (cause) {
      const text = `the ${bytes.length} bytes of an answer of ${this.called.name} cannot be decoded: ${textOfThrown(cause)}`
      throw new ShmwireError(ErrorCode.CODEC, text, { cause, status: 'INTERNAL', executed: 'unknown' })
    }
  }

  /** grpc-js has ended the call. True: with OK, and the outcome is the subclass's. */
  protected finished(status: StatusObject, cause: unknown): boolean {
    if (this.over) return false
    // Only the server sends trailers.
    if (this.#connection !== undefined && Object.keys(status.metadata.getMap()).length > 0)
      this.#connection.heardMs = nowMs()
    this.#report(status.metadata, this.#settings.onTrailers)
    // The callback may end the call.
    if (this.over) return false
    if (status.code === Code.OK) {
      this.end()
      return true
    }
    this.#failWith(status, cause)
    return false
  }

  protected fail(error: Error): void {
    if (this.over) return
    this.end()
    this.failed(error)
  }

  /** The caller has its outcome: nothing more is delivered or sent. */
  protected end(): void {
    this.over = true
    for (const stop of this.#stopListening) stop()
    this.#pump?.stop()
    this.#upload?.wake()
    if (this.#connection !== undefined) this.#owner.ended(this, this.#connection)
  }

  #failWith(status: StatusObject, cause: unknown): void {
    const { target, maxMessageBytes } = this.#owner.settings
    const { timeoutMs } = this.#settings
    const error = errorOfStatus(status, {
      method: this.called.name,
      target,
      timeoutMs,
      timedOut: nowMs() - this.#beganMs > timeoutMs - TIMER_EARLY_MS,
      mayBeSent: this.#mayBeSent,
      answered: this.#answered,
      maxMessageBytes,
      cause,
    })
    this.fail(error)
    const isLate = error instanceof ShmwireError && error.code === ErrorCode.TIMEOUT
    if (isLate && this.#mayBeSent && !this.#answered && this.#connection !== undefined)
      this.#owner.unanswered(this.#connection, this.#beganMs)
  }

  #begin(request: unknown): void {
    const { signals } = this.#settings
    const aborted = signals.find((signal) => signal.aborted)
    if (aborted !== undefined) throw abortedCall(this.called.name, aborted)
    const streams = streamsIn(this.called, request)
    const bytes = streams ? undefined : this.#encode(request)
    const metadata = this.#metadata()
    this.#connection = this.#owner.began(this)
    const surface = this.open(this.#connection, {
      path: this.method.path,
      metadata,
      options: { deadline: this.#deadline(), credentials: this.#credentials(metadata) },
      bytes,
    })
    this.#surface = surface
    const connection = this.#connection
    surface.on('metadata', (headers: GrpcMetadata) => {
      this.#answered = true
      connection.heardMs = nowMs()
      if (!this.over) this.#report(headers, this.#settings.onHeaders)
    })
    for (const signal of signals)
      this.#stopListening.push(onceAborted(signal, () => this.giveUp(abortedCall(this.called.name, signal))))
    // It fired during the encoding, so its event will not come.
    const fired = signals.find((signal) => signal.aborted)
    if (fired !== undefined) this.giveUp(abortedCall(this.called.name, fired))
    if (streams && !this.over) this.#send(surface as SurfaceCall & UploadStream, request)
  }

  #send(stream: UploadStream, messages: AsyncIterable<unknown> | Iterable<unknown>): void {
    const upload = new Upload(stream, (message) => this.#encode(message))
    const pump = new StreamPump(messages, new SendWindow(), upload)
    this.#upload = upload
    this.#pump = pump
    void pump.run().then(
      () => {
        if (!this.over) stream.end()
      },
      (error: unknown) => this.giveUp(error as Error),
    )
  }

  #encode(message: unknown): Buffer {
    const { maxMessageBytes } = this.#owner.settings
    const { buffer, byteOffset, byteLength } = this.method.encode(message)
    if (byteLength > maxMessageBytes)
      throw new ShmwireError(
        ErrorCode.MESSAGE_TOO_LARGE,
        `a message for ${this.called.name} is ${byteLength} bytes, more than maxMessageBytes: ${maxMessageBytes}; shorten it, or raise the option here and at the server`,
      )
    return Buffer.from(buffer, byteOffset, byteLength)
  }

  /** Those of the call replace those of the client. */
  #metadata(): GrpcMetadata {
    const { metadata, waits } = this.#owner.settings
    const own = this.#settings.metadata
    const decoded = own === undefined ? [] : (decodeMetadata(own) ?? [])
    const target = toGrpcMetadata(new Metadata([...metadata, ...decoded]))
    if (waits) target.setOptions({ waitForReady: true })
    return target
  }

  /** For grpc-js, which knows times of day only. */
  #deadline(): Date | number {
    const { timeoutMs } = this.#settings
    return timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : new Date(timeOfDayMs() + timeoutMs)
  }

  #credentials(metadata: GrpcMetadata): CallCredentials {
    return callCredentials(this.#owner.settings.tokens, metadata, {
      ready: () => {
        this.#mayBeSent = true
      },
      failed: (error) => this.giveUp(error),
    })
  }

  #report(source: GrpcMetadata, callback: ((metadata: Metadata) => void) | undefined): void {
    if (callback === undefined) return
    const metadata = fromGrpcMetadata(source)
    if (metadata.size > 0) runApart(() => callback(metadata))
  }
}
