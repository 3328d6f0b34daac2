import { EventEmitter } from 'node:events'
import { endWithin, waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { type Link, type LinkSink, type Peer, RecordKind, type Transport } from '../link/link.js'
import { invalid, type WaitOptions } from '../options.js'
import { type ChannelStats, Traffic } from '../stats.js'
import { runApart } from '../uncaught.js'
import { Answers, type RequestHandler } from './answers.js'
import { type Claim, Claims } from './claims.js'
import { Delivery } from './delivery.js'
import { Ending } from './ending.js'
import type { ChannelEvents } from './events.js'
import { MessageCodec } from './message-codec.js'
import { NO_PAYLOAD, Outbox, type Outgoing } from './outbox.js'
import type { ChannelParts } from './parts.js'
import { Requests } from './requests.js'
import { SyncCalls } from './sync-calls.js'

/**
 * A duplex, ordered, reliable channel to one peer. Messages, requests and replies of one side arrive in the
 * order of its calls. It keeps the process alive until it is closed, or `unref()` is called.
 */
export class Channel extends EventEmitter<ChannelEvents> implements AsyncDisposable {
  /** What carries the records. */
  readonly transport: Transport
  /** Why it is not shared memory, as a sentence; undefined when it is. */
  readonly fallbackReason: string | undefined
  readonly peer: Peer
  /** The longest message, encoded, that this channel carries. */
  readonly maxMessageBytes: number

  readonly #link: Link
  readonly #codec: MessageCodec
  readonly #outbox: Outbox
  readonly #claims: Claims
  readonly #delivery: Delivery
  /** Payloads of records are the peer's memory. */
  readonly #lends: boolean
  readonly #requests: Requests
  readonly #answers: Answers
  readonly #sync: SyncCalls
  #drainWanted = false
  readonly #ending: Ending
  readonly #traffic = new Traffic()

  /** Channels come from `connect` and `listen`. */
  constructor(parts: ChannelParts) {
    super()
    this.#link = parts.link
    const bounds = { messageBytesMax: parts.maxMessageBytes, decodedBytesMax: parts.maxDecodedBytes }
    this.#codec = new MessageCodec(parts.codec, bounds, (note) => this.#tell(note))
    this.maxMessageBytes = parts.maxMessageBytes
    this.transport = parts.link.transport
    this.peer = parts.link.peer
    this.fallbackReason = parts.fallbackReason
    this.#outbox = new Outbox(this.#link, (payload) => this.#codec.keep(payload))
    this.#lends = parts.link.lends === true
    this.#delivery = new Delivery(this, {
      onRoom: () => this.#link.resume(),
      keep: (message) => (this.#lends ? Buffer.from(message as Buffer) : message),
      heldBytes: (payload) => this.#codec.heldBytes(payload) + (this.#lends ? payload.length : 0),
      memoryOf: (payload) => (this.#lends ? undefined : payload.buffer),
    })
    this.#claims = new Claims({
      link: this.#link,
      outbox: this.#outbox,
      maxMessageBytes: parts.maxMessageBytes,
      codec: parts.codec.name,
      assertOpen: () => this.#ending.assertOpen(),
      assertNotOver: () => this.#ending.assertNotOver(),
      sent: (bytes) => this.#traffic.sent(bytes),
      drain: () => {
        this.#outbox.pump()
        // Not from inside a call that sends, like every other `drain`.
        if (this.#drainWanted) process.nextTick(() => this.#drain())
      },
    })
    this.#requests = new Requests({
      send: (id, payload) => this.#push(RecordKind.REQUEST, id, payload),
      withdraw: (outgoing) => this.#outbox.withdraw(outgoing),
    })
    this.#answers = new Answers({
      channel: this,
      maxMessageBytes: parts.maxMessageBytes,
      codec: this.#codec,
      send: (kind, id, payload, settled) => void this.#push(kind, id, payload, settled),
      idle: () => this.#ending.whenIdle(),
    })
    this.#ending = new Ending({
      link: this.#link,
      outbox: this.#outbox,
      requests: this.#requests,
      answers: this.#answers,
      revokeClaim: () => this.#claims.revoke(),
      over: (error, settle) => this.#over(error, settle, parts),
    })
    this.#sync = new SyncCalls({
      link: this.#link,
      codec: this.#codec,
      outbox: this.#outbox,
      requests: this.#requests,
      delivery: this.#delivery,
      isOpen: () => this.#ending.isOpen,
      assertOpen: () => this.#ending.assertOpen(),
      cancel: (id) => this.#cancel(id),
    })
    const sink: LinkSink = {
      record: (kind, id, payload) => this.#record(kind, id, payload),
      batchEnd: () => this.#delivery.batchEnd(),
      drain: () => this.#drain(),
      close: (error) => this.#ending.finish(error),
    }
    this.#link.start(sink)
  }

  /** True until the first `close()`, of either side, or the end of the peer. */
  get open(): boolean {
    return this.#ending.isOpen
  }

  /**
   * Sends a message if there is room for it now. False: no room, nothing was sent, and `drain` follows.
   * The message may be changed as soon as this returns. Throws `CODEC`, `MESSAGE_TOO_LARGE`, `CLOSED`, `PEER_GONE`.
   */
  trySend(message: unknown): boolean {
    const payload = this.#codec.encode(message)
    this.#ending.assertOpen()
    if (!this.#outbox.tryPush(RecordKind.MESSAGE, 0, payload)) {
      this.#drainWanted = true
      return false
    }
    this.#traffic.sent(payload.length)
    return true
  }

  /**
   * Sends a message, in its turn, as soon as there is room; resolves when it is on its way. The value is encoded
   * at once; what the `bytes` codec is given must not be changed until then. One that the wait
   * gave up on is not sent, unless a part of it already was: then it is sent whole.
   * Rejects with `CODEC`, `MESSAGE_TOO_LARGE`, `CLOSED`, `PEER_GONE`, `TIMEOUT`, `ABORTED`.
   */
  send(message: unknown, options?: WaitOptions): Promise<void> {
    return waitWithin<void>(options, 'send', (resolve, reject) => {
      const payload = this.#codec.encode(message)
      this.#ending.assertOpen()
      const outgoing = this.#outbox.push(RecordKind.MESSAGE, 0, payload, (error) => {
        if (error !== undefined) return reject(error)
        this.#traffic.sent(payload.length)
        resolve()
      })
      return () => {
        if (outgoing !== undefined) this.#outbox.withdraw(outgoing)
      }
    })
  }

  /**
   * Room for a message of up to `byteLength` bytes, to be filled in place and then committed: over shared memory, and for up to an
   * eighth of `ringBytes`, in this side's ring, so that nothing is copied here. Null: no room, and `drain` follows.
   * For codec `'bytes'`. What is safe is said at `Claim`. Throws `INVALID_ARGUMENT`, `MESSAGE_TOO_LARGE`, `CLOSED`, `PEER_GONE`.
   */
  claim(byteLength: number): Claim | null {
    const claim = this.#claims.open(byteLength)
    if (claim === null) this.#drainWanted = true
    return claim
  }

  /**
   * Asks the peer's handler and resolves to its reply. At most 4096 requests are open at once; further ones
   * wait for their turn. Giving up frees the request's place at once, and aborts the `context.signal` of the peer's handler.
   * Rejects with `REMOTE` when the handler threw, and like `send`.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what a message is, the two programs agree on
  request<Reply = any>(message: unknown, options?: WaitOptions): Promise<Reply> {
    return waitWithin<Reply>(options, 'request', (resolve, reject) => {
      const encoded = this.#codec.encode(message)
      this.#ending.assertOpen()
      const payload = this.#requests.full ? this.#codec.keep(encoded) : encoded
      const giveUp = this.#requests.begin(
        payload,
        (reply) => {
          try {
            resolve(this.#codec.decode(reply) as Reply)
          } catch (error) {
            reject(error)
          }
        },
        reject,
      )
      return () => this.#cancel(giveUp())
    })
  }

  /**
   * The next message. Blocks this thread, its event loop included, until there is one: for workers and tools. The peer's
   * requests are answered meanwhile. Throws `TIMEOUT`, `CLOSED`, `PEER_GONE`, and `UNAVAILABLE` over other links than shared memory.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what a message is, the two programs agree on
  receiveSync(timeoutMs?: number): any {
    return this.#sync.receive(timeoutMs)
  }

  /** Sends a message in its turn; blocks like `receiveSync` until there is room. Throws like `send`, and `UNAVAILABLE`, `BACKLOG`. */
  sendSync(message: unknown, timeoutMs?: number): void {
    this.#traffic.sent(this.#sync.send(message, timeoutMs))
  }

  /** Asks the peer's handler and returns its reply; blocks like `receiveSync`. Throws like `request`, and `UNAVAILABLE`, `BACKLOG`. */
  // biome-ignore lint/suspicious/noExplicitAny: what a message is, the two programs agree on
  requestSync<Reply = any>(message: unknown, timeoutMs?: number): Reply {
    return this.#sync.request(message, timeoutMs) as Reply
  }

  /** Sets who answers the peer's requests; undefined removes it, and requests are answered with an error. */
  // biome-ignore lint/suspicious/noExplicitAny: what a request is, the two programs agree on
  handle<Message = any>(handler: RequestHandler<Message> | undefined): void {
    if (handler !== undefined && typeof handler !== 'function')
      throw invalid('handler', handler, 'a function')
    this.#answers.handler = handler
  }

  /**
   * The messages, one by one. While the loop is busy the sender is stopped, at the latest when 256 messages
   * or 256 KiB wait. The loop ends when the channel is closed in order, and throws when it broke, in both cases
   * after the last message. Leaving the loop leaves the channel open.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what a message is, the two programs agree on
  [Symbol.asyncIterator](): AsyncIterableIterator<any, undefined> {
    return this.#delivery.iterate()
  }

  /**
   * Delivers what was sent, waits for the replies to open requests of both sides, and closes; the
   * peer's channel closes too. Resolves when both sides are done; at once when the channel is over already.
   * A wait that is given up destroys the channel. Rejects with `PEER_GONE`, `TIMEOUT`, `ABORTED`.
   */
  close(options?: WaitOptions): Promise<void> {
    return endWithin(options, 'close', (resolve, reject) => {
      this.#ending.begin((error) => (error === undefined ? resolve() : reject(error)))
      // What a listener throws would be lost in a promise that has its outcome.
      return () => runApart(() => this.destroy())
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Ends the channel at once. Everything pending rejects with `error`, or `CLOSED`; the peer gets `PEER_GONE`. */
  destroy(error?: Error): void {
    this.#delivery.discard()
    if (this.#ending.isOver) return
    this.#link.destroy()
    // Node's own `destroy` takes null for no error.
    const reason = error ?? undefined
    this.#ending.finish(reason, reason ?? new ShmwireError(ErrorCode.CLOSED, 'the channel was destroyed'))
  }

  override removeAllListeners(...names: Parameters<EventEmitter<ChannelEvents>['removeAllListeners']>): this {
    try {
      return super.removeAllListeners(...names)
    } finally {
      this.#delivery.watchListeners()
    }
  }

  /** The open channel keeps the process alive: the default. */
  ref(): this {
    this.#link.ref()
    return this
  }

  /** The process may end although the channel is open. */
  unref(): this {
    this.#link.unref()
    return this
  }

  stats(): ChannelStats {
    return {
      ...this.#traffic.counters,
      outboxRecords: this.#outbox.length,
      requestsOpen: this.#requests.openCount,
      requestsRunning: this.#answers.runningCount,
      ...this.#link.stats(),
    }
  }

  #record(kind: number, id: number, payload: Buffer): boolean {
    if (this.#ending.received) return this.#corrupt('a record after its close')
    // What came before it is told before it.
    if (kind === RecordKind.MESSAGE) return this.#message(payload)
    const bytes = this.#lends ? Buffer.from(payload) : payload
    if (kind === RecordKind.CODEC || !this.#delivery.batching) return this.#control(kind, id, bytes)
    return this.#delivery.batchEndBefore(() => !this.#ending.isOver && this.#control(kind, id, bytes))
  }

  #control(kind: number, id: number, payload: Buffer): boolean {
    switch (kind) {
      case RecordKind.REQUEST:
        return this.#request(id, payload)
      case RecordKind.REPLY:
      case RecordKind.ERROR:
        this.#traffic.received(payload.length)
        if (!this.#requests.settle(id, payload, kind === RecordKind.ERROR))
          return this.#corrupt('a reply to a request that is not open')
        this.#ending.whenIdle()
        return true
      case RecordKind.CANCEL:
        if (payload.length > 0) return this.#corrupt('a cancellation with a payload')
        this.#answers.cancel(id)
        return true
      case RecordKind.CLOSE:
        if (payload.length > 0) return this.#corrupt('a close with a payload')
        this.#ending.peerCloses()
        return true
      case RecordKind.CODEC: {
        const fault = this.#codec.learn(payload)
        return fault === undefined || this.#break(fault)
      }
      default:
        return this.#corrupt(`a record of unknown kind ${kind}`)
    }
  }

  #message(payload: Buffer): boolean {
    this.#traffic.received(payload.length)
    let message: unknown
    try {
      message = this.#codec.decode(payload)
    } catch (error) {
      return this.#break(error as ShmwireError)
    }
    // While this side closes it reads on, to find the peer's CLOSE behind the messages; listeners may still stop the sender.
    const closing = !this.#ending.isOpen
    if (!closing || this.#delivery.accepts) this.#delivery.take(message, payload)
    if (closing && this.#delivery.overflows) return this.#break(this.#delivery.overflow())
    return !this.#delivery.full || this.#sync.running || (closing && !this.#delivery.flows)
  }

  #request(id: number, payload: Buffer): boolean {
    this.#traffic.received(payload.length)
    // Behind our CLOSE there is no place for an answer; the peer rejects the request when it reads the CLOSE.
    if (this.#ending.sent) return true
    // New work would keep a busy channel from ever closing.
    const wrong = this.#answers.begin(id, payload, !this.#ending.isOpen)
    return wrong === undefined || this.#corrupt(wrong)
  }

  #drain(): void {
    if (!this.#outbox.pump() || !this.#drainWanted || !this.#ending.isOpen) return
    this.#drainWanted = false
    this.emit('drain')
  }

  #over(error: Error | undefined, settle: () => void, { onClosed }: ChannelParts): void {
    this.#delivery.end(error, () => {
      settle()
      onClosed?.(error)
      try {
        if (error !== undefined && this.listenerCount('error') > 0) this.emit('error', error)
      } finally {
        this.emit('close', error)
      }
    })
  }

  #corrupt(what: string): false {
    return this.#break(new ShmwireError(ErrorCode.CORRUPT, `the peer sent ${what}; the channel is closed`))
  }

  /** Ends the channel at a record that it cannot take. Unlike `destroy()`, it keeps what came before for whoever takes it. */
  #break(error: ShmwireError): false {
    this.#delivery.batchEndBefore(() => {
      if (!this.#ending.isOver) this.#link.destroy()
      this.#ending.finish(error)
      return false
    })
    return false
  }

  #push(kind: number, id: number, payload: Uint8Array, settled?: () => void): Outgoing | undefined {
    const outgoing = this.#outbox.push(kind, id, payload, settled)
    if (outgoing === undefined) this.#traffic.sent(payload.length)
    else outgoing.settle = this.#traffic.onceSent(payload.length, settled)
    return outgoing
  }

  /** What the codec says in the midst of encoding goes before the message, and is never withdrawn. */
  #tell(note: Uint8Array): boolean {
    if (this.#ending.sent || this.#ending.received || this.#ending.isOver) return false
    this.#outbox.push(RecordKind.CODEC, 0, Buffer.from(note))
    return true
  }

  #cancel(id: number | undefined): void {
    if (id !== undefined && !this.#ending.sent) this.#outbox.push(RecordKind.CANCEL, id, NO_PAYLOAD)
    this.#ending.whenIdle()
  }
}
