import type { EventEmitter } from 'node:events'
import type { Codec, CodecName } from '../../codec/codec.js'
import type { KeepConnectedOptions } from '../../keep-connected.js'
import type { WaitOptions } from '../../options.js'
import type { Transport } from '../../transport.js'
import type { MessageHeaders, ServedOptions } from '../types.js'

/** The policy for a subscriber that is slower than the publisher by more than the ring of the topic. */
export type Overflow = 'lose' | 'block' | 'disconnect'

/** The options of `createTopic`. */
export interface TopicOptions extends ServedOptions, WaitOptions {
  /** Encodes the messages, once for all subscribers. Without state of a channel. Default `'msgpack'`. */
  codec?: CodecName | Codec | undefined
  /** The memory of the messages: a power of two from 64 KiB to 1 GiB. A message may have an eighth of it. Default 1 MiB. */
  ringBytes?: number | undefined
  /**
   * `'lose'`: a slow subscriber loses the oldest messages, and gets their number. `'block'`: the publisher waits for it, at most
   * `blockTimeoutMs`, and then disconnects it. `'disconnect'`: a subscriber that would lose messages is disconnected. Default `'lose'`.
   */
  overflow?: Overflow | undefined
  /** With `overflow: 'block'`. Default 1,000. */
  blockTimeoutMs?: number | undefined
  /** Default: this machine. */
  engine?: TopicEngine | undefined
}

export interface PublishOptions {
  /** The routing key: words of 1 or more characters without spaces, `*` and `>`, joined by dots, at most 255 bytes. Default: none. */
  key?: string | undefined
  headers?: MessageHeaders | undefined
}

export interface TopicStats {
  /** Messages since the start of the topic. */
  readonly published: number
  readonly bytes: number
  readonly subscribers: number
  /** Subscribers that were disconnected because they were too slow. */
  readonly disconnected: number
  /** Times this side woke a subscriber. */
  readonly wakesSent: number
}

/** A topic that this process publishes. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface Topic<Message = any> extends AsyncDisposable {
  readonly address: string
  /** A random id of this publisher. */
  readonly epoch: string
  /** Of the last message; 0 before the first one. */
  readonly sequence: number
  /**
   * Publishes unless a subscriber has no room, which can only be with `overflow: 'block'`: then it returns false, as while calls of `publish`
   * wait. Throws `CODEC`, `MESSAGE_TOO_LARGE`, `INVALID_ARGUMENT`, `CLOSED`.
   */
  tryPublish(message: Message, options?: PublishOptions): boolean
  /**
   * Publishes; with `overflow: 'block'`, when there is room. In the order of the calls. Rejects as `tryPublish` throws, and with `BACKLOG` if
   * 4,096 calls or 64 MiB wait already.
   */
  publish(message: Message, options?: PublishOptions): Promise<void>
  stats(): TopicStats
  /**
   * Publishes the messages that wait, ends the subscriptions after their last message, and frees the address. After `timeoutMs`, 10 seconds
   * unless given, the remaining subscriptions fail. Rejects with `TIMEOUT`, `ABORTED` then.
   */
  close(options?: WaitOptions): Promise<void>
}

/** The options of `openTopic`. */
export interface OpenTopicOptions extends WaitOptions {
  name?: string | undefined
  codec?: CodecName | Codec | undefined
  engine?: TopicEngine | undefined
  /** The options of `keepConnected`, if the target is an address. */
  channel?: KeepConnectedOptions | undefined
}

/** The topic of another process. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface TopicClient<Message = any> extends AsyncDisposable {
  /**
   * Resolves when the topic has published the message; with `overflow: 'block'`, when there is room. Rejects with the errors of a call, and
   * with `MESSAGE_TOO_LARGE`, `CODEC`, `BACKLOG`, `CLOSED`.
   */
  publish(message: Message, options?: PublishOptions & WaitOptions): Promise<void>
  close(options?: WaitOptions): Promise<void>
}

/** The position in a topic at which a subscription begins. */
export type SubscribeFrom = 'next' | 'last' | 'oldest' | { readonly epoch: string; readonly sequence: number }

export interface SubscribeOptions extends WaitOptions {
  name?: string | undefined
  codec?: CodecName | Codec | undefined
  /** Default `'next'`. An object: the message after this sequence is the first one. */
  from?: SubscribeFrom | undefined
  /** Only messages with a matching key: `*` stands for one word, and `>` at the end for one or more. Default: all messages. */
  keys?: string | readonly string[] | undefined
  engine?: TopicEngine | undefined
  channel?: KeepConnectedOptions | undefined
}

export interface MessageInfo {
  readonly epoch: string
  readonly sequence: number
  /** Undefined without a key. */
  readonly key: string | undefined
  readonly headers: MessageHeaders
}

export interface SubscriptionStats {
  readonly received: number
  /** Exact, but does not count messages of another epoch. With keys, it counts lost messages of any key. */
  readonly lost: number
  /** Messages whose key did not match. `received + lost + filtered` is the number of messages since the begin. */
  readonly filtered: number
}

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface SubscriptionEvents<Message = any> {
  message: [message: Message, info: MessageInfo]
  /** Before the message after the gap. `'unknown'`: the epoch of `from` is not that of the publisher. */
  lost: [count: number | 'unknown']
  /**
   * Once, last, after the messages that are left. With an error: `PEER_GONE` if the publisher died, `BACKLOG` if the topic disconnected a
   * slow subscriber, `CODEC` for a message that cannot be decoded, `CORRUPT` for a publisher that broke the protocol.
   */
  close: [error: Error | undefined]
}

/**
 * Yields messages. The loop ends when the topic closes, and throws the error of `close`. Without a loop and a listener of `message`, nothing is
 * read, and later messages are lost as for any slow subscriber. To leave a loop does not close the subscription.
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface Subscription<Message = any>
  extends EventEmitter<SubscriptionEvents<Message>>,
    AsyncIterable<Message>,
    AsyncDisposable {
  readonly epoch: string
  /** Of the last message that was received, lost or filtered. */
  readonly sequence: number
  /** `'shm'` without a `fallbackReason`: the messages are read from the memory of the topic. Otherwise they arrive over this channel. */
  readonly transport: Transport
  /** Why the messages are not read from the memory of the topic, as a sentence. */
  readonly fallbackReason: string | undefined
  /** As the loop over the subscription, with the info of each message. */
  entries(): AsyncIterableIterator<[message: Message, info: MessageInfo]>
  stats(): SubscriptionStats
  close(options?: WaitOptions): Promise<void>
}

/** Carries topics beyond this machine; see Engine. */
export interface TopicEngine {
  createTopic<Message>(name: string, options: TopicOptions): Promise<Topic<Message>>
  subscribe<Message>(name: string, options: SubscribeOptions): Promise<Subscription<Message>>
}
