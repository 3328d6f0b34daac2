import { EventEmitter } from 'node:events'
import { endWithin, waitWithin } from '../deadline.js'
import type { Link, Transport } from '../link/link.js'
import { invalid, type WaitOptions } from '../options.js'
import type { Peer } from '../peer.js'
import type { ChannelStats } from '../stats.js'
import { runApart } from '../uncaught.js'
import { BlockingCalls } from './blocking-calls.js'
import type { Claim } from './claims.js'
import { CloseHandshake } from './close-handshake.js'
import { Delivery } from './delivery.js'
import { IncomingRequests } from './incoming-requests.js'
import { OutgoingRequests } from './outgoing-requests.js'
import { Receiver } from './receiver.js'
import { Sender } from './sender.js'
import type { ChannelDependencies, ChannelEvents } from './types.js'

/** The context of a request, for its handler. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface RequestContext<Incoming = any, Outgoing = any> {
  /** The channel of the request. */
  readonly channel: Channel<Incoming, Outgoing>
  /** Fires when the caller gives up or its channel ends. Its reason is that error. */
  readonly signal: AbortSignal
}

/**
 * Answers one request with the value that it returns or resolves to. If it throws, the caller gets
 * `ERR_SHMWIRE_REMOTE`.
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of their requests
export type RequestHandler<Message = any> = (message: Message, context: RequestContext) => unknown

/**
 * An ordered, reliable connection to one peer, in both directions. Messages, requests and replies of
 * one side arrive in the order of its calls. An open channel keeps the process alive until `unref()`.
 *
 * `Incoming` is the type of the messages and requests that the peer sends, `Outgoing` that of the ones
 * that this side sends. The two programs must agree on the types: nothing checks them at run time.
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export class Channel<Incoming = any, Outgoing = any>
  extends EventEmitter<ChannelEvents<Incoming>>
  implements AsyncDisposable
{
  readonly transport: Transport
  /** Why the channel does not use shared memory, as a sentence; undefined if it does. */
  readonly fallbackReason: string | undefined
  readonly peer: Peer
  /** The longest encoded message of this channel. */
  readonly maxMessageBytes: number

  readonly #link: Link
  readonly #handshake = new CloseHandshake()
  readonly #sender: Sender
  readonly #delivery: Delivery
  readonly #outgoing: OutgoingRequests
  readonly #incoming: IncomingRequests<Channel<Incoming, Outgoing>>
  readonly #receiver: Receiver
  readonly #blocking: BlockingCalls

  /** Channels come from `connect` and `listen`. */
  constructor(dependencies: ChannelDependencies) {
    super()
    const { link, fallbackReason, maxMessageBytes, onClosed } = dependencies
    this.maxMessageBytes = maxMessageBytes
    this.transport = link.transport
    this.peer = link.peer
    this.fallbackReason = fallbackReason
    const handshake = this.#handshake
    const sender = new Sender(this, link, handshake, dependencies)
    const { codec } = sender
    const delivery = new Delivery(this, link, codec)
    const outgoing = new OutgoingRequests(sender, codec)
    const incoming = new IncomingRequests<Channel<Incoming, Outgoing>>(this, sender, codec)
    sender.closeAfter(outgoing, incoming)
    this.#link = link
    this.#sender = sender
    this.#delivery = delivery
    this.#outgoing = outgoing
    this.#incoming = incoming
    const shared = { link, handshake, sender, outgoing, delivery }
    this.#blocking = new BlockingCalls(shared)
    this.#receiver = new Receiver({ ...shared, emitter: this, codec, incoming, onClosed })
    link.start(this.#receiver)
  }

  /** True until the first `close()` of either side, or the end of the peer. */
  get open(): boolean {
    return this.#handshake.isOpen
  }

  /**
   * Sends a message if there is room. False: there is none, nothing was sent, and `drain` follows. You
   * can change the message as soon as the call returns.
   * Throws `CODEC`, `MESSAGE_TOO_LARGE`, `CLOSED`, `PEER_GONE`.
   */
  trySend(message: Outgoing): boolean {
    return this.#sender.trySend(message)
  }

  /**
   * Sends a message after all earlier messages, as soon as there is room. The call encodes the value at
   * once; do not change the bytes of codec `bytes` before the promise resolves. If the wait is given up,
   * the message is not sent, unless a part of it already was: then the rest follows.
   * Rejects with `CODEC`, `MESSAGE_TOO_LARGE`, `CLOSED`, `PEER_GONE`, `TIMEOUT`, `ABORTED`.
   */
  send(message: Outgoing, options?: WaitOptions): Promise<void> {
    return waitWithin<void>(options, 'send', (resolve, reject) => {
      const waiting = this.#sender.send(message, (error) => (error === undefined ? resolve() : reject(error)))
      return () => waiting !== undefined && this.#sender.withdraw(waiting)
    })
  }

  /**
   * Reserves room for a message of up to `byteLength` bytes, for codec `'bytes'`. Up to an eighth of
   * `ringBytes`, the room is in this side's ring, and nothing is copied. Null: there is no room, and
   * `drain` follows. Throws `INVALID_ARGUMENT`, `MESSAGE_TOO_LARGE`, `CLOSED`, `PEER_GONE`.
   */
  claim(byteLength: number): Claim | null {
    return this.#sender.claim(byteLength)
  }

  /**
   * Sends a request to the peer's handler and resolves to its reply. A side can have 4096 open
   * requests; further ones wait. A request that is given up frees its place at once, and fires the
   * `context.signal` of the handler. Rejects like `send`, and with `REMOTE` if the handler threw.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of their replies
  request<Reply = any>(message: Outgoing, options?: WaitOptions): Promise<Reply> {
    return waitWithin<Reply>(options, 'request', (resolve, reject) =>
      this.#outgoing.begin(message, resolve as (reply: unknown) => void, reject),
    )
  }

  /**
   * Returns the next message. Blocks the thread with its event loop until there is one; meanwhile the
   * peer's requests are answered. For workers and tools.
   * Throws `TIMEOUT`, `CLOSED`, `PEER_GONE`, and `UNAVAILABLE` without shared memory.
   */
  receiveSync(timeoutMs?: number): Incoming {
    return this.#blocking.receive(timeoutMs) as Incoming
  }

  /** Sends a message; blocks like `receiveSync` until there is room. Throws like `send`, and `UNAVAILABLE`, `BACKLOG`. */
  sendSync(message: Outgoing, timeoutMs?: number): void {
    this.#blocking.send(message, timeoutMs)
  }

  /** Sends a request; blocks like `receiveSync` until the reply. Throws like `request`, and `UNAVAILABLE`, `BACKLOG`. */
  // biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of their replies
  requestSync<Reply = any>(message: Outgoing, timeoutMs?: number): Reply {
    return this.#blocking.request(message, timeoutMs) as Reply
  }

  /** Sets the handler of the peer's requests. Undefined removes it; requests then fail with `REMOTE`. */
  handle<Message = Incoming>(
    handler: ((message: Message, context: RequestContext<Incoming, Outgoing>) => unknown) | undefined,
  ): void {
    if (handler !== undefined && typeof handler !== 'function')
      throw invalid('handler', handler, 'a function')
    this.#incoming.handler = handler
  }

  /**
   * The messages, one by one. While the loop is busy, the sender is stopped when 256 messages or 256 KiB
   * wait. The loop ends when the channel closes, and throws if it failed, in both cases after the last
   * message. The channel stays open when you leave the loop.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Incoming, undefined> {
    return this.#delivery.iterate() as AsyncIterableIterator<Incoming, undefined>
  }

  /**
   * Delivers everything that was sent, waits for the open requests of both sides, and closes both ends.
   * Resolves when both sides are done, and at once if the channel has ended. A wait that is given up
   * destroys the channel. Rejects with `PEER_GONE`, `TIMEOUT`, `ABORTED`.
   */
  close(options?: WaitOptions): Promise<void> {
    return endWithin(options, 'close', (resolve, reject) => {
      this.#sender.close((error) => (error === undefined ? resolve() : reject(error)))
      // Apart, because the promise has its outcome and would hide an exception of a listener.
      return () => runApart(() => this.destroy())
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Ends the channel at once. Everything pending rejects with `error`, or `CLOSED`; the peer gets `PEER_GONE`. */
  destroy(error?: Error): void {
    // `destroy(null)` of Node's streams means no error.
    this.#receiver.destroy(error ?? undefined)
  }

  override removeAllListeners(
    ...names: Parameters<EventEmitter<ChannelEvents<Incoming>>['removeAllListeners']>
  ): this {
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

  /** The process can exit while the channel is open. */
  unref(): this {
    this.#link.unref()
    return this
  }

  stats(): ChannelStats {
    return {
      ...this.#sender.counters,
      ...this.#receiver.counters,
      outboxRecords: this.#sender.waitingCount,
      requestsOpen: this.#outgoing.openCount,
      requestsRunning: this.#incoming.runningCount,
      ...this.#link.stats(),
    }
  }
}
