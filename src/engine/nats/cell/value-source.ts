import { ErrorCode, ShmwireError } from '../../../errors.js'
import type { ValueInfo } from '../../../messaging/cell/types.js'
import type { MessageCodec } from '../../../messaging/message-codec.js'
import type { PullSource } from '../../../messaging/pulled-delivery.js'
import type { EngineConnection, Msg } from '../connection.js'
import { deliveryOf } from '../delivery.js'
import { Pull } from '../pull.js'
import { bufferOf } from '../queue/replies.js'
import { retrying } from '../retrying.js'
import { nanosOf } from '../streams.js'
import {
  bucketStream,
  FOREIGN_EPOCH,
  readValueHead,
  type ValueHead,
  valueSubject,
  whatOfCell,
} from './cell-bucket.js'

export type ValueItem = readonly [value: unknown, info: ValueInfo]

/** Only the newest value counts, so a few requests at once are enough. */
const ROOM = 8
/** The server deletes a consumer whose program is gone. */
const INACTIVE_MS = 300_000

export interface ValueSourceOptions {
  readonly connection: EngineConnection
  readonly name: string
  readonly codec: MessageCodec
  readonly onValue: (head: ValueHead) => void
  readonly onReady: () => void
  readonly onEnding: (error: Error | undefined) => void
}

interface Held {
  readonly head: ValueHead
  readonly sequence: number
  readonly bytes: Buffer
  readonly initial: boolean
}

/** The values of a cell, from a consumer of its key. It keeps the newest one. */
export class ValueSource implements PullSource<ValueItem> {
  readonly #options: ValueSourceOptions
  readonly #pull: Pull
  #held: Held | undefined
  /** Of the value that was taken last. */
  #takenSequence = 0
  #decoded: { readonly sequence: number; readonly value: unknown } | undefined
  #isWaiting = false
  #onFirst: (() => void) | undefined
  #end: { readonly error: Error | undefined } | undefined

  constructor(options: ValueSourceOptions) {
    const { connection, name } = options
    this.#options = options
    this.#pull = new Pull(connection, {
      what: whatOfCell(name),
      stream: bucketStream(connection),
      ensureConsumer: () => this.#createConsumer(),
      onMessage: (message, isLate) => this.#onMessage(message, isLate),
      onEnd: (error) => this.#finish(error),
    })
  }

  /** Resolves when there is a value. The caller has checked that the cell exists. */
  async start(): Promise<void> {
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve
    })
    await this.#pull.start()
    this.#pull.setRoom(ROOM)
    await first
    if (this.#end?.error !== undefined) throw this.#end.error
  }

  get head(): ValueHead {
    return this.#value.head
  }

  /** Returns the same object until the value changes. Throws `CODEC`. */
  get(): unknown {
    const { sequence, bytes } = this.#value
    if (this.#decoded?.sequence !== sequence)
      this.#decoded = { sequence, value: this.#options.codec.decode(Buffer.from(bytes)) }
    return this.#decoded.value
  }

  get lastBytes(): number {
    return this.#value.bytes.length
  }

  get end(): { readonly error: Error | undefined } | undefined {
    return this.#end
  }

  take(): ValueItem | undefined {
    const { head, sequence, initial } = this.#value
    if (sequence === this.#takenSequence) return undefined
    this.#takenSequence = sequence
    try {
      return [this.get(), { epoch: head.epoch, version: head.version, initial }]
    } catch (error) {
      this.#finish(error as Error)
      return undefined
    }
  }

  request(): void {
    this.#isWaiting = true
    if (this.#held?.sequence !== this.#takenSequence || this.#end !== undefined) this.#options.onReady()
  }

  release(): void {
    this.#isWaiting = false
  }

  close(): void {
    void this.#pull.stop()
  }

  get #value(): Held {
    if (this.#held === undefined)
      throw new ShmwireError(ErrorCode.INVALID_STATE, `${whatOfCell(this.#options.name)} has no value yet`)
    return this.#held
  }

  #onMessage(message: Msg, isLate: boolean): void {
    this.#pull.setRoom(ROOM)
    if (isLate || this.#end !== undefined) return
    const { name, codec } = this.#options
    try {
      const { streamSequence: sequence } = deliveryOf(message)
      if (sequence <= (this.#held?.sequence ?? 0)) return
      // A marker of the key-value store for a deleted key has no value.
      if ((message.headers?.get('KV-Operation') ?? '') !== '') return
      const known = readValueHead(message.headers, whatOfCell(name))
      if (known !== undefined) codec.assertSame(known.codec, whatOfCell(name))
      const head = known ?? { epoch: FOREIGN_EPOCH, version: sequence, codec: codec.name }
      this.#held = { head, sequence, bytes: bufferOf(message.data), initial: this.#held === undefined }
      this.#options.onValue(head)
    } catch (error) {
      this.#finish(error as Error)
    }
    this.#onFirst?.()
    this.#onFirst = undefined
    if (this.#isWaiting) this.#options.onReady()
  }

  #finish(error: Error | undefined): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#onFirst?.()
    if (this.#held === undefined) return
    this.#options.onEnding(error)
    this.#options.onReady()
  }

  async #createConsumer(): Promise<string> {
    const { connection, name } = this.#options
    const consumer = await retrying(() =>
      connection.manager.consumers.add(bucketStream(connection), {
        ack_policy: 'none',
        deliver_policy: 'last_per_subject',
        filter_subject: valueSubject(connection, name),
        inactive_threshold: nanosOf(INACTIVE_MS),
        mem_storage: true,
        num_replicas: 1,
      }),
    )
    return consumer.name
  }
}
