import { EventEmitter } from 'node:events'
import { topicReceive } from '../../observe/diagnostics-channels.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import type { SubscriptionFigures } from '../../observe/figures.js'
import { register } from '../../observe/registry.js'
import { checkWaitOptions, type WaitOptions } from '../../options.js'
import type { Transport } from '../../transport.js'
import { runApart } from '../../uncaught.js'
import { PulledDelivery } from '../pulled-delivery.js'
import { type Place, tracedDelivery } from '../traced-messages.js'
import type { BatchSource, SourceEvents } from './batch-source.js'
import { type TopicItem, TopicMessages, type TopicMessagesOptions } from './topic-messages.js'
import type { MessageInfo, Subscription, SubscriptionEvents, SubscriptionStats } from './types.js'

export interface SubscriptionOptions extends Omit<TopicMessagesOptions, 'source' | 'onLost' | 'onTooSlow'> {
  readonly transport: Transport
  readonly fallbackReason: string | undefined
  readonly place: Place
  /** Creates the source. Throws errors of the addon. */
  readonly open: (events: SourceEvents) => BatchSource
  readonly onTooSlow: () => void
  /** Ends the connection, unless it belongs to the program. */
  readonly disconnect: (options: WaitOptions | undefined) => Promise<void>
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
  readonly #place: Place
  readonly #source: BatchSource
  readonly #messages: TopicMessages
  readonly #delivery: PulledDelivery<TopicItem>
  readonly #disconnect: SubscriptionOptions['disconnect']
  readonly #id = nextId()
  readonly #unregister: () => void
  #disconnected: Promise<void> | undefined

  /** Throws errors of the addon. */
  constructor(options: SubscriptionOptions) {
    super()
    this.epoch = options.epoch
    this.transport = options.transport
    this.fallbackReason = options.fallbackReason
    this.#place = options.place
    this.#disconnect = options.disconnect
    this.#source = options.open({
      onReady: () => this.#delivery.ready(),
      onEnding: (error) => this.#delivery.ending(error),
    })
    const onLost = (count: number | 'unknown'): void => runApart(() => this.emit('lost', count))
    this.#messages = new TopicMessages({ ...options, source: this.#source, onLost })
    const emit = (item: TopicItem): void => this.#emitMessage(item)
    this.#delivery = new PulledDelivery<TopicItem>(this, 'message', this.#messages, emit, () =>
      this.#closed(),
    )
    this.#unregister = register('subscriptions', this, (subscription) => subscription.#figures())
  }

  get sequence(): number {
    return this.#messages.sequence
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined> {
    return this.#delivery.iterate((item) => {
      if (isTraced(topicReceive)) this.#report(item)
      return item[0] as Message
    })
  }

  entries(): AsyncIterableIterator<[message: Message, info: MessageInfo], undefined> {
    return this.#delivery.iterate((item) => {
      if (isTraced(topicReceive)) this.#report(item)
      return [item[0] as Message, item[1]]
    })
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

  #emitMessage(item: TopicItem): void {
    const [message, info] = item
    if (!isTraced(topicReceive)) this.emit('message', message as Message, info)
    else tracedDelivery(this.#place, item, 'listener', () => this.emit('message', message as Message, info))
  }

  /** A loop gets the message. */
  #report(item: TopicItem): void {
    tracedDelivery(this.#place, item, 'loop', () => {})
  }

  #figures(): SubscriptionFigures {
    const { epoch, transport, sequence } = this
    const { address = '', name } = this.#place
    return { id: this.#id, address, name, epoch, transport, sequence, ...this.stats() }
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
