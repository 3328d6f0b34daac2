import { EventEmitter } from 'node:events'
import type { Channel } from '../channel/channel.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { misuse } from '../options.js'
import type { Peer } from '../peer.js'
import { checkChannel } from './check-channel.js'

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface ChannelPortEvents<Incoming = any> {
  /** A message of the peer. */
  message: [message: Incoming]
  /** A message of this side could not be sent when its turn came. */
  messageerror: [error: unknown]
  /** The channel has ended; with the reason, unless either side closed it. */
  close: [error: Error | undefined]
}

type EventName = keyof ChannelPortEvents
type Listed = readonly unknown[] | undefined
/** The second argument of a MessagePort: a list, or an object with one. */
type Transfer = readonly unknown[] | { readonly transfer?: Listed }
type Handler = ((event: MessageEvent) => void) | null

/**
 * A channel in the form of a `MessagePort` of Node: an `EventTarget` whose events have `data`, and with `on`, `once` and `off` of an
 * `EventEmitter`, whose listeners get the message itself. Messages wait until `start`, `onmessage` or the first listener of `message`.
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export class ChannelPort<Incoming = any, Outgoing = any> extends EventTarget {
  readonly #channel: Channel<Incoming, Outgoing>
  readonly #emitter = new EventEmitter<ChannelPortEvents<Incoming>>()
  readonly #handlers = new Map<string, Handler>()
  /** There were listeners of the EventTarget. Without them, a message needs no event. */
  #hasTarget = false
  #started = false
  #closing = false

  /** Ports come from `channelPort`. */
  constructor(channel: Channel<Incoming, Outgoing>) {
    super()
    this.#channel = channel
    channel.once('close', (error) => this.#publish('close', error))
  }

  /** The process at the other end. */
  get peer(): Peer {
    return this.#channel.peer
  }

  /**
   * Sends a message, after all earlier ones. A message that waits for room is held in memory, up to `maxOutboxBytes`, and `messageerror`
   * reports one that exceeds it. Does nothing after the end of the channel, as a MessagePort.
   * Throws `CODEC`, `MESSAGE_TOO_LARGE`, and `INVALID_ARGUMENT` for objects to transfer.
   */
  postMessage(message: Outgoing, transfer?: Transfer): void {
    const moved = transfer !== undefined && 'transfer' in transfer ? transfer.transfer : (transfer as Listed)
    if (moved !== undefined && moved.length > 0)
      throw misuse(`${moved.length} objects to transfer; a channel copies messages, so leave the list out`)
    const channel = this.#channel
    if (!channel.open || channel.trySend(message)) return
    channel.send(message).catch((error: unknown) => {
      const isEnd = error instanceof ShmwireError && ENDS.has(error.code)
      // The `close` event reports the end.
      if (!isEnd) this.#publish('messageerror', error)
    })
  }

  /** Begins to deliver messages. */
  start(): void {
    if (this.#started || this.#closing) return
    this.#started = true
    this.#channel.on('message', this.#receive)
  }

  /** Delivers everything that was sent, and closes the channel. No message arrives any more. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    // The messages that arrive until the peer has closed are dropped.
    if (!this.#started) this.#channel.on('message', this.#receive)
    // The `close` event reports the outcome.
    this.#channel.close().catch(() => {})
  }

  /** The open port keeps the process alive. This is the default. */
  ref(): this {
    this.#channel.ref()
    return this
  }

  /** The process can exit while the port is open. */
  unref(): this {
    this.#channel.unref()
    return this
  }

  on<Name extends EventName>(
    name: Name,
    listener: (...values: ChannelPortEvents<Incoming>[Name]) => void,
  ): this {
    this.#emitter.on(name, listener as never)
    return this.#listenedTo(name)
  }

  once<Name extends EventName>(
    name: Name,
    listener: (...values: ChannelPortEvents<Incoming>[Name]) => void,
  ): this {
    this.#emitter.once(name, listener as never)
    return this.#listenedTo(name)
  }

  off<Name extends EventName>(
    name: Name,
    listener: (...values: ChannelPortEvents<Incoming>[Name]) => void,
  ): this {
    this.#emitter.off(name, listener as never)
    return this
  }

  addListener<Name extends EventName>(
    name: Name,
    listener: (...values: ChannelPortEvents<Incoming>[Name]) => void,
  ): this {
    return this.on(name, listener)
  }

  removeListener<Name extends EventName>(
    name: Name,
    listener: (...values: ChannelPortEvents<Incoming>[Name]) => void,
  ): this {
    return this.off(name, listener)
  }

  /** As for every `EventTarget`. The first listener of `message` starts the port. */
  override addEventListener(...listener: Parameters<EventTarget['addEventListener']>): void {
    super.addEventListener(...listener)
    this.#hasTarget = true
    this.#listenedTo(listener[0])
  }

  /** The listener of `message` events; null if there is none. */
  get onmessage(): ((event: MessageEvent) => void) | null {
    return this.#handlers.get('message') ?? null
  }
  set onmessage(handler: Handler) {
    this.#setHandler('message', handler)
  }

  /** The listener of `messageerror` events; null if there is none. */
  get onmessageerror(): ((event: MessageEvent) => void) | null {
    return this.#handlers.get('messageerror') ?? null
  }
  set onmessageerror(handler: Handler) {
    this.#setHandler('messageerror', handler)
  }

  readonly #receive = (message: Incoming): void => {
    if (!this.#closing) this.#publish('message', message)
  }

  #listenedTo(name: string): this {
    if (name === 'message') this.start()
    return this
  }

  /** A handler keeps its place among the listeners when it is replaced, as in the DOM. */
  #setHandler(name: EventName, handler: Handler): void {
    const isNew = !this.#handlers.has(name)
    this.#handlers.set(name, typeof handler === 'function' ? handler : null)
    if (isNew)
      this.addEventListener(name, (event) => this.#handlers.get(name)?.call(this, event as MessageEvent))
  }

  #publish<Name extends EventName>(name: Name, value: ChannelPortEvents<Incoming>[Name][0]): void {
    try {
      this.#emitter.emit(name, ...([value] as never))
    } finally {
      if (this.#hasTarget) this.dispatchEvent(new MessageEvent(name, { data: value }))
    }
  }
}

const ENDS: ReadonlySet<string> = new Set<string>([ErrorCode.CLOSED, ErrorCode.PEER_GONE])

/**
 * A channel in the form of a `MessagePort`, for libraries such as comlink, oRPC and tRPC. Use the default codec, `'json'` or `'v8'`. The
 * port owns the channel from now on.
 *
 * @throws `INVALID_ARGUMENT`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export function channelPort<Incoming = any, Outgoing = any>(
  channel: Channel<Incoming, Outgoing>,
): ChannelPort<Incoming, Outgoing> {
  checkChannel(channel)
  return new ChannelPort(channel)
}
