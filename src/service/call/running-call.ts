import type { Channel } from '../../channel/channel.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, newAbortController, nowMs, setTimeout, timeOfDayMs } from '../../host.js'
import type { Trace } from '../../observe/diagnostics-trace.js'
import { TIMEOUT_MS_MAX } from '../../options.js'
import type { Identity, Peer } from '../../peer.js'
import { defaultIdentify, identityOf, takeIdentity } from '../auth/identity.js'
import { type CallContext, LAST_EVENT_ID } from './call-context.js'
import { encodeMetadata, Metadata } from './metadata.js'
import type { ReceivedStream } from './received-stream.js'
import type { SendWindow } from './send-window.js'
import type { ServedMethod } from './served-method.js'
import type { StreamPump } from './stream-pump.js'

/** A call that this side answers, and the context of its handler. Its parts are created on demand: most handlers need few. */
export class RunningCall implements CallContext {
  readonly id: number
  readonly channel: Channel
  readonly served: ServedMethod
  readonly beganMs = nowMs()
  /** The messages of the call have their binary form, in both directions. */
  readonly isBinary: boolean
  /** The messages of a caller that streams. */
  incoming: ReceivedStream | undefined
  /** Sends the messages of a handler that streams. */
  pump: StreamPump | undefined
  window: SendWindow | undefined
  /** The answer is sent or waits for room, or the channel has ended: nothing more is sent. */
  over = false
  /** The caller has sent its last message. */
  inputEnded = false
  /** Of a call that is observed. */
  trace: Trace | undefined
  readonly #timeoutMs: number | undefined
  #metadata: Metadata | undefined
  /** Apart from the metadata, which a handler may pass on as it is. */
  readonly #statedIdentity: Uint8Array | undefined
  readonly #onDeadline: (call: RunningCall) => void
  #headers: Metadata | undefined
  #headersSent = false
  #trailers: Metadata | undefined
  #identity: { readonly found: Identity | undefined } | undefined
  #controller: AbortController | undefined
  #aborted: { readonly reason: unknown } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(parts: {
    readonly id: number
    readonly channel: Channel
    readonly served: ServedMethod
    readonly isBinary: boolean
    readonly timeoutMs: number | undefined
    /** Undefined: there is none. */
    readonly metadata: Metadata | undefined
    readonly onDeadline: (call: RunningCall) => void
  }) {
    this.id = parts.id
    this.channel = parts.channel
    this.served = parts.served
    this.isBinary = parts.isBinary
    this.#timeoutMs = parts.timeoutMs
    this.#metadata = parts.metadata
    this.#statedIdentity = takeIdentity(parts.metadata)
    this.#onDeadline = parts.onDeadline
  }

  get service(): string {
    return this.served.service
  }

  get method(): string {
    return this.served.name
  }

  get peer(): Peer {
    return this.channel.peer
  }

  get identity(): Identity | undefined {
    const identify = this.served.identify ?? defaultIdentify
    this.#identity ??= { found: identityOf(this.peer, this.#statedIdentity, identify) }
    return this.#identity.found
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = newAbortController()
      if (this.#aborted === undefined) this.watchDeadline()
      else this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  get deadline(): Date | undefined {
    return this.#timeoutMs === undefined ? undefined : new Date(timeOfDayMs() + this.remainingMs)
  }

  get remainingMs(): number {
    if (this.#timeoutMs === undefined) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#timeoutMs - (nowMs() - this.beganMs))
  }

  get metadata(): Metadata {
    this.#metadata ??= new Metadata()
    return this.#metadata
  }

  get headers(): Metadata {
    this.#headers ??= new Metadata()
    return this.#headers
  }

  get trailers(): Metadata {
    this.#trailers ??= new Metadata()
    return this.#trailers
  }

  get lastEventId(): string | undefined {
    return this.#metadata?.text(LAST_EVENT_ID)
  }

  get deadlineError(): ShmwireError {
    return new ShmwireError(
      ErrorCode.TIMEOUT,
      `the call of ${this.service}/${this.method} took longer than its ${Math.round(this.#timeoutMs ?? 0)} ms`,
    )
  }

  /** The encoded headers, once: with the first message. */
  takeHeaders(): Buffer | undefined {
    if (this.#headersSent) return undefined
    this.#headersSent = true
    return encodeMetadata(this.#headers)
  }

  encodeTrailers(): Buffer | undefined {
    return encodeMetadata(this.#trailers)
  }

  /**
   * Ends the call at its deadline. Only for handlers that read the signal and for streams: the caller has a timer of its own, and cancels
   * every other call.
   */
  watchDeadline(): void {
    if (this.over || this.#timer !== undefined) return
    // The caller may state any time; Infinity is that of a call without a deadline.
    const delayMs = Math.ceil(this.remainingMs)
    if (delayMs <= TIMEOUT_MS_MAX) this.#timer = setTimeout(() => this.#onDeadline(this), delayMs).unref()
  }

  /** The handler's answer is not needed any more. */
  abort(reason: ShmwireError): void {
    // First, because the listeners of the signal can end the channel.
    this.over = true
    this.#aborted ??= { reason }
    this.#controller?.abort(reason)
    this.release(reason)
  }

  /** The call is over: frees the timer and ends the streams of both directions. */
  release(reason: ShmwireError | undefined): void {
    this.over = true
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.pump?.stop()
    this.incoming?.end(reason ?? callEnded())
  }
}

/** A handler that has answered and reads the caller's messages on. */
function callEnded(): ShmwireError {
  return new ShmwireError(ErrorCode.CLOSED, 'the call has ended: its handler has answered')
}
