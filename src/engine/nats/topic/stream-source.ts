import { ErrorCode, ShmwireError } from '../../../errors.js'
import { Fifo } from '../../../fifo.js'
import { nowMs } from '../../../host.js'
import { log } from '../../../log/log.js'
import type { MessageCodec } from '../../../messaging/message-codec.js'
import type { PullSource } from '../../../messaging/pulled-delivery.js'
import type { KeyFilter } from '../../../messaging/topic/key.js'
import type { MessageInfo, SubscriptionStats } from '../../../messaging/topic/types.js'
import { TURN_MS_MAX } from '../../../turn-budget.js'
import type { EngineConnection, Msg, NatsSubscription } from '../connection.js'
import { deliveryOf } from '../delivery.js'
import { readHeaders } from '../headers.js'
import { Pull } from '../pull.js'
import { bufferOf } from '../queue/replies.js'
import { retrying } from '../retrying.js'
import { nanosOf } from '../streams.js'
import { epochOf, keyOf, Part, whatOfTopic } from './topic-stream.js'

export type StreamItem = readonly [message: unknown, info: MessageInfo, byteLength: number]

/** Messages that were received and not taken. */
const MESSAGES_MAX = 256
export const BYTES_MAX = 8 * 1024 * 1024
/** The server deletes a consumer whose program is gone. */
const INACTIVE_MS = 300_000

export interface StreamSourceOptions {
  readonly connection: EngineConnection
  readonly name: string
  readonly codec: MessageCodec
  readonly filter: KeyFilter
  readonly epoch: string
  /** The sequence of the first message. */
  readonly begin: number
  /** Lost before it; 'unknown': the epoch of `from` is another one. */
  readonly lost: number | 'unknown'
  readonly onLost: (count: number | 'unknown') => void
  readonly onReady: () => void
  readonly onEnding: (error: Error | undefined) => void
}

interface Arrived {
  readonly sequence: number
  readonly message: Msg
}

/**
 * The messages of a topic from its stream, with a consumer without acknowledgements that the server forgets. After a lost connection, a new
 * consumer begins after the last message that arrived. A gap in the sequence is a loss: the stream has dropped those messages.
 */
export class StreamSource implements PullSource<StreamItem> {
  readonly #options: StreamSourceOptions
  readonly #pull: Pull
  readonly #arrived = new Fifo<Arrived>()
  #endings: NatsSubscription | undefined
  #arrivedBytes = 0
  /** After the last message that arrived, and after the last one that was taken. */
  #nextArrival: number
  #next: number
  /** The publisher has closed the topic after this message. */
  #endAt = Number.POSITIVE_INFINITY
  #pendingLoss: number | 'unknown'
  /** After the last message that arrived. */
  #lossAtEnd = 0
  #isWaiting = false
  #end: { readonly error: Error | undefined } | undefined
  #received = 0
  #lost = 0
  #filtered = 0
  lastBytes = 0
  epoch: string

