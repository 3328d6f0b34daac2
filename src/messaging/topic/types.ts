import type { EventEmitter } from 'node:events'
import type { Codec, CodecName } from '../../codec/codec.js'
import type { KeepConnectedOptions } from '../../keep-connected.js'
import type { WaitOptions } from '../../options.js'
import type { Engine } from '../engine.js'
import type { MessageHeaders, MessageTransport, ServedOptions } from '../types.js'

/** What happens when a subscriber is slower than the publisher by more than the ring of the topic. */
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
  engine?: Engine | undefined
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
  /** Publishes unless a subscriber has no room, which can only be with `overflow: 'block'`: then it returns false. Throws `CODEC`, … */
  tryPublish(message: Message, options?: PublishOptions): boolean
  /** Publishes; with `overflow: 'block'`, when there is room. In the order of the calls. */
  publish(message: Message, options?: PublishOptions): Promise<void>
  stats(): TopicStats
  /** Ends the subscriptions after their last message. */
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
  engine?: Engine | undefined
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
  /** Exact, except for messages of another epoch. With keys, it counts lost messages of any key. */
  readonly lost: number
  /** Messages whose key did not match. `received + lost + filtered` is the number of messages since the begin. */
  readonly filtered: number
}

// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface SubscriptionEvents<Message = any> {
  message: [message: Message, info: MessageInfo]
  /** Before the message after the gap. `'unknown'`: the epoch of `from` is not that of the publisher. */
  lost: [count: number | 'unknown']
  /** Once, last. With an error: `PEER_GONE` if the publisher died, … */
  close: [error: Error | undefined]
}

/** Yields messages. The loop ends when the topic closes, and throws the error of `close`. */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export interface Subscription<Message = any>
  extends EventEmitter<SubscriptionEvents<Message>>,
    AsyncIterable<Message>,
    AsyncDisposable {
  readonly epoch: string
  /** Of the last message that was received, lost or filtered. */
  readonly sequence: number
  /** `'shm'`: the messages are read from the memory of the topic. */
  readonly transport: MessageTransport
  readonly fallbackReason: string | undefined
  /** As the loop over the subscription, with the info of each message. */
  entries(): AsyncIterableIterator<[message: Message, info: MessageInfo]>
  stats(): SubscriptionStats
  close(options?: WaitOptions): Promise<void>
}
