import { EventEmitter } from 'node:events'
import { MessageCodec } from '../../../messaging/message-codec.js'
import { PulledDelivery } from '../../../messaging/pulled-delivery.js'
import { KeyFilter } from '../../../messaging/topic/key.js'
import { checkFrom } from '../../../messaging/topic/subscribe-frames.js'
import type {
  MessageInfo,
  SubscribeFrom,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
  SubscriptionStats,
} from '../../../messaging/topic/types.js'
import { type Place, tracedDelivery } from '../../../messaging/traced-messages.js'
import { topicReceive } from '../../../observe/diagnostics-channels.js'
import { isTraced } from '../../../observe/diagnostics-trace.js'
import { checkWaitOptions, misuse, type WaitOptions } from '../../../options.js'
import { runApart } from '../../../uncaught.js'
import type { EngineConnection } from '../connection.js'
import { assertEngineOptions } from '../engine-options.js'
import type { StreamInfo } from '../streams.js'
import { within } from '../within.js'
import { type StreamItem, StreamSource } from './stream-source.js'
import { epochOf, openTopicStream, whatOfTopic } from './topic-stream.js'

const OPTION_NAMES: readonly string[] = [
  'name',
  'codec',
  'from',
  'keys',
  'engine',
  'channel',
  'signal',
  'timeoutMs',
] satisfies (keyof SubscribeOptions)[]

/** Rejects with `NOT_LISTENING` if there is no such topic, with `INVALID_ARGUMENT`, and with the faults of the servers. */
export function subscribeJetTopic<Message>(
  connection: EngineConnection,
  name: string,
  options: SubscribeOptions,
): Promise<Subscription<Message>> {
  checkWaitOptions(options, OPTION_NAMES)
  assertEngineOptions(options)
  const from = checkFrom(options.from)
  const filter = new KeyFilter(options.keys)
  const codec = new MessageCodec(options.codec, Number.POSITIVE_INFINITY, '')
  return within(options, `subscribing to ${whatOfTopic(name)}`, async () => {
    const info = await openTopicStream(connection, name, codec.name)
    const subscription = new JetSubscription<Message>({
      connection,
      name,
      codec,
      filter,
      ...startOf(info, from),
    })
    await subscription.start()
    return subscription
  })
}

interface Start {
  readonly epoch: string
  readonly begin: number
  readonly lost: number | 'unknown'
}

/** The first message of a subscription. The stream can drop it before it is read, which is a loss. */
function startOf(info: StreamInfo, from: SubscribeFrom): Start {
  const epoch = epochOf(info)
  const { first_seq: first, last_seq: last } = info.state
  const next = last + 1
  if (from === 'next') return { epoch, begin: next, lost: 0 }
  if (from === 'last') return { epoch, begin: Math.max(1, info.state.messages === 0 ? next : last), lost: 0 }
  const oldest = Math.max(1, first)
  if (from === 'oldest') return { epoch, begin: oldest, lost: 0 }
  if (from.epoch !== epoch) return { epoch, begin: oldest, lost: 'unknown' }
  if (from.sequence > last)
    throw misuse(
      `the last message of the topic is ${last}, and from.sequence is ${from.sequence}; pass the sequence of a message that was received`,
    )
  return { epoch, begin: from.sequence + 1, lost: 0 }
}

interface JetSubscriptionOptions extends Start {
  readonly connection: EngineConnection
  readonly name: string
  readonly codec: MessageCodec
  readonly filter: KeyFilter
}

class JetSubscription<Message>
  extends EventEmitter<SubscriptionEvents<Message>>
  implements Subscription<Message>
{
  readonly transport = 'nats'
  readonly fallbackReason = undefined
  readonly #name: string
  readonly #source: StreamSource
  readonly #delivery: PulledDelivery<StreamItem>

  constructor(options: JetSubscriptionOptions) {
    super()
    this.#name = options.name
    this.#source = new StreamSource({
      ...options,
      onLost: (count) => runApart(() => this.emit('lost', count)),
      onReady: () => this.#delivery.ready(),
      onEnding: (error) => this.#delivery.ending(error),
    })
    const emit = (item: StreamItem): void => this.#emitMessage(item)
    this.#delivery = new PulledDelivery<StreamItem>(this, 'message', this.#source, emit, () =>
      this.#source.close(),
    )
  }

  start(): Promise<void> {
    return this.#source.start()
  }

  /** Changes when the stream was deleted and created again. */
  get epoch(): string {
    return this.#source.epoch
  }

  get sequence(): number {
    return this.#source.sequence
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
    return this.#source.stats()
  }

  async close(options?: WaitOptions): Promise<void> {
    checkWaitOptions(options)
    this.#delivery.finish(undefined)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #emitMessage(item: StreamItem): void {
    const [message, info] = item
    const emit = (): boolean => this.emit('message', message as Message, info)
    if (isTraced(topicReceive)) tracedDelivery(this.#place, item, 'listener', emit)
    else emit()
  }

  /** A loop gets the message. */
  #report(item: StreamItem): void {
    tracedDelivery(this.#place, item, 'loop', () => {})
  }

  get #place(): Place {
    return { address: this.#name, name: this.#name }
  }
}