  constructor(options: StreamSourceOptions) {
    const { connection, name } = options
    this.#options = options
    this.epoch = options.epoch
    this.#next = options.begin
    this.#nextArrival = options.begin
    this.#pendingLoss = options.lost
    this.#pull = new Pull(connection, {
      what: whatOfTopic(name),
      stream: connection.settings.names.stream('topic', name),
      maxBytes: Math.max(BYTES_MAX, connection.maxPayloadBytes),
      ensureConsumer: () => this.#createConsumer(),
      onMessage: (message, isLate) => this.#onMessage(message, isLate),
      onEnd: (error) => this.#finish(error),
    })
  }

  async start(): Promise<void> {
    const { connection, name } = this.#options
    const subject = connection.settings.names.subject('topic', name, Part.ENDED)
    this.#endings = connection.nats.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) void this.#onEnded(message)
      },
    })
    try {
      await this.#pull.start()
    } catch (error) {
      this.close()
      throw error
    }
    this.#takeMore()
  }

  get end(): { readonly error: Error | undefined } | undefined {
    return this.#arrived.length === 0 ? this.#end : undefined
  }

  get sequence(): number {
    return this.#next - 1
  }

  stats(): SubscriptionStats {
    return { received: this.#received, lost: this.#lost, filtered: this.#filtered }
  }

  request(): void {
    this.#isWaiting = true
    if (this.#arrived.length > 0 || this.#end !== undefined) this.#options.onReady()
  }

  release(): void {
    this.#isWaiting = false
  }

  take(): StreamItem | undefined {
    let endMs = 0
    while (true) {
      // A filter can drop any number of messages, and other work must have its turns.
      const timeMs = nowMs()
      if (endMs === 0) endMs = timeMs + TURN_MS_MAX
      else if (timeMs >= endMs) return undefined
      this.#reportLoss(this.#pendingLoss)
      const arrived = this.#arrived.shift()
      if (arrived === undefined) return this.#reportLossAtEnd()
      this.#arrivedBytes -= arrived.message.data.length
      this.#takeMore()
      this.#reportLoss(arrived.sequence - this.#next)
      this.#next = arrived.sequence + 1
      if (this.#next > this.#endAt) this.#finish(undefined)
      const item = this.#read(arrived)
      if (item !== undefined) return item
    }
  }

  close(): void {
    void this.#pull.stop()
    if (this.#endings?.isClosed() === false) this.#endings.unsubscribe()
    this.#arrived.clear()
  }

  #reportLossAtEnd(): undefined {
    this.#next += this.#lossAtEnd
    this.#reportLoss(this.#lossAtEnd)
    this.#lossAtEnd = 0
  }

  #reportLoss(count: number | 'unknown'): void {
    this.#pendingLoss = 0
    if (count === 0) return
    if (count !== 'unknown') this.#lost += count
    this.#options.onLost(count)
  }

  /** Undefined: the key does not match, or the message is malformed. */
  #read({ sequence, message }: Arrived): StreamItem | undefined {
    const { codec, connection, filter, name } = this.#options
    try {
      const text = keyOf(connection.settings.names, name, message.subject)
      const received = text === undefined ? undefined : filter.read(Buffer.from(text))
      if (text !== undefined && received === undefined)
        throw new ShmwireError(ErrorCode.CORRUPT, `${whatOfTopic(name)} has a message with a malformed key`)
      if (received === undefined ? !filter.matchesNoKey : !received.matches) {
        this.#filtered += 1
        return undefined
      }
      const headers = readHeaders(message.headers)
      const value = codec.decode(bufferOf(message.data))
      this.lastBytes = message.data.length
      this.#received += 1
      return [value, { epoch: this.epoch, sequence, key: received?.key, headers }, message.data.length]
    } catch (error) {
      this.#arrived.clear()
      this.#finish(error as Error)
      return undefined
    }
  }

  #takeMore(): void {
    const isFull = this.#arrivedBytes >= BYTES_MAX
    this.#pull.setRoom(isFull ? 0 : Math.max(0, MESSAGES_MAX - this.#arrived.length))
  }

  #onMessage(message: Msg, isLate: boolean): void {
    // The new consumer delivers it again.
    if (isLate || this.#end !== undefined) return
    let sequence: number
    try {
      sequence = deliveryOf(message).streamSequence
    } catch (error) {
      this.#finish(error as Error)
      return
    }
    if (sequence < this.#nextArrival) return
    this.#nextArrival = sequence + 1
    this.#arrived.push({ sequence, message })
    this.#arrivedBytes += message.data.length
    this.#takeMore()
    if (this.#isWaiting) this.#options.onReady()
  }

  /** The publisher, or any program with the permission, states the end. */
  async #onEnded(message: Msg): Promise<void> {
    const { connection, name } = this.#options
    try {
      const { epoch, sequence } = JSON.parse(Buffer.from(message.data).toString()) as Record<string, unknown>
      if (epoch !== this.epoch || !Number.isSafeInteger(sequence)) return
      const endAt = sequence as number
      this.#endAt = endAt
      if (this.#next > endAt) return this.#finish(undefined)
      // The stream may have dropped the last messages already, and then no message shows the loss.
      const stream = connection.settings.names.stream('topic', name)
      const { state } = await retrying(() => connection.manager.streams.info(stream))
      if (state.first_seq <= endAt || this.#nextArrival > endAt) return
      this.#lossAtEnd = endAt + 1 - this.#nextArrival
      this.#finish(undefined)
    } catch (error) {
      const { logger } = connection.settings
      log(logger, 'nats.endUnknown', () => ({ topic: name, error }))
    }
  }

  #finish(error: Error | undefined): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#options.onEnding(error)
    this.#options.onReady()
  }

  async #createConsumer(): Promise<string> {
    const { connection, name } = this.#options
    const { manager, settings } = connection
    const stream = settings.names.stream('topic', name)
    const info = await retrying(() => manager.streams.info(stream))
    if (epochOf(info) !== this.epoch) this.#beginEpoch(epochOf(info))
    const consumer = await retrying(() =>
      manager.consumers.add(stream, {
        ack_policy: 'none',
        deliver_policy: 'by_start_sequence',
        opt_start_seq: Math.max(1, this.#nextArrival),
        inactive_threshold: nanosOf(INACTIVE_MS),
        mem_storage: true,
        num_replicas: 1,
      }),
    )
    return consumer.name
  }

  /** The stream was deleted and created again. */
  #beginEpoch(epoch: string): void {
    this.epoch = epoch
    this.#arrived.clear()
    this.#arrivedBytes = 0
    this.#next = 1
    this.#nextArrival = 1
    this.#pendingLoss = 'unknown'
  }
}
