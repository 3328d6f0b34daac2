import { randomUUID } from 'node:crypto'
import { endWithin } from '../../../deadline.js'
import { ErrorCode, ShmwireError } from '../../../errors.js'
import { MessageCodec } from '../../../messaging/message-codec.js'
import { encodeKey } from '../../../messaging/topic/key.js'
import type { PublishOptions, Topic, TopicOptions, TopicStats } from '../../../messaging/topic/types.js'
import { tracedPublish, tracedTryPublish } from '../../../messaging/traced-messages.js'
import { topicPublish } from '../../../observe/diagnostics-channels.js'
import type { PublishPayload } from '../../../observe/diagnostics-payloads.js'
import { isTraced } from '../../../observe/diagnostics-trace.js'
import {
  checkOptionNames,
  checkWaitOptions,
  integer,
  misuse,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  type WaitOptions,
} from '../../../options.js'
import type { EngineConnection } from '../connection.js'
import { assertEngineOptions } from '../engine-options.js'
import { faultOf } from '../faults.js'
import { addHeaders } from '../headers.js'
import { retrying } from '../retrying.js'
import type { StreamInfo } from '../streams.js'
import { within } from '../within.js'
import { OrderedPublisher } from './ordered-publisher.js'
import { createTopicStream, epochOf, Part, subjectOf, whatOfTopic } from './topic-stream.js'

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
const PUBLISH_NAMES: readonly string[] = ['key', 'headers'] satisfies (keyof PublishOptions)[]
/** More than the ring of a local topic, because subscribers are farther away. */
const STREAM_BYTES_DEFAULT = 64 * 1024 * 1024
/** As in a local topic. */
const MESSAGE_PART = 8
/** For the headers of the engine and of JetStream. */
const EXTRA_BYTES = 1024

/** Creates the stream of a topic, or continues with the one that exists. Rejects with `INVALID_ARGUMENT` and the faults of the servers. */
export function createJetTopic<Message>(
  connection: EngineConnection,
  name: string,
  options: TopicOptions,
): Promise<Topic<Message>> {
  checkWaitOptions(options, OPTION_NAMES)
  assertEngineOptions(options)
  const { overflow = 'lose', ringBytes = STREAM_BYTES_DEFAULT } = options
  if (overflow !== 'lose' || options.blockTimeoutMs !== undefined)
    throw misuse(
      "overflow must be 'lose' with an engine: the servers do not wait for slow subscribers; use a queue",
    )
  const maxBytes = integer('ringBytes', ringBytes, RING_BYTES_MIN, RING_BYTES_MAX)
  const bytesMax = Math.min(maxBytes / MESSAGE_PART, connection.maxPayloadBytes) - EXTRA_BYTES
  const codec = new MessageCodec(
    options.codec,
    bytesMax,
    'raise ringBytes, or max_payload of the NATS server',
  )
  return within(options, `creating ${whatOfTopic(name)}`, async () => {
    const info = await createTopicStream(connection, name, codec.name, maxBytes)
    return new JetTopic<Message>(connection, name, codec, info)
  })
}

/** A topic of JetStream. */
export class JetTopic<Message> implements Topic<Message> {
  readonly address: string
  readonly epoch: string
  readonly #connection: EngineConnection
  readonly #codec: MessageCodec
  readonly #publisher: OrderedPublisher
  readonly #idPrefix = randomUUID()
  #published = 0
  #bytes = 0
  /** Of a message of `tryPublish`. */
  #failure: ShmwireError | undefined
  #isClosed = false

  constructor(connection: EngineConnection, name: string, codec: MessageCodec, info: StreamInfo) {
    this.address = name
    this.epoch = epochOf(info)
    this.#connection = connection
    this.#codec = codec
    this.#publisher = new OrderedPublisher(
      connection,
      info.config.name,
      whatOfTopic(name),
      info.state.last_seq,
    )
  }

  get sequence(): number {
    return this.#publisher.tail
  }

  /** False: the servers have not answered for many messages yet. A failure is thrown by the next call, and by `close`. */
  tryPublish(message: Message, options?: PublishOptions): boolean {
    if (!isTraced(topicPublish)) return this.#tryPublish(message, options, undefined)
    const place = { address: this.address, name: this.address }
    return tracedTryPublish(place, options, (changed, traced) => this.#tryPublish(message, changed, traced))
  }

  #tryPublish(
    message: Message,
    options: PublishOptions | undefined,
    traced: PublishPayload | undefined,
  ): boolean {
    this.#assertOpen()
    if (this.#publisher.isBusy) return false
    this.#store(message, options, traced).catch((error: unknown) => {
      this.#failure ??= error as ShmwireError
    })
    return true
  }

  /** Resolves when the stream has stored the message. */
  publish(message: Message, options?: PublishOptions): Promise<void> {
    return this.#publish(message, options, undefined)
  }

  /** For bridges: the stream drops a second message with the id within two minutes. */
  publishWithId(message: Message, options: PublishOptions, id: string): Promise<void> {
    return this.#publish(message, options, id)
  }

  #publish(message: Message, options: PublishOptions | undefined, id: string | undefined): Promise<void> {
    const store = async (
      changed: PublishOptions | undefined,
      traced: PublishPayload | undefined,
    ): Promise<void> => {
      this.#assertOpen()
      await this.#store(message, changed, traced, id)
    }
    if (!isTraced(topicPublish)) return store(options, undefined)
    return tracedPublish({ address: this.address, name: this.address }, options, store)
  }

  /** `subscribers` and `wakesSent` are 0: the servers do not report them. */
  stats(): TopicStats {
    return {
      published: this.#published,
      bytes: this.#bytes,
      subscribers: 0,
      disconnected: 0,
      wakesSent: 0,
    }
  }

  async close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    if (this.#isClosed) return
    this.#isClosed = true
    await endWithin(bounds, `closing ${whatOfTopic(this.address)}`, (resolve, reject) => {
      this.#end().then(resolve, reject)
      return () => {}
    })
    if (this.#failure !== undefined) throw this.#failure
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Throws in the turn of the call. */
  #store(
    message: Message,
    options: PublishOptions = {},
    traced?: PublishPayload,
    id?: string,
  ): Promise<number> {
    checkOptionNames(options, PUBLISH_NAMES)
    const { key, headers } = options
    encodeKey(key)
    const fields = this.#connection.newHeaders()
    addHeaders(fields, headers)
    const body = this.#codec.keep(this.#codec.encode(message))
    if (traced !== undefined) traced.byteLength = body.length
    this.#published += 1
    this.#bytes += body.length
    return this.#publisher.publish({
      subject: subjectOf(this.#connection.settings.names, this.address, key),
      body,
      headers: fields,
      id: id ?? `${this.#idPrefix} ${this.#published}`,
    })
  }

  /** Subscribers that are connected now end after the last message. */
  async #end(): Promise<void> {
    await this.#publisher.settled()
    const { nats, settings, manager } = this.#connection
    if (nats.isClosed()) return
    const { names } = settings
    const { state } = await retrying(() => manager.streams.info(names.stream('topic', this.address))).catch(
      (error: unknown) => {
        throw faultOf(error, whatOfTopic(this.address))
      },
    )
    const subject = names.subject('topic', this.address, Part.ENDED)
    nats.publish(subject, JSON.stringify({ epoch: this.epoch, sequence: state.last_seq }))
    await nats.flush()
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ShmwireError(ErrorCode.CLOSED, 'the topic is closed')
    if (this.#failure !== undefined) throw this.#failure
  }
}
