import { randomBytes } from 'node:crypto'
import type { Codec, CodecName } from '../../codec/codec.js'
import { listen, Server, type ServerMemory, serverMemory } from '../../listen.js'
import { yieldTurn } from '../../next-turn.js'
import { topicPublish } from '../../observe/diagnostics-channels.js'
import type { PublishPayload } from '../../observe/diagnostics-payloads.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import type { TopicFigures } from '../../observe/figures.js'
import { register } from '../../observe/registry.js'
import {
  checkOptionNames,
  checkWaitOptions,
  integer,
  invalid,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  type WaitOptions,
} from '../../options.js'
import type { Contract } from '../../service/contract/contract.js'
import type { Handlers } from '../../service/contract/contract-types.js'
import { type RunningService, serve } from '../../service/serve.js'
import { bytesContract } from '../bytes-contract.js'
import { MessageCodec } from '../message-codec.js'
import { serviceName } from '../service-name.js'
import { type Place, tracedPublish, tracedTryPublish } from '../traced-messages.js'
import { PrefixEncoder } from './message-prefix.js'
import { broadcastBinding, NativeRing } from './native-ring.js'
import { PlainRing } from './plain-ring.js'
import { Publisher } from './publisher.js'
import type { RingWriter } from './ring.js'
import { TopicService } from './topic-service.js'
import type { Overflow, PublishOptions, Topic, TopicOptions, TopicStats } from './types.js'

const OPTION_NAMES: readonly string[] = [
  'name',
  'policy',
  'identify',
  'channel',
  'codec',
  'ringBytes',
  'overflow',
  'blockTimeoutMs',
  'engine',
  'signal',
  'timeoutMs',
] satisfies (keyof TopicOptions)[]
export const PUBLISH_OPTION_NAMES: readonly string[] = ['key', 'headers'] satisfies (keyof PublishOptions)[]
const OVERFLOWS: readonly string[] = ['lose', 'block', 'disconnect'] satisfies Overflow[]
const RING_BYTES_DEFAULT = 1024 * 1024
const BLOCK_TIMEOUT_MS_DEFAULT = 1_000
const BLOCK_TIMEOUT_MS_MAX = 3_600_000
/** Subscribers have this time to read the rest when a topic closes, unless `close` has another one. */
const CLOSE_TIMEOUT_MS = 10_000
const EPOCH_BYTES = 12

/** The methods of a topic, for policies. */
export const TOPIC_METHODS = { publish: 'unary', subscribe: 'bidi' } as const

/** Resolved promises need no memory of their own. */
const PUBLISHED = Promise.resolve()

/**
 * Creates a topic: this process publishes messages to any number of subscribers. Resolves when they can subscribe.
 *
 * @param target an address, as for `listen`, or a server, which can have several topics with different names
 * @throws `INVALID_ARGUMENT`, `OUT_OF_MEMORY`, and the errors of `listen` for an address
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export async function createTopic<Message = any>(
  target: string | Server,
  options: TopicOptions = {},
): Promise<Topic<Message>> {
  checkOptionNames(options, OPTION_NAMES)
  const { engine } = options
  if (engine !== undefined) {
    if (typeof target !== 'string') throw invalid('target', target, 'the name of a topic of the engine')
    return engine.createTopic<Message>(target, options)
  }
  const settings = settingsOf(options)
  const { signal, timeoutMs } = checkWaitOptions(options, OPTION_NAMES)
  const contract = bytesContract(serviceName('topic', options.name), TOPIC_METHODS)
  if (target instanceof Server && options.channel !== undefined)
    throw invalid('channel', options.channel, 'left out: the target is a server, which has these options')
  if (typeof target !== 'string' && !(target instanceof Server))
    throw invalid('target', target, 'an address or a Server')
  const own =
    typeof target === 'string' ? await listen(target, { ...options.channel, signal, timeoutMs }) : undefined
  const server = own ?? (target as Server)
  let topic: LocalTopic<Message> | undefined
  try {
    topic = new LocalTopic<Message>(server, own, settings)
    const { policy, identify } = options
    topic.running = await serve(server, topic.handlers(), {
      contract,
      policy,
      identify,
      validateOutput: false,
    })
    topic.observe()
    return topic
  } catch (error) {
    topic?.dropMemory()
    await own?.close()
    throw error
  }
}

interface TopicSettings {
  readonly name: string
  readonly codec: CodecName | Codec | undefined
  readonly ringBytes: number
  readonly overflow: Overflow
  readonly blockTimeoutMs: number
}

function settingsOf(options: TopicOptions): TopicSettings {
  const { overflow = 'lose', ringBytes: ring = RING_BYTES_DEFAULT } = options
  const ringBytes = integer('ringBytes', ring, RING_BYTES_MIN, RING_BYTES_MAX)
  // Integers up to 2^30 are exact in 32 bits, so this bit test is correct.
  if ((ringBytes & (ringBytes - 1)) !== 0) throw invalid('ringBytes', ringBytes, 'a power of two')
  if (!OVERFLOWS.includes(overflow)) throw invalid('overflow', overflow, `one of ${OVERFLOWS.join(', ')}`)
  const { blockTimeoutMs = BLOCK_TIMEOUT_MS_DEFAULT } = options
  if (options.blockTimeoutMs !== undefined && overflow !== 'block')
    throw invalid('blockTimeoutMs', blockTimeoutMs, "left out without overflow: 'block'")
  return {
    name: options.name ?? '',
    codec: options.codec,
    ringBytes,
    overflow,
    blockTimeoutMs: integer('blockTimeoutMs', blockTimeoutMs, 0, BLOCK_TIMEOUT_MS_MAX),
  }
}

/** A topic of this process. */
class LocalTopic<Message> implements Topic<Message> {
  readonly epoch = randomBytes(EPOCH_BYTES).toString('hex')
  running: RunningService | undefined
  readonly #server: Server
  readonly #name: string
  /** The server, if the topic listens itself. */
  readonly #own: Server | undefined
  readonly #codec: MessageCodec
  readonly #ring: RingWriter
  readonly #publisher: Publisher
  readonly #service: TopicService
  readonly #prefixes = new PrefixEncoder()
  #unregister = (): void => {}
  #closing: Promise<void> | undefined

