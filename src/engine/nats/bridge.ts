import { EventEmitter } from 'node:events'
import { endWithin } from '../../deadline.js'
import { nextTick } from '../../host.js'
import { notifyLateListeners } from '../../late-listeners.js'
import type { Engine } from '../../messaging/engine.js'
import type {
  MessageInfo,
  PublishOptions,
  SubscribeOptions,
  Subscription,
  Topic,
  TopicOptions,
} from '../../messaging/topic/types.js'
import type { MessageHeaders } from '../../messaging/types.js'
import { checkWaitOptions, invalid, misuse, type WaitOptions } from '../../options.js'
import { runApart } from '../../uncaught.js'
import { JetTopic } from './topic/jet-topic.js'

/** Headers of a forwarded message: its epoch and sequence in the topic where it was published first. */
export const ORIGIN_EPOCH = 'origin-epoch'
export const ORIGIN_SEQUENCE = 'origin-sequence'

export interface BridgeTopicOptions extends WaitOptions {
  /** The name of the topic of the engine. */
  topic: string
  /** The codec of the topic of the engine. Default `'msgpack'`. */
  codec?: TopicOptions['codec']
  /** Towards the engine: the bytes that the stream keeps; see `createTopic`. */
  ringBytes?: number | undefined
  /** From the engine: where the subscription begins. Default `'next'`. */
  from?: SubscribeOptions['from']
  /** From the engine: only messages with a matching key. Default: all. */
  keys?: SubscribeOptions['keys']
}

export interface BridgeStats {
  /** Messages that the other topic has. */
  readonly forwarded: number
  /** Messages that were lost before the bridge received them, without those whose number is unknown. */
  readonly lost: number
  /** Messages that had come from the other topic. */
  readonly returned: number
}

export interface TopicBridgeEvents {
  /** As that of a subscription. The messages are missing in the other topic. */
  lost: [count: number | 'unknown']
  /** Once, last: the source has ended, the bridge was closed, or a message could not be forwarded. */
  close: [error: Error | undefined]
}

export interface TopicBridge extends EventEmitter<TopicBridgeEvents>, AsyncDisposable {
  /** `'out'`: to the engine. */
  readonly direction: 'out' | 'in'
  stats(): BridgeStats
  /** Forwards no further message, and waits for those in hand. The topics stay open. */
  close(options?: WaitOptions): Promise<void>
}

/** Messages that the other topic has not confirmed yet. */
const IN_FLIGHT_MAX = 256

/**
 * Forwards the messages of one topic to another one, with their epoch and sequence as headers. With a local subscription, to a topic of the
 * engine. With a local topic, from a topic of the engine: the processes of a machine then share one subscription. Both directions between
 * the same topics do not return messages to where they came from.
 *
 * @throws `INVALID_ARGUMENT`, and the errors of `createTopic` and `subscribe` of the engine
 */
export async function bridgeTopic(
  local: Subscription | Topic,
  engine: Engine,
  options: BridgeTopicOptions,
): Promise<TopicBridge> {
  const { signal, timeoutMs } = checkWaitOptions(options, [
    'topic',
    'codec',
    'ringBytes',
    'from',
    'keys',
    'signal',
    'timeoutMs',
  ])
  const { topic, codec, ringBytes, from, keys } = options
  if (isTopic(local)) {
    if (ringBytes !== undefined) throw misuse('ringBytes applies to a bridge to the engine only')
    const source = await engine.subscribe(topic, { codec, from, keys, signal, timeoutMs })
    return new Bridge('in', source, local, undefined)
  }
  if (typeof (local as Partial<Subscription> | null)?.entries !== 'function')
    throw invalid('local', local, 'a subscription to a local topic, or a local topic')
  if (from !== undefined || keys !== undefined)
    throw misuse('from and keys apply to a bridge from the engine only; pass them to subscribe')
  const target = await engine.createTopic(topic, { codec, ringBytes, signal, timeoutMs })
  return new Bridge('out', local, target, target)
}

