import { setImmediate } from '../../host.js'
import type { CallStream } from '../../service/contract/contract-types.js'
import { corrupt } from '../attach/control-frame.js'
import { receivedError } from '../carried-error.js'
import { loadBatch } from './batch-frame.js'
import type { BatchSource, SourceEvents } from './batch-source.js'
import { MessageCursor } from './message-cursor.js'

/** Batches that the topic sends over a stream, whose window bounds those that wait. */
export class FeedSource implements BatchSource {
  readonly cursor = new MessageCursor()
  readonly #stream: CallStream<Buffer>
  readonly #events: SourceEvents
  /** Received, and not loaded yet. */
  #frame: Buffer | undefined
  #reading = false
  #wanted = false
  #scheduled = false
  #closed = false
  /** Of the next message. */
  #sequence: number
  end: { readonly error: Error | undefined } | undefined

  /** `sequence` is that of the first message that arrives or is lost. */
  constructor(stream: CallStream<Buffer>, sequence: number, events: SourceEvents) {
    this.#stream = stream
    this.#sequence = sequence
    this.#events = events
  }

  read(): boolean {
    const frame = this.#frame
    if (frame === undefined) return false
    this.#frame = undefined
    const fault = loadBatch(this.cursor, frame, this.#sequence)
    if (fault === undefined) {
      this.#sequence = this.cursor.endSequence
      return true
    }
    this.end = { error: corrupt('the topic', fault) }
    void this.#stream.return()
    return false
  }

  request(): void {
    this.#wanted = true
    if (this.#frame !== undefined || this.end !== undefined) this.#readyLater()
    else if (!this.#reading) void this.#next()
  }

  release(): void {
    this.#wanted = false
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#wanted = false
    this.#frame = undefined
    this.cursor.clear()
    void this.#stream.return()
  }

  async #next(): Promise<void> {
    this.#reading = true
    try {
      const result = await this.#stream.next()
      if (result.done === true) this.end ??= { error: undefined }
      else this.#frame = result.value
    } catch (error) {
      this.end ??= { error: receivedError(error) }
    }
    this.#reading = false
    if (this.#wanted) this.#events.onReady()
    else if (this.end !== undefined && !this.#closed) this.#events.onEnding(this.end.error)
  }

  #readyLater(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#wanted) this.#events.onReady()
    })
  }
}
