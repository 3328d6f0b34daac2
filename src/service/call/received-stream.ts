import { AsyncQueue } from '../../async-queue.js'
import { Fifo } from '../../fifo.js'
import type { CallStream } from '../contract/contract-types.js'
import { type Grant, ReceiveWindow } from './send-window.js'

/** The call of a stream. */
export interface StreamOwner {
  /** The program has taken messages: the sender may send as many more. */
  readonly grant: Grant
  /** The program has left the loop before the end. */
  abandon(): void
}

/** The received messages of a stream. */
export class ReceivedStream<T = unknown> implements CallStream<T> {
  readonly #queue: AsyncQueue<T>
  /** Of the messages in the queue, in its order. */
  readonly #sizes = new Fifo<number>()
  readonly #window: ReceiveWindow
  readonly #owner: StreamOwner
  #iterator: AsyncIterableIterator<T, undefined> | undefined
  #ended = false
  #arrived = 0
  #taken = 0
  /** Of the tracked messages that the loop has not taken. Most streams have none. */
  #events: Fifo<{ readonly message: number; readonly id: string }> | undefined
  #lastEventId: string | undefined

  constructor(owner: StreamOwner) {
    this.#owner = owner
    this.#window = new ReceiveWindow((messages, bytes, granted) => {
      if (!this.#ended) owner.grant(messages, bytes, granted)
    })
    this.#queue = new AsyncQueue<T>(() => this.#takenByLoop(this.#sizes.shift() as number))
  }

  /** The id of the last tracked message that the loop has taken, for `lastEventId` of the next call. */
  get lastEventId(): string | undefined {
    return this.#lastEventId
  }

  /** A message has arrived. False: the sender ignores the window. */
  push(message: T, bytes: number, eventId: string | undefined): boolean {
    if (!this.#window.received(bytes)) return false
    // The program has left the loop, and this message was on its way.
    if (this.#ended) return true
    this.#arrived += 1
    if (eventId !== undefined) {
      this.#events ??= new Fifo()
      this.#events.push({ message: this.#arrived, id: eventId })
    }
    if (this.#queue.push(message)) this.#sizes.push(bytes)
    else this.#takenByLoop(bytes)
    return true
  }

  /** No message follows. The loop ends after the held ones; it throws `error`, if there is one. */
  end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#queue.end(error)
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#started().next()
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#started().return?.()
    return { value: undefined, done: true }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #takenByLoop(bytes: number): void {
    this.#taken += 1
    const event = this.#events?.first
    if (event?.message === this.#taken) {
      this.#lastEventId = event.id
      this.#events?.shift()
    }
    this.#window.taken(bytes)
  }

  #started(): AsyncIterableIterator<T, undefined> {
    this.#iterator ??= this.#queue.iterate(() => {
      if (this.#ended) return
      this.#ended = true
      this.#queue.clear()
      this.#queue.end()
      this.#owner.abandon()
    })
    return this.#iterator
  }
}
