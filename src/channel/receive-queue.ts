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

/** A message with more can fill the queue alone. */
const LONE_BYTES_MAX = 8 * 1024

/** No message: every other value can be one. */
const NONE = Symbol('none')

/** The messages that have arrived before a consumer takes them. */
export class ReceiveQueue {
  /**
   * The only held message, if it is short; all else is empty then. It counts for nothing, because to read the memory of a payload takes as long
   * as to create a Buffer, and a blocking call that waits takes each message at once.
   */
  #lone: unknown = NONE
  #loneBytes = 0
  #lonePayload: Uint8Array | undefined
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
    return this.#lone === NONE && this.#messages.length === 0
  }

  get iterating(): boolean {
    return this.#messages.iterating
  }

  /**
   * Delivers the message to a waiting iterator, or holds it. It counts for `bytes`, and for the whole
   * memory of its `payload`, unless the message before it already counts for that.
   */
  push(message: unknown, bytes: number, payload?: Uint8Array): void {
    const keptBytes = payload === undefined ? bytes : bytes + payload.length
    if (keptBytes <= LONE_BYTES_MAX && this.empty && !this.#messages.iterating) {
      this.#lone = message
      this.#loneBytes = bytes
      this.#lonePayload = payload
      return
    }
    this.#countLone()
    this.#hold(message, bytes, payload)
  }

  #hold(message: unknown, bytes: number, payload: Uint8Array | undefined): void {
    if (!this.#messages.push(message)) return
    const memory = payload?.buffer
    const charged = memory === undefined || memory === this.#memory ? bytes : bytes + memory.byteLength
    this.#memory = memory
    this.#charges.push(charged)
    this.#bytes += charged
  }

  /** Removes and returns the oldest message; undefined when the queue is empty. */
  shift(): unknown {
    const lone = this.#lone
    if (lone === NONE) return this.#messages.shift()
    this.#forgetLone()
    this.#onEmpty()
    return lone
  }

  /** Drops all messages. */
  clear(): void {
    this.#forgetLone()
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
    this.#countLone()
    return this.#messages.iterate(onDone)
  }

  /** A further message follows, or a loop takes the messages. */
  #countLone(): void {
    const lone = this.#lone
    if (lone === NONE) return
    const payload = this.#lonePayload
    this.#forgetLone()
    this.#hold(lone, this.#loneBytes, payload)
  }

  #forgetLone(): void {
    this.#lone = NONE
    this.#lonePayload = undefined
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