  /** Throws `INVALID_ARGUMENT`, `OUT_OF_MEMORY`. */
  constructor(server: Server, own: Server | undefined, settings: TopicSettings) {
    this.#server = server
    this.#name = settings.name
    this.#own = own
    const { overflow, ringBytes, blockTimeoutMs } = settings
    const { ring, obstacle } = ringOf(serverMemory(server), ringBytes, (reader) =>
      this.#service.onViolation(reader),
    )
    this.#ring = ring
    let codec: MessageCodec
    try {
      codec = new MessageCodec(settings.codec, ring.messageBytesMax, 'raise the ringBytes of the topic')
    } catch (error) {
      ring.close()
      throw error
    }
    const publisher = new Publisher({
      ring,
      blockTimeoutMs,
      keep: (payload) => Buffer.from(payload),
      onPublished: () => this.#service.onPublished(),
      onTooSlow: (reader) => this.#service.onTooSlow(reader),
    })
    const memory = (): ServerMemory => serverMemory(server)
    this.#codec = codec
    this.#publisher = publisher
    this.#service = new TopicService({
      epoch: this.epoch,
      overflow,
      codec,
      ring,
      publisher,
      obstacle,
      memory,
    })
  }

  /** Lists the topic in snapshots until it closes. */
  observe(): void {
    this.#unregister = register('topics', this, (topic) => topic.#figures())
  }

  #figures(): TopicFigures {
    const { published: sequence, ...stats } = this.stats()
    return { address: this.address, name: this.#name, epoch: this.epoch, sequence, ...stats }
  }

  /** The topic cannot be served. */
  dropMemory(): void {
    this.#ring.close()
  }

  handlers(): Handlers<Contract> {
    return this.#service.handlers()
  }

  get address(): string {
    return this.#server.address
  }

  get sequence(): number {
    return this.#publisher.sequence
  }

  get #place(): Place {
    return { address: this.address, name: this.#name }
  }

  tryPublish(message: Message, options?: PublishOptions): boolean {
    if (!isTraced(topicPublish)) return this.#tryPublish(message, options, undefined)
    return tracedTryPublish(this.#place, options, (changed, traced) =>
      this.#tryPublish(message, changed, traced),
    )
  }

  publish(message: Message, options?: PublishOptions): Promise<void> {
    if (!isTraced(topicPublish)) return this.#publish(message, options, undefined)
    return tracedPublish(this.#place, options, (changed, traced) => this.#publish(message, changed, traced))
  }

  #tryPublish(
    message: Message,
    options: PublishOptions | undefined,
    traced: PublishPayload | undefined,
  ): boolean {
    if (options !== undefined) checkOptionNames(options, PUBLISH_OPTION_NAMES)
    const { bytes, keyBytes } = this.#prefixes.encode(options)
    const payload = this.#codec.encode(message)
    if (traced !== undefined) traced.byteLength = payload.length
    return this.#publisher.tryPublish(payload, bytes, keyBytes)
  }

  #publish(
    message: Message,
    options: PublishOptions | undefined,
    traced: PublishPayload | undefined,
  ): Promise<void> {
    try {
      if (options !== undefined) checkOptionNames(options, PUBLISH_OPTION_NAMES)
      const { bytes, keyBytes } = this.#prefixes.encode(options)
      const payload = this.#codec.encode(message)
      if (traced !== undefined) traced.byteLength = payload.length
      const waiting = this.#publisher.publish(payload, bytes, keyBytes, unbounded)
      return waiting ?? yieldTurn(payload.length) ?? PUBLISHED
    } catch (error) {
      const failure = error as Error
      return Promise.reject(failure)
    }
  }

  stats(): TopicStats {
    return {
      published: this.#publisher.sequence,
      bytes: this.#publisher.bytes,
      subscribers: this.#service.subscribers,
      disconnected: this.#service.disconnected,
      wakesSent: this.#ring.wakes,
    }
  }

  async close(options: WaitOptions = {}): Promise<void> {
    const { signal, timeoutMs = CLOSE_TIMEOUT_MS } = checkWaitOptions(options)
    this.#closing ??= this.#close({ signal, timeoutMs })
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(bounds: WaitOptions): Promise<void> {
    this.#unregister()
    try {
      await this.#publisher.close(bounds)
    } finally {
      try {
        await this.#service.close(bounds)
      } finally {
        await this.running?.close()
        await this.#own?.close(bounds)
      }
    }
  }
}

function unbounded(): undefined {
  return undefined
}

/** Shared memory if the server's clients can have some. */
function ringOf(
  { native, obstacle }: ServerMemory,
  ringBytes: number,
  onViolation: (reader: number) => void,
): { readonly ring: RingWriter; readonly obstacle: string | undefined } {
  if (obstacle !== undefined || !('binding' in native)) return { ring: new PlainRing(ringBytes), obstacle }
  const binding = broadcastBinding(native.binding)
  if (binding !== undefined)
    return { ring: new NativeRing(binding, ringBytes, onViolation), obstacle: undefined }
  return { ring: new PlainRing(ringBytes), obstacle: 'topics have no shared memory on this system' }
}
