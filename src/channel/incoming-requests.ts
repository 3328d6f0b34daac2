import { ErrorCode, ShmwireError } from '../errors.js'
import { RecordKind } from '../wire/record-kind.js'
import type { MessageCodec } from './message-codec.js'
import { REQUESTS_OPEN_MAX } from './outgoing-requests.js'
import { CLOSING, encodeRemoteError } from './remote-error.js'
import type { Sender } from './sender.js'
import type { OpenWork } from './types.js'

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of their requests
type Handler<Channel> = (message: any, context: RunningRequest<Channel>) => unknown

type AnswerSender = Pick<Sender, 'maxMessageBytes' | 'push' | 'closeIfIdle'>

/**
 * Handlers that one side runs at once. A cancelled request is answered at once and its slot is free,
 * but its handler may continue. So as many handlers may outlive their requests as requests may be
 * open; further requests are refused.
 */
export const HANDLERS_RUNNING_MAX = 2 * REQUESTS_OPEN_MAX

/** The requests of the peer that are being answered. `Channel` is the type that handlers get. */
export class IncomingRequests<Channel> implements OpenWork {
  handler: Handler<Channel> | undefined
  readonly #channel: Channel
  readonly #sender: AnswerSender
  readonly #codec: Pick<MessageCodec, 'encode' | 'decode'>
  readonly #running = new Map<number, RunningRequest<Channel>>()
  /** Handlers that have not ended, including those of cancelled requests. */
  #handlersRunning = 0

  constructor(channel: Channel, sender: AnswerSender, codec: Pick<MessageCodec, 'encode' | 'decode'>) {
    this.#channel = channel
    this.#sender = sender
    this.#codec = codec
  }

  /** Open requests, without cancelled ones whose handlers still run. */
  get runningCount(): number {
    return this.#running.size
  }

  get idle(): boolean {
    return this.#running.size === 0
  }

  /** Answers a request; with `closing`, refuses it. Returns the fault of the peer, if there is one. */
  begin(id: number, payload: Buffer, closing: boolean): string | undefined {
    if (id === 0) return 'a request without an id'
    if (this.#running.has(id)) return `request ${id} twice`
    if (this.#running.size >= REQUESTS_OPEN_MAX) return `more than ${REQUESTS_OPEN_MAX} open requests`
    const running = new RunningRequest(this.#channel)
    this.#running.set(id, running)
    const overload = this.#overload()
    if (closing) this.#send(RecordKind.ERROR, id, running, CLOSING)
    else if (overload === undefined) this.#run(id, payload, running)
    else this.#replyError(id, running, overload)
    return undefined
  }

  /**
   * The caller gave up. Unless its answer is already sent, the request is answered here, so that both
   * sides free the slot at once. The result of the handler is dropped.
   */
  cancel(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    const error = new ShmwireError(ErrorCode.ABORTED, 'the caller cancelled the request')
    this.#replyError(id, running, error)
    running.abort(error)
  }

  /** The answers are not needed any more: the signals of the handlers fire. */
  fail(error: Error): void {
    const all = [...this.#running.values()]
    this.#running.clear()
    for (const running of all) running.abort(error)
  }

  /** The error of a request that finds too many handlers running. */
  #overload(): ShmwireError | undefined {
    if (this.#handlersRunning < HANDLERS_RUNNING_MAX) return undefined
    return new ShmwireError(
      ErrorCode.BACKLOG,
      `${this.#handlersRunning} request handlers are still running, the limit; at least half belong to cancelled requests: ` +
        'end a handler when its context.signal fires',
    )
  }

  #run(id: number, payload: Buffer, running: RunningRequest<Channel>): void {
    let runsOn = false
    this.#handlersRunning += 1
    try {
      const reply = this.#callHandler(payload, running)
      if (isThenable(reply)) {
        // A new promise settles once, which a foreign `then` may not; Promise.resolve would not make one.
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

  /** The request is open, and no answer was sent or waits for room. */
  #owes(id: number, running: RunningRequest<Channel>): boolean {
    return !running.answered && this.#running.get(id) === running
  }

  #callHandler(payload: Buffer, running: RunningRequest<Channel>): unknown {
    // A local, so that the handler does not get this object as `this`.
    const { handler } = this
    if (handler === undefined)
      throw new ShmwireError(
        ErrorCode.INVALID_ARGUMENT,
        'no handler is set; call channel.handle() on the side that answers',
      )
    return handler(this.#codec.decode(payload), running)
  }

  #reply(id: number, running: RunningRequest<Channel>, value: unknown): void {
    if (!this.#owes(id, running)) return
    let payload: Uint8Array
    try {
      payload = this.#codec.encode(value)
    } catch (error) {
      this.#replyError(id, running, error)
      return
    }
    this.#send(RecordKind.REPLY, id, running, payload)
  }

  #replyError(id: number, running: RunningRequest<Channel>, error: unknown): void {
    if (!this.#owes(id, running)) return
    this.#send(RecordKind.ERROR, id, running, encodeRemoteError(error, this.#sender.maxMessageBytes))
  }

  #send(kind: number, id: number, running: RunningRequest<Channel>, payload: Uint8Array): void {
    // Accessors of the answer run during the encoding, and may end the channel or read a CANCEL.
    if (!this.#owes(id, running)) return
    running.answered = true
    // Open until the link has the answer, so that a peer that reads none cannot make this side hold more.
    this.#sender.push(kind, id, payload, () => {
      if (this.#running.delete(id)) this.#sender.closeIfIdle()
    })
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

/** The context of a handler. Its signal is created on demand: most handlers need none. */
class RunningRequest<Channel> {
  readonly channel: Channel
  /** The answer is sent, or waits for room. */
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
