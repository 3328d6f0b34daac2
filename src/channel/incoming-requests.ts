import { ErrorCode, ShmwireError } from '../errors.js'
import { newAbortController, nextTick, nowMs, setImmediate } from '../host.js'
import { isThenable } from '../thenable.js'
import { TURN_MS_MAX } from '../turn-budget.js'
import { RecordKind } from '../wire/record-kind.js'
import { HeldRequests } from './held-requests.js'
import type { MessageCodec } from './message-codec.js'
import { REQUESTS_OPEN_MAX } from './outgoing-requests.js'
import { CLOSING, encodeRemoteError, NO_HANDLER } from './remote-error.js'
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
  #handler: Handler<Channel> | undefined
  /** Until the first handler, requests are held. */
  #mayHold = true
  readonly #held = new HeldRequests()
  #runScheduled = false
  /** Handlers on the stack. */
  #calling = 0
  readonly #channel: Channel
  readonly #sender: AnswerSender
  readonly #codec: Pick<MessageCodec, 'encode'>
  readonly #decoder: Pick<MessageCodec, 'decode'>
  readonly #running = new Map<number, RunningRequest<Channel>>()
  /** Handlers that have not ended, including those of cancelled requests. */
  #handlersRunning = 0

  constructor(
    channel: Channel,
    sender: AnswerSender,
    codec: Pick<MessageCodec, 'encode'>,
    decoder: Pick<MessageCodec, 'decode'>,
  ) {
    this.#channel = channel
    this.#sender = sender
    this.#codec = codec
    this.#decoder = decoder
  }

  /** Open requests, without cancelled ones whose handlers still run. */
  get runningCount(): number {
    return this.#running.size
  }

  get idle(): boolean {
    return this.#running.size === 0
  }

  /** Undefined: requests are refused with `NO_HANDLER`. The first handler gets the held requests, in the next tick. */
  set handler(handler: Handler<Channel> | undefined) {
    this.#handler = handler
    this.#mayHold = false
    if (!this.#held.empty) this.#runHeldIn(nextTick)
  }

  /** Code of a handler is on the stack: until its first `await`. */
  get calling(): boolean {
    return this.#calling > 0
  }

  /** Runs the held requests, if there is a handler. */
  runHeld(endMs: number = Number.POSITIVE_INFINITY): void {
    if (this.#mayHold) return
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) {
      const [id, payload] = held
      const running = this.#running.get(id)
      if (running !== undefined) this.#run(id, payload, running)
      if (nowMs() >= endMs) break
    }
    if (!this.#held.empty) this.#runHeldIn(setImmediate)
  }

  /** This side closes: requests that still have no handler are refused. */
  closing(): void {
    this.runHeld()
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) {
      const running = this.#running.get(held[0])
      if (running !== undefined) this.#send(RecordKind.ERROR, held[0], running, CLOSING)
    }
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
    else if (overload !== undefined) this.#replyError(id, running, overload)
    else if (this.#mayHold) this.#hold(id, payload, running)
    else {
      this.runHeld()
      this.#run(id, payload, running)
    }
    return undefined
  }

  /**
   * The caller gave up. Unless its answer is already sent, the request is answered here, so that both
   * sides free the slot at once. The result of the handler is dropped.
   */
  cancel(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    this.#held.remove(id)
    const error = new ShmwireError(ErrorCode.ABORTED, 'the caller cancelled the request')
    this.#replyError(id, running, error)
    running.abort(error)
  }

  /** The answers are not needed any more: the signals of the handlers fire. */
  fail(error: Error): void {
    const all = [...this.#running.values()]
    this.#running.clear()
    this.#held.clear()
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

  #hold(id: number, payload: Buffer, running: RunningRequest<Channel>): void {
    if (!this.#held.push(id, payload)) this.#send(RecordKind.ERROR, id, running, NO_HANDLER)
  }

  #runHeldIn(schedule: (run: () => void) => unknown): void {
    if (this.#runScheduled) return
    this.#runScheduled = true
    schedule(() => {
      this.#runScheduled = false
      this.runHeld(nowMs() + TURN_MS_MAX)
    })
  }

  #run(id: number, payload: Buffer, running: RunningRequest<Channel>): void {
    if (this.#handler === undefined) {
      this.#send(RecordKind.ERROR, id, running, NO_HANDLER)
      return
    }
    let runsOn = false
    this.#handlersRunning += 1
    try {
      const reply = this.#callHandler(this.#handler, payload, running)
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

  #callHandler(handler: Handler<Channel>, payload: Buffer, running: RunningRequest<Channel>): unknown {
    const message = this.#decoder.decode(payload)
    this.#calling += 1
    try {
      return handler(message, running)
    } finally {
      this.#calling -= 1
    }
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
      this.#controller = newAbortController()
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason }
    this.#controller?.abort(reason)
  }
}
