import { ErrorCode, ShmwireError } from '../errors.js'
import { RecordKind } from '../link/link.js'
import type { Channel } from './channel.js'
import type { MessageCodec } from './message-codec.js'
import { CLOSING, encodeRemoteError } from './remote-error.js'
import { REQUESTS_OPEN_MAX } from './requests.js'

/** What a handler knows of the request beside its message. */
export interface RequestContext {
  /** The channel that the request came through. */
  readonly channel: Channel
  /** Fires when the caller gave up or is gone. Its reason says which. */
  readonly signal: AbortSignal
}

/**
 * Answers one request with the value that it returns or resolves to; what it throws, the caller gets
 * as `ERR_SHMWIRE_REMOTE`.
 */
// biome-ignore lint/suspicious/noExplicitAny: what a request is, the two programs agree on
export type RequestHandler<Message = any> = (message: Message, context: RequestContext) => unknown

/** What the answering side needs of its channel. */
export interface AnswersHost {
  readonly channel: Channel
  readonly maxMessageBytes: number
  readonly codec: MessageCodec
  /** Sends an answer in its turn; `settled` runs when the link has taken it. */
  send(kind: number, id: number, payload: Uint8Array, settled: () => void): void
  /** A request has been answered. */
  idle(): void
}

/**
 * Handlers that one side runs at once. A cancelled request is answered at once and its slot is free, but its handler may run on.
 * So as many handlers may outlive their requests as requests may be open; beyond that, requests are refused.
 */
export const HANDLERS_RUNNING_MAX = 2 * REQUESTS_OPEN_MAX

/** The answering side: the peer's requests that are being answered. */
export class Answers {
  handler: RequestHandler | undefined
  readonly #host: AnswersHost
  readonly #running = new Map<number, RunningRequest>()
  /** Handlers that have not ended, those of cancelled requests among them. */
  #handlersRunning = 0

  constructor(host: AnswersHost) {
    this.#host = host
  }

  /** Requests that are open: without those that were cancelled and answered, whatever their handlers do. */
  get runningCount(): number {
    return this.#running.size
  }

  /** Begins to answer; `closing` refuses instead. Returns what the peer did wrong, if it did. */
  begin(id: number, payload: Buffer, closing: boolean): string | undefined {
    if (id === 0) return 'a request without an id'
    if (this.#running.has(id)) return `request ${id} twice`
    if (this.#running.size >= REQUESTS_OPEN_MAX) return `more than ${REQUESTS_OPEN_MAX} open requests`
    const running = new RunningRequest(this.#host.channel)
    this.#running.set(id, running)
    const overload = this.#overload()
    if (closing) this.#send(RecordKind.ERROR, id, running, CLOSING)
    else if (overload === undefined) this.#run(id, payload, running)
    else this.#replyError(id, running, overload)
    return undefined
  }

  /**
   * The caller of the request gave up. Unless its answer is under way, it is answered here, so that both sides free its slot
   * at once, whatever the handler does. The handler's own result is dropped.
   */
  cancel(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    const error = new ShmwireError(ErrorCode.ABORTED, 'the caller cancelled the request')
    this.#replyError(id, running, error)
    running.abort(error)
  }

  /** Nobody waits for the answers any more. */
  fail(error: Error): void {
    const all = [...this.#running.values()]
    this.#running.clear()
    for (const running of all) running.abort(error)
  }

  /** Why no further handler may be called, if none may be. */
  #overload(): ShmwireError | undefined {
    if (this.#handlersRunning < HANDLERS_RUNNING_MAX) return undefined
    return new ShmwireError(
      ErrorCode.BACKLOG,
      `${this.#handlersRunning} request handlers are still running, the limit; at least half belong to cancelled requests: ` +
        'end a handler when its context.signal fires',
    )
  }

  #run(id: number, payload: Buffer, running: RunningRequest): void {
    let runsOn = false
    this.#handlersRunning += 1
    try {
      const reply = this.#callHandler(payload, running)
      if (isThenable(reply)) {
        // Through a promise of our own: another's `then` might settle twice, and Promise.resolve returns a promise as it is.
        void new Promise((resolve) => {
          resolve(reply)
        }).then(
          (value) => {
            this.#handlersRunning -= 1
            this.#reply(id, running, value)
          },
          (error) => {
            this.#handlersRunning -= 1
            this.#replyError(id, running, error)
          },
        )
        runsOn = true
      } else this.#reply(id, running, reply)
    } catch (error) {
      this.#replyError(id, running, error)
    } finally {
      if (!runsOn) this.#handlersRunning -= 1
    }
  }

  /** The request is open, and its answer is not under way yet. */
  #owes(id: number, running: RunningRequest): boolean {
    return !running.answered && this.#running.get(id) === running
  }

  #callHandler(payload: Buffer, running: RunningRequest): unknown {
    // Not as a method of this object.
    const { handler } = this
    if (handler === undefined)
      throw new ShmwireError(
        ErrorCode.INVALID_ARGUMENT,
        'no handler is set; call channel.handle() on the side that answers',
      )
    return handler(this.#host.codec.decode(payload), running)
  }

  #reply(id: number, running: RunningRequest, value: unknown): void {
    if (!this.#owes(id, running)) return
    let payload: Uint8Array
    try {
      payload = this.#host.codec.encode(value)
    } catch (error) {
      this.#replyError(id, running, error)
      return
    }
    this.#send(RecordKind.REPLY, id, running, payload)
  }

  #replyError(id: number, running: RunningRequest, error: unknown): void {
    if (!this.#owes(id, running)) return
    this.#send(RecordKind.ERROR, id, running, encodeRemoteError(error, this.#host.maxMessageBytes))
  }

  #send(kind: number, id: number, running: RunningRequest, payload: Uint8Array): void {
    // Accessors run while an answer is encoded, and may have ended the channel, or have read a CANCEL.
    if (!this.#owes(id, running)) return
    running.answered = true
    // The request stays open until the link has its answer: so a peer that reads no answers cannot pile them up here.
    this.#host.send(kind, id, payload, () => {
      if (this.#running.delete(id)) this.#host.idle()
    })
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

/** A request that is being answered. Its signal is made when it is first asked for: most handlers never do. */
class RunningRequest implements RequestContext {
  readonly channel: Channel
  /** Its answer is sent, or waits for room. */
  answered = false
  #controller: AbortController | undefined
  #aborted: { readonly reason: unknown } | undefined

  constructor(channel: Channel) {
    this.channel = channel
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason }
    this.#controller?.abort(reason)
  }
}