class Bridge extends EventEmitter<TopicBridgeEvents> implements TopicBridge {
  readonly direction: 'out' | 'in'
  readonly #source: Subscription
  readonly #target: Topic
  /** A topic that the bridge itself has created. */
  readonly #own: Topic | undefined
  readonly #inFlight = new Set<Promise<void>>()
  readonly #run: Promise<void>
  #failure: Error | undefined
  #isClosing = false
  #forwarded = 0
  #lost = 0
  #returned = 0

  constructor(direction: 'out' | 'in', source: Subscription, target: Topic, own: Topic | undefined) {
    super()
    this.direction = direction
    this.#source = source
    this.#target = target
    this.#own = own
    source.on('lost', (count) => {
      if (count !== 'unknown') this.#lost += count
      runApart(() => this.emit('lost', count))
    })
    this.#run = this.#forwardAll()
  }

  stats(): BridgeStats {
    return { forwarded: this.#forwarded, lost: this.#lost, returned: this.#returned }
  }

  async close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    this.#isClosing = true
    await endWithin(bounds, 'closing the bridge', (resolve, reject) => {
      this.#source
        .close()
        .then(() => this.#run)
        .then(resolve, reject)
      return () => {}
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Never rejects. */
  async #forwardAll(): Promise<void> {
    let hasEnded = false
    try {
      for await (const [message, info] of this.#source.entries()) {
        await this.#forward(message, info)
        if (this.#failure !== undefined) break
      }
      hasEnded = !this.#isClosing && this.#failure === undefined
    } catch (error) {
      this.#failure ??= error as Error
    }
    await Promise.all(this.#inFlight)
    try {
      // The source has closed, so subscribers of the other topic end too. A bridge that only stops does not end them.
      if (hasEnded) await this.#own?.close()
      if (this.#failure !== undefined) await this.#source.close()
    } catch (error) {
      this.#failure ??= error as Error
    }
    const failure = this.#failure
    nextTick(() => {
      notifyLateListeners(this, 'close', failure)
      this.emit('close', failure)
    })
  }

  async #forward(message: unknown, info: MessageInfo): Promise<void> {
    const { epoch, sequence } = originOf(info)
    if (epoch === this.#target.epoch) {
      this.#returned += 1
      return
    }
    const headers = { ...info.headers, [ORIGIN_EPOCH]: epoch, [ORIGIN_SEQUENCE]: sequence }
    const sent = this.#publish(message, { key: info.key, headers }, `${epoch} ${sequence}`).then(
      () => {
        this.#forwarded += 1
      },
      (error: unknown) => {
        this.#failure ??= error as Error
      },
    )
    const done = sent.finally(() => this.#inFlight.delete(done))
    this.#inFlight.add(done)
    if (this.#inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.#inFlight)
  }

  /** With an id, a stream drops what another bridge, or this one before a restart, has forwarded. */
  #publish(message: unknown, options: PublishOptions, id: string): Promise<void> {
    const target = this.#target
    return target instanceof JetTopic
      ? target.publishWithId(message, options, id)
      : target.publish(message, options)
  }
}

function isTopic(local: Subscription | Topic): local is Topic {
  return typeof (local as Partial<Topic> | null)?.tryPublish === 'function'
}

/** A message that several bridges forward keeps its first origin. */
function originOf({ epoch, sequence, headers }: MessageInfo): {
  readonly epoch: string
  readonly sequence: string
} {
  const first = originHeaders(headers)
  return first ?? { epoch, sequence: String(sequence) }
}

function originHeaders(headers: MessageHeaders) {
  const { [ORIGIN_EPOCH]: epoch, [ORIGIN_SEQUENCE]: sequence } = headers
  return epoch === undefined || sequence === undefined ? undefined : { epoch, sequence }
}
