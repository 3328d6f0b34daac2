import { EventEmitter } from 'node:events'
import { endWithin, waitWithin } from '../deadline.js'
import type { Link } from '../link/link.js'
import { yieldTurn } from '../next-turn.js'
import { invalid, type WaitOptions } from '../options.js'
import type { Peer } from '../peer.js'
import type { ChannelStats } from '../stats.js'
import type { Transport } from '../transport.js'
import { runApart } from '../uncaught.js'
import { BlockingCalls } from './blocking-calls.js'
import { CallPort } from './call-port.js'
import { CheckedDecoder } from './checked-decoder.js'
import type { Claim } from './claims.js'
import { CloseHandshake } from './close-handshake.js'
import { Delivery } from './delivery.js'
import type { EncodedMessage } from './encoded-message.js'
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

let portOf: (channel: Channel) => CallPort

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
  readonly #calls: CallPort
  readonly #receiver: Receiver
  readonly #blocking: BlockingCalls

  static {
    portOf = (channel) => channel.#calls
  }

  /** Channels come from `connect` and `listen`. */
  constructor(dependencies: ChannelDependencies) {
    super()
    const { link, fallbackReason, maxMessageBytes, messages, peerHasCalls, onClosed } = dependencies
    this.maxMessageBytes = maxMessageBytes
    this.transport = link.transport
    this.peer = link.peer
    this.fallbackReason = fallbackReason
    const handshake = this.#handshake
    const sender = new Sender(this, link, handshake, dependencies)
    const { codec } = sender
    const delivery = new Delivery(this, link, codec)
    const outgoing = new OutgoingRequests(sender, codec)
    const decoder = messages === undefined ? codec : new CheckedDecoder(codec, messages)
    const incoming = new IncomingRequests<Channel<Incoming, Outgoing>>(this, sender, codec, decoder)
    const calls = new CallPort(sender, peerHasCalls)
    sender.closeAfter(outgoing, incoming, calls)
    this.#link = link
    this.#sender = sender
    this.#delivery = delivery
    this.#outgoing = outgoing
    this.#incoming = incoming
    this.#calls = calls
    const shared = { link, handshake, sender, outgoing, incoming, delivery }
    this.#blocking = new BlockingCalls(shared)
    this.#receiver = new Receiver({ ...shared, calls, emitter: this, codec, decoder, onClosed })
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
  trySend(message: Outgoing | EncodedMessage<Outgoing>): boolean {
    return this.#sender.trySend(message)
  }

  /**
   * From now on, messages of `trySend` of up to 512 bytes are collected and sent together, which costs less for each of them: at `uncork`,
   * when 8 KiB are collected, before anything else is sent, and at the end of this turn of the event loop. As with `net.Socket`, each call
   * needs its `uncork`. A process that exits in the same turn loses what is collected.
   */
  cork(): void {
    this.#sender.cork()
  }

  /** Sends what was collected since `cork`, if this is the last open one. */
  uncork(): void {
    this.#sender.uncork()
  }

  /**
   * Sends a message after all earlier messages, as soon as there is room. The call encodes the value at
   * once; do not change the bytes of codec `bytes` before the promise resolves. If the wait is given up,
   * the message is not sent, unless a part of it already was: then the rest follows.
   * Rejects with `CODEC`, `MESSAGE_TOO_LARGE`, `CLOSED`, `PEER_GONE`, `TIMEOUT`, `ABORTED`.
   */
  send(message: Outgoing | EncodedMessage<Outgoing>, options?: WaitOptions): Promise<void> {
    return waitWithin<void>(options, 'send', (resolve, reject) => {
      const sender = this.#sender
      const { bytesSent } = sender.counters
      const waiting = sender.send(message, (error) =>
        error === undefined ? resolve(yieldTurn(sender.counters.bytesSent - bytesSent)) : reject(error),
      )
      return () => waiting !== undefined && sender.withdraw(waiting)
    })
  }

  /**
   * Reserves room for a message of up to `byteLength` bytes, for codec `'bytes'`. Up to an eighth of
   * the ring, the room is in the ring, and nothing is copied. The ring has 64 KiB until it has grown to
   * `ringBytes`. Null: there is no room, and `drain` follows.
   * Throws `INVALID_ARGUMENT`, `MESSAGE_TOO_LARGE`, `CLOSED`, `PEER_GONE`.
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
  request<Reply = any>(message: Outgoing | EncodedMessage<Outgoing>, options?: WaitOptions): Promise<Reply> {
    return waitWithin<Reply>(options, 'request', (resolve, reject) => {
      this.#sender.assertMayRequest()
      return this.#outgoing.begin(message, resolve as (reply: unknown) => void, reject)
    })
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
  sendSync(message: Outgoing | EncodedMessage<Outgoing>, timeoutMs?: number): void {
    this.#blocking.send(message, timeoutMs)
  }

  /** Sends a request; blocks like `receiveSync` until the reply. Throws like `request`, and `UNAVAILABLE`, `BACKLOG`. */
  // biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of their replies
  requestSync<Reply = any>(message: Outgoing | EncodedMessage<Outgoing>, timeoutMs?: number): Reply {
    this.#sender.assertMayRequest()
    return this.#blocking.request(message, timeoutMs) as Reply
  }

  /**
   * Sets the handler of the peer's requests. Up to 256 requests or 256 KiB that arrive before the first
   * call wait for it; all others without a handler fail with `NO_HANDLER`. Undefined removes the handler.
   */
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
   * Stops the events `message` and `messages` until `resume()`. Requests and replies continue. Up to 256 messages or 256 KiB are held; then
   * nothing more is read, requests and replies included, and the sender is stopped. Loops and blocking calls still take messages.
   */
  pause(): this {
    this.#delivery.pause()
    return this
  }

  /** Continues the events that `pause` has stopped, with the messages that were held. */
  resume(): this {
    this.#delivery.resume()
    return this
  }

  /**
   * This side sends no more messages. After those that it has sent, the loop of the peer ends, and the peer gets the event `end`. The peer may
   * still send, and this side answers its requests. Sends and requests of this side throw `INVALID_STATE`.
   */
  end(): void {
    this.#sender.end()
  }

  /**
   * Delivers everything that was sent, waits for the open requests of both sides, and closes both ends.
   * Resolves when both sides are done, and at once if the channel has ended. A wait that is given up
   * destroys the channel. Called by a request handler before its first `await`, it resolves when
   * everything that was sent reaches the peer; replies follow. After an `await`, do not wait for it in a
   * handler. Rejects with `PEER_GONE`, `TIMEOUT`, `ABORTED`.
   */
  close(options?: WaitOptions): Promise<void> {
    return endWithin(options, 'close', (resolve, reject) => {
      // A handler that waits for this call must not wait for its own request, or for one that waits for it.
      if (this.#incoming.calling || this.#calls.calling) this.#sender.afterFlush(resolve)
      this.#incoming.closing()
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
      outboxBytes: this.#sender.waitingBytes.bytes,
      requestsOpen: this.#outgoing.openCount,
      requestsRunning: this.#incoming.runningCount,
      ...this.#link.stats(),
    }
  }
}

/** The part of a channel that carries calls, for src/service. Throws TypeError for an object that is not a channel of this module. */
export function callPortOf(channel: Channel): CallPort {
  return portOf(channel)
}
