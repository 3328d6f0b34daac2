import { setImmediate } from '../../host.js'
import type { Conversation } from '../attach/conversation.js'
import { receivedError } from '../carried-error.js'
import type { EncodedValue } from './read-cell.js'
import type { ValueEvents, ValueSource } from './value-source.js'
import { encodeTaken, readValue } from './watch-frames.js'

/** The values that a cell sends over a stream. Only the newest one is kept. */
export class StreamSource implements ValueSource {
  readonly #conversation: Conversation
  readonly #events: ValueEvents
  #newest: EncodedValue
  /** `onReady` is due for a version above this one. */
  #after: number | undefined
  #closed = false

  /** `first` is the first value, which is acknowledged already. */
  constructor(conversation: Conversation, first: EncodedValue, events: ValueEvents) {
    this.#conversation = conversation
    this.#newest = first
    this.#events = events
    void this.#receive()
  }

  readNewer(after: number): EncodedValue | undefined {
    return this.#newest.version > after ? this.#newest : undefined
  }

  request(after: number): void {
    this.#after = after
    if (this.#newest.version > after) setImmediate(() => this.#notify())
  }

  release(): void {
    this.#after = undefined
  }

  close(): void {
    this.#closed = true
    this.#after = undefined
  }

  /** Never rejects. */
  async #receive(): Promise<void> {
    let failure: Error | undefined
    try {
      for (;;) {
        const result = await this.#conversation.frames.next()
        if (result.done === true || this.#closed) break
        this.#newest = readValue(result.value, this.#newest.version)
        // From here on, `get` returns this version.
        this.#conversation.send(encodeTaken(this.#newest.version))
        this.#notify()
      }
    } catch (error) {
      failure = receivedError(error)
    }
    if (!this.#closed) this.#events.onEnd(failure)
  }

  #notify(): void {
    if (this.#after === undefined || this.#newest.version <= this.#after) return
    this.#after = undefined
    this.#events.onReady()
  }
}
