import { AsyncQueue } from '../async-queue.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { Fifo } from '../fifo.js'

/** At either limit the sender is stopped: enough for a batch, and little memory. */
const HELD_MESSAGES_MAX = 256
const HELD_BYTES_MAX = 256 * 1024

/**
 * The limits where the link must read on, because the record that this side waits for may come
 * after the messages: a reply to a blocking call, or the peer's CLOSE. Without them the peer would choose
 * how much memory this side uses.
 */
const BACKLOG_MESSAGES_MAX = 1024 * 1024
const BACKLOG_BYTES_MAX = 256 * 1024 * 1024

/** The messages that have arrived before a consumer takes them. */
export class ReceiveQueue {
  readonly #messages = new AsyncQueue<unknown>(() => this.#taken())
  /** The memory that each message counts for. */
  readonly #charges = new Fifo<number>()
  #bytes = 0
  /** The memory of the last message: a slab, or the chunk of a socket, which one small message keeps alive. */
  #memory: ArrayBufferLike | undefined
  readonly #onRoom: () => void
  readonly #onEmpty: () => void

  /** `onRoom` runs when the queue was full and is not any more, `onEmpty` when the last message was taken. */
  constructor(onRoom: () => void, onEmpty: () => void = () => {}) {
    this.#onRoom = onRoom
    this.#onEmpty = onEmpty
  }

  get full(): boolean {
    return this.#isFullWith(this.#messages.length)
  }

  /** More is held than a wait for a record after the messages allows. */
  get overflows(): boolean {
    return this.#messages.length > BACKLOG_MESSAGES_MAX || this.#bytes > BACKLOG_BYTES_MAX
  }

  overflowError(event: string, remedy: string): ShmwireError {
    return new ShmwireError(
      ErrorCode.BACKLOG,
      `${this.#messages.length} messages in ${this.#bytes} bytes of memory ${event}, more than ${BACKLOG_MESSAGES_MAX} ` +
        `messages or ${BACKLOG_BYTES_MAX} bytes; ${remedy}`,
    )
  }

  get empty(): boolean {
    return this.#messages.length === 0
  }

  get iterating(): boolean {
    return this.#messages.iterating
  }

  /**
   * Delivers the message to a waiting iterator, or holds it. It counts for `bytes`, and for the whole
   * `memory` that it is a part of, unless the message before it already counts for that.
   */
  push(message: unknown, bytes: number, memory?: ArrayBufferLike): void {
    if (!this.#messages.push(message)) return
    const charged = memory === undefined || memory === this.#memory ? bytes : bytes + memory.byteLength
    this.#memory = memory
    this.#charges.push(charged)
    this.#bytes += charged
  }

  /** Removes and returns the oldest message; undefined when the queue is empty. */
  shift(): unknown {
    return this.#messages.shift()
  }

  /** Drops all messages. */
  clear(): void {
    this.#messages.clear()
    this.#charges.clear()
    this.#bytes = 0
    this.#memory = undefined
  }

  /** No message follows. After the held ones, an iterator ends, or throws `error`. */
  end(error: Error | undefined): void {
    this.#messages.end(error)
  }

  /** One iterator at a time: two would each get some of the messages. `onDone` runs when its loop ends. */
  iterate(onDone: () => void): AsyncIterableIterator<unknown, undefined> {
    return this.#messages.iterate(onDone)
  }

  #isFullWith(messages: number): boolean {
    return messages >= HELD_MESSAGES_MAX || this.#bytes >= HELD_BYTES_MAX
  }

  #taken(): void {
    const wasFull = this.#isFullWith(this.#messages.length + 1)
    this.#bytes -= this.#charges.shift() as number
    if (this.empty) {
      this.#memory = undefined
      this.#onEmpty()
    }
    if (wasFull && !this.full) this.#onRoom()
  }
}
