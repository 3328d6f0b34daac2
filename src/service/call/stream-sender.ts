import { nextTick, nowMs } from '../../host.js'
import { BATCH_BYTES_MAX, BATCH_MESSAGE_BYTES_MAX, BATCH_MESSAGES, Batch } from '../../wire/call-batches.js'
import type { AnswerParts, EncodedMessage } from '../../wire/call-records.js'
import type { SendWindow } from './send-window.js'
import type { StreamTarget } from './stream-pump.js'

/** A message waits so long for further ones of an iterable that needs long for each. */
const BATCH_MS_MAX = 0.02

/** The side of a call that sends a stream. `taken` runs when the link has the record, at once or later. After the end of the call, nothing is sent. */
export interface StreamRecords {
  /** See StreamTarget. */
  check(message: unknown): PromiseLike<unknown> | undefined
  /** The parts that a record of its own carries beside the message. */
  partsOf(message: unknown): AnswerParts | undefined
  /** The message without those parts, valid until the next one is encoded. Throws `CODEC`. */
  encode(message: unknown): EncodedMessage
  /** Throws `MESSAGE_TOO_LARGE`. */
  sendOne(message: EncodedMessage, parts: AnswerParts | undefined, taken: () => void): void
  /** The payload is valid for this call only. */
  sendBatch(payload: Buffer, taken: () => void): void
  /** The longest payload. */
  readonly bytesMax: number
}

/**
 * Sends the messages of one stream. Short ones that follow at once travel together. While a record waits for room, no message is taken, so
 * a full link holds little of each stream.
 */
export class StreamSender implements StreamTarget {
  lastBytes = 0
  readonly #records: StreamRecords
  readonly #window: SendWindow
  readonly #mayBatch: boolean
  #batch: Batch | undefined
  #batchBeganMs = 0
  #flushes = false
  /** Records that wait for room. */
  #waiting = 0
  #wake: (() => void) | undefined

  constructor(records: StreamRecords, window: SendWindow) {
    this.#records = records
    this.#window = window
    this.#mayBatch = records.bytesMax >= BATCH_BYTES_MAX
  }

  check(message: unknown): PromiseLike<unknown> | undefined {
    return this.#records.check(message)
  }

  send(message: unknown): Promise<void> | undefined {
    const records = this.#records
    const parts = records.partsOf(message)
    const encoded = records.encode(message)
    const { length } = encoded.bytes
    this.lastBytes = length
    this.#window.sent(length)
    if (parts !== undefined || length > BATCH_MESSAGE_BYTES_MAX || !this.#mayBatch) {
      this.#sendBatch()
      this.#waiting += 1
      records.sendOne(encoded, parts, this.#taken)
    } else this.#add(encoded)
    return this.#room()
  }

  flush(): Promise<void> | undefined {
    this.#sendBatch()
    return this.#room()
  }

  flushSoon(): void {
    if (this.#batch === undefined || this.#flushes) return
    this.#flushes = true
    nextTick(this.#flushNow)
  }

  #add(message: EncodedMessage): void {
    const batch = this.#batch
    if (batch?.add(message) === true) {
      if (this.#isDue(batch)) this.#sendBatch()
      return
    }
    this.#sendBatch()
    this.#batch = new Batch()
    this.#batch.add(message)
    this.#batchBeganMs = nowMs()
  }

  /** Reads the clock after 2, 4, 8 and 16 messages. */
  #isDue({ count }: Batch): boolean {
    if (count === BATCH_MESSAGES) return true
    return (count & (count - 1)) === 0 && nowMs() - this.#batchBeganMs > BATCH_MS_MAX
  }

  #sendBatch(): void {
    const batch = this.#batch
    if (batch === undefined) return
    this.#batch = undefined
    this.#waiting += 1
    this.#records.sendBatch(batch.payload(), this.#taken)
  }

  #room(): Promise<void> | undefined {
    if (this.#waiting === 0) return undefined
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  readonly #taken = (): void => {
    this.#waiting -= 1
    if (this.#waiting > 0) return
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  readonly #flushNow = (): void => {
    this.#flushes = false
    this.#sendBatch()
  }
}
