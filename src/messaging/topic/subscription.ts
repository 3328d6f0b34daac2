import { EventEmitter } from 'node:events'
import type { SubscriptionFigures } from '../../observe/figures.js'
import { register } from '../../observe/registry.js'
import { checkWaitOptions, type WaitOptions } from '../../options.js'
import type { Transport } from '../../transport.js'
import { runApart } from '../../uncaught.js'
import { PulledDelivery } from '../pulled-delivery.js'
import type { BatchSource, SourceEvents } from './batch-source.js'
import { type TopicItem, TopicMessages, type TopicMessagesOptions } from './topic-messages.js'
import type { MessageInfo, Subscription, SubscriptionEvents, SubscriptionStats } from './types.js'

export interface SubscriptionOptions extends Omit<TopicMessagesOptions, 'source' | 'onLost' | 'onTooSlow'> {
  /** Of the topic, for snapshots. */
  readonly place: SubscriptionPlace
  readonly transport: Transport
  readonly fallbackReason: string | undefined
  /** Creates the source. Throws errors of the addon. */
  readonly open: (events: SourceEvents) => BatchSource
  readonly onTooSlow: () => void
  /** Ends the connection, unless it belongs to the program. */
  readonly disconnect: (options: WaitOptions | undefined) => Promise<void>
}

/** Where the topic of a subscription is. */
export interface SubscriptionPlace {
  /** Empty for a channel of the program. */
  readonly address: string
  readonly name: string
}

let lastId = 0

function nextId(): number {
  lastId += 1
  return lastId
}

/** A subscription to a topic of this machine, or over a connection. */
export class TopicSubscription<Message>
  extends EventEmitter<SubscriptionEvents<Message>>
  implements Subscription<Message>
{
  readonly epoch: string
  readonly transport: Transport
  readonly fallbackReason: string | undefined
  readonly #source: BatchSource
  readonly #messages: TopicMessages
  readonly #delivery: PulledDelivery<TopicItem>
  readonly #disconnect: SubscriptionOptions['disconnect']
  readonly #place: SubscriptionPlace
  readonly #id = nextId()
  readonly #unregister: () => void
  #disconnected: Promise<void> | undefined

  /** Throws errors of the addon. */
  constructor(options: SubscriptionOptions) {
    super()
    this.epoch = options.epoch
    this.transport = options.transport
    this.fallbackReason = options.fallbackReason
    this.#disconnect = options.disconnect
    this.#place = options.place
    this.#source = options.open({
      onReady: () => this.#delivery.ready(),
      onEnding: (error) => this.#delivery.ending(error),
    })
    const onLost = (count: number | 'unknown'): void => runApart(() => this.emit('lost', count))
    this.#messages = new TopicMessages({ ...options, source: this.#source, onLost })
    const emit = ([message, info]: TopicItem): boolean => this.emit('message', message as Message, info)
    this.#delivery = new PulledDelivery<TopicItem>(this, 'message', this.#messages, emit, () =>
      this.#closed(),
    )
    this.#unregister = register('subscriptions', this, (subscription) => subscription.#figures())
  }

  get sequence(): number {
    return this.#messages.sequence
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined> {
    return this.#delivery.iterate(([message]) => message as Message)
  }

  entries(): AsyncIterableIterator<[message: Message, info: MessageInfo], undefined> {
    return this.#delivery.iterate(([message, info]) => [message as Message, info])
  }

  stats(): SubscriptionStats {
    return this.#messages.stats()
  }

  async close(options?: WaitOptions): Promise<void> {
    const ended = this.#ended(checkWaitOptions(options))
    this.#delivery.finish(undefined)
    await ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #figures(): SubscriptionFigures {
    const { epoch, transport, sequence } = this
    return { id: this.#id, ...this.#place, epoch, transport, sequence, ...this.stats() }
  }

  #closed(): void {
    this.#unregister()
    this.#source.close()
    // The event `close` has the error of the subscription.
    this.#ended(undefined).catch(() => {})
  }

  #ended(options: WaitOptions | undefined): Promise<void> {
    this.#disconnected ??= this.#disconnect(options)
    return this.#disconnected
  }
}
