import { nowMs } from '../../host.js'
import { memoryTransferred } from '../../received-memory.js'
import { TURN_MS_MAX } from '../../turn-budget.js'
import { corrupt } from '../attach/control-frame.js'
import { decodeHeaders, NO_HEADERS } from '../headers.js'
import type { MessageCodec } from '../message-codec.js'
import type { PullSource } from '../pulled-delivery.js'
import type { MessageHeaders } from '../types.js'
import type { BatchSource } from './batch-source.js'
import type { KeyFilter } from './key.js'
import { tooSlow } from './topic-service.js'
import type { MessageInfo, SubscriptionStats } from './types.js'

/** A message as the program gets it. */
export type TopicItem = readonly [message: unknown, info: MessageInfo, byteLength: number]

export interface TopicMessagesOptions {
  readonly source: BatchSource
  readonly codec: MessageCodec
  readonly filter: KeyFilter
  readonly epoch: string
  /** The sequence of the first message. */
  readonly begin: number
  /** The epoch of `from` was not that of the publisher: some messages may be lost. */
  readonly isOtherEpoch: boolean
  /** A lost message ends the subscription. */
  readonly endsWhenLost: boolean
  readonly onLost: (count: number | 'unknown') => void
  readonly onTooSlow: () => void
}

/** Decodes and filters the messages of a subscription, and counts all of them. */
export class TopicMessages implements PullSource<TopicItem> {
  readonly #options: TopicMessagesOptions
  readonly #source: BatchSource
  #reportsUnknown: boolean
  #failure: { readonly error: Error } | undefined
  #received = 0
  #lost = 0
  #filtered = 0
  /** `take` has returned nothing because its time was over. */
  #isInterrupted = false
  lastBytes = 0

  constructor(options: TopicMessagesOptions) {
    this.#options = options
    this.#source = options.source
    this.#reportsUnknown = options.isOtherEpoch
  }

  get end(): { readonly error: Error | undefined } | undefined {
    return this.#failure ?? (this.#isInterrupted ? undefined : this.#source.end)
  }

  /** Of the last message that was received, lost or filtered. */
  get sequence(): number {
    return this.#options.begin - 1 + this.#received + this.#lost + this.#filtered
  }

  stats(): SubscriptionStats {
    return { received: this.#received, lost: this.#lost, filtered: this.#filtered }
  }

  take(): TopicItem | undefined {
    const { cursor } = this.#source
    let endMs = 0
    this.#isInterrupted = false
    while (this.#failure === undefined) {
      if (!cursor.pending) {
        // A filter can drop any number of messages, and other work must have its turns.
        const timeMs = nowMs()
        if (endMs === 0) endMs = timeMs + TURN_MS_MAX
        else if (timeMs >= endMs) {
          this.#isInterrupted = true
          return undefined
        }
        if (!this.#source.read()) return undefined
      }
      if (this.#reportsUnknown) {
        this.#reportsUnknown = false
        this.#options.onLost('unknown')
      }
      if (cursor.lost > 0) this.#lose(cursor.lost)
      // A listener of `lost` can have closed the subscription.
      else if (cursor.hasMessage) {
        const item = this.#read()
        if (item !== undefined) return item
      }
    }
    return undefined
  }

  request(): void {
    this.#source.request()
  }

  release(): void {
    this.#source.release()
  }

  #lose(count: number): void {
    this.#source.cursor.lost = 0
    if (this.#options.endsWhenLost) {
      this.#options.onTooSlow()
      this.#fail(tooSlow(`it lost ${count} messages`))
      return
    }
    this.#lost += count
    this.#options.onLost(count)
  }

  /** The next message; undefined: its key does not match, or it is malformed. */
  #read(): TopicItem | undefined {
    const { cursor } = this.#source
    const { codec, epoch, filter } = this.#options
    const { sequence } = cursor
    if (cursor.isTransferred) return this.#fail(memoryTransferred())
    let key: string | undefined
    if (cursor.keyBytes > 0) {
      const received = filter.read(cursor.key())
      if (received === undefined) return this.#fail(corrupt('the publisher', 'a malformed key'))
      if (!received.matches) return this.#skip()
      key = received.key
    } else if (!filter.matchesNoKey) return this.#skip()
    const headers: MessageHeaders | undefined =
      cursor.headersBytes > 0 ? decodeHeaders(cursor.headers()) : NO_HEADERS
    if (headers === undefined) return this.#fail(corrupt('the publisher', 'malformed headers'))
    let message: unknown
    try {
      message = codec.decode(cursor.body())
    } catch (error) {
      return this.#fail(error as Error)
    }
    const { bodyBytes } = cursor
    this.lastBytes = bodyBytes
    cursor.advance()
    this.#received += 1
    return [message, { epoch, sequence, key, headers }, bodyBytes]
  }

  #skip(): undefined {
    this.#source.cursor.advance()
    this.#filtered += 1
  }

  #fail(error: Error): undefined {
    this.#failure = { error }
    this.#source.cursor.clear()
  }
}
