import { ErrorCode, ShmwireError } from '../errors.js'
import { Fifo } from '../fifo.js'

/** A message and the memory that it is charged. */
interface Held {
  readonly message: unknown
  readonly bytes: number
}

/** Beyond either, the sender is stopped: enough for a batch, little enough to forget. */
const HELD_MESSAGES_MAX = 256
const HELD_BYTES_MAX = 256 * 1024

/**
 * What may be held where the link must read on, because what this side waits for may be behind the messages: the answer to a
 * blocking call, or the peer's CLOSE. Beyond either, memory would be the peer's choice.
 */
export const BACKLOG_MESSAGES_MAX = 1024 * 1024
export const BACKLOG_BYTES_MAX = 256 * 1024 * 1024

/**
 * The messages that have arrived and that nobody has taken: those of an iterator that is busy, and those
 * that came before there was any consumer.
 */
export class Inbox {
  readonly #held = new Fifo<Held>()
  #heldBytes = 0
  /** What the message that was held last is a part of: a slab, or the chunk of a socket, which one small message keeps alive. */
  #memory: ArrayBufferLike | undefined
  #iterator: MessageIterator | undefined
  #end: { readonly error: Error | undefined } | undefined
  readonly #onRoom: () => void

  /** `onRoom` runs whenever messages have left an inbox that was full. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom
  }

  get full(): boolean {
    return this.messages >= HELD_MESSAGES_MAX || this.#heldBytes >= HELD_BYTES_MAX
  }

  /** More is held than a wait for what is behind the messages allows. */
  get overflows(): boolean {
    return this.messages > BACKLOG_MESSAGES_MAX || this.#heldBytes > BACKLOG_BYTES_MAX
  }

  get messages(): number {
    return this.#held.length
  }

  get bytes(): number {
    return this.#heldBytes
  }

  get empty(): boolean {
    return this.#held.length === 0
  }

  get iterating(): boolean {
    return this.#iterator !== undefined
  }

  /**
   * Gives the message to a waiting iterator or holds it. It is charged `bytes`, and the whole `memory` that it is a part of unless
   * the message before it was charged that.
   */
  push(message: unknown, bytes: number, memory?: ArrayBufferLike): void {
    if (this.#iterator?.give(message)) return
    const charged = memory === undefined || memory === this.#memory ? bytes : bytes + memory.byteLength
    this.#memory = memory
    this.#held.push({ message, bytes: charged })
    this.#heldBytes += charged
  }

  /** The oldest message that is held. The inbox must not be empty. */
  shift(): unknown {
    const wasFull = this.full
    const held = this.#held.shift() as Held
    this.#heldBytes -= held.bytes
    if (this.empty) this.#memory = undefined
    if (wasFull && !this.full) this.#onRoom()
    return held.message
  }

  /** Forgets what is held. */
  clear(): void {
    this.#held.clear()
    this.#heldBytes = 0
    this.#memory = undefined
  }

  /** The end of the messages: in order, or with the error that an iterator throws once it has given all that is held. */
  end(error: Error | undefined): void {
    this.#end = { error }
    this.#iterator?.endWaiting()
  }

  /** One iterator at a time: two would each get some of the messages. `onDone` runs when its loop is over. */
  iterate(onDone: () => void): AsyncIterableIterator<unknown, undefined> {
    if (this.#iterator !== undefined) {
      throw new ShmwireError(
        ErrorCode.INVALID_ARGUMENT,
        'a for await loop already takes them; end that loop first',
      )
    }
    this.#iterator = new MessageIterator({
      take: () => (this.empty ? undefined : { message: this.shift() }),
      end: () => this.#end,
      done: () => {
        this.#iterator = undefined
        onDone()
      },
    })
    return this.#iterator
  }
}

interface Source {
  take(): { message: unknown } | undefined
  end(): { readonly error: Error | undefined } | undefined
  done(): void
}

type Result = IteratorResult<unknown, undefined>

interface Waiter {
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
}

class MessageIterator implements AsyncIterableIterator<unknown, undefined> {
  readonly #source: Source
  readonly #waiting = new Fifo<Waiter>()
  #done = false

  constructor(source: Source) {
    this.#source = source
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.#done) return Promise.resolve({ value: undefined, done: true })
    const taken = this.#source.take()
    if (taken !== undefined) return Promise.resolve({ value: taken.message, done: false })
    const end = this.#source.end()
    if (end !== undefined) return this.#finish(end.error)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  /** The loop was left: what it has not taken stays for the next consumer. */
  return(): Promise<Result> {
    return this.#finish(undefined)
  }

  /** True: a call of next() waited for just this. */
  give(message: unknown): boolean {
    const waiter = this.#waiting.shift()
    waiter?.resolve({ value: message, done: false })
    return waiter !== undefined
  }

  endWaiting(): void {
    const end = this.#source.end()
    if (end === undefined) return
    const first = this.#waiting.shift()
    if (first !== undefined) void this.#finish(end.error).then(first.resolve, first.reject)
  }

  #finish(error: Error | undefined): Promise<Result> {
    if (!this.#done) {
      this.#done = true
      this.#source.done()
      for (let waiter = this.#waiting.shift(); waiter !== undefined; waiter = this.#waiting.shift())
        waiter.resolve({ value: undefined, done: true })
    }
    return error === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error)
  }
}
