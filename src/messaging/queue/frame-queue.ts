import { Fifo } from '../../fifo.js'

/** A message is sent when it has this length; one frame can be longer. A quarter of the window of a stream, so that four are under way. */
export const MESSAGE_BYTES = 64 * 1024
const MEMORY_BYTES_MIN = 4 * 1024
/** A peer that does not read gets no further job, and is not read, while so many bytes wait for it. */
const WAITING_BYTES_MAX = 1024 * 1024
/** At most, of a message: the metadata of its call. */
const OVERHEAD_BYTES = 512

type Result = IteratorResult<Buffer, undefined>

interface Waiter {
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
}

const DONE: Result = { value: undefined, done: true }

/** The length of a message of many frames, on a channel with this limit. The metadata of a call counts for the limit, too. */
export function combinedBytes(maxMessageBytes: number): number {
  const overhead = Math.min(OVERHEAD_BYTES, maxMessageBytes >> 1)
  return Math.max(1, Math.min(MESSAGE_BYTES, maxMessageBytes - overhead))
}

/**
 * The outgoing messages of a stream: frames that are written in the same turn travel in one message. It is the iterable of the stream, which takes
 * a message when its window has room. A message is valid until the next one is taken.
 */
export class FrameQueue implements AsyncIterable<Buffer> {
  /** The memory for the frame of the last `reserve`. */
  memory: Buffer = Buffer.allocUnsafeSlow(MEMORY_BYTES_MIN)
  #spare: Buffer | undefined
  /** Of the last message that was taken; free when the next one is taken. */
  #taken: Buffer | undefined
  #length = 0
  /** Of complete messages. */
  #queuedBytes = 0
  readonly #messageBytes: number
  /** Called when the queue is not full any more, or has ended. */
  readonly #onRoom: (() => void)[] = []
  readonly #messages = new Fifo<Buffer>()
  #waiter: Waiter | undefined
  #ended = false
  #error: Error | undefined

  constructor(messageBytes = MESSAGE_BYTES) {
    this.#messageBytes = messageBytes
  }

  /** Too many bytes wait for the peer. */
  get isFull(): boolean {
    return this.#queuedBytes + this.#length > WAITING_BYTES_MAX
  }

  /** Calls `onRoom` once, when the queue is not full any more, or has ended. */
  whenRoom(onRoom: () => void): void {
    if (this.isFull && !this.#ended) this.#onRoom.push(onRoom)
    else onRoom()
  }

  /** Bytes that were written and not taken. */
  get hasFrames(): boolean {
    return this.#length > 0 || this.#messages.length > 0
  }

  /** Returns the offset in `memory` of a new frame of this length. */
  reserve(bytes: number): number {
    const length = this.#length
    if (length > 0 && length + bytes > this.#messageBytes) {
      this.#messages.push(this.memory.subarray(0, length))
      this.#queuedBytes += length
      this.memory = Buffer.allocUnsafeSlow(Math.max(this.#messageBytes, bytes))
      this.#length = bytes
      return 0
    }
    if (length + bytes > this.memory.length) this.#grow(length + bytes)
    this.#length = length + bytes
    return length
  }

  /** Lets the stream take what was written. */
  flush(): void {
    const waiter = this.#waiter
    if (waiter === undefined || !this.hasFrames) return
    this.#waiter = undefined
    waiter.resolve({ value: this.#take(), done: false })
  }

  /** The stream ends after the messages that are written. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.flush()
    this.#waiter?.resolve(DONE)
    this.#waiter = undefined
    this.#hasRoom()
  }

  /** The stream fails now. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#drop()
    this.#waiter?.reject(error)
    this.#waiter = undefined
    this.#hasRoom()
  }

  next(): Promise<Result> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.hasFrames) return Promise.resolve({ value: this.#take(), done: false })
    if (this.#ended) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
    })
  }

  /** The stream takes no further message. */
  return(): Promise<Result> {
    this.#ended = true
    this.#drop()
    this.#waiter?.resolve(DONE)
    this.#waiter = undefined
    this.#hasRoom()
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #take(): Buffer {
    const message = this.#takeMessage()
    if (!this.isFull) this.#hasRoom()
    return message
  }

  #takeMessage(): Buffer {
    const first = this.#messages.shift()
    if (first !== undefined) {
      this.#queuedBytes -= first.length
      return first
    }
    const message = this.memory.subarray(0, this.#length)
    this.#spare = this.#taken
    this.#taken = this.memory.length <= MESSAGE_BYTES ? this.memory : undefined
    this.memory = this.#spare ?? Buffer.allocUnsafeSlow(MEMORY_BYTES_MIN)
    this.#spare = undefined
    this.#length = 0
    return message
  }

  #drop(): void {
    this.#length = 0
    this.#queuedBytes = 0
    this.#messages.clear()
  }

  #hasRoom(): void {
    for (const onRoom of this.#onRoom.splice(0)) onRoom()
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(2 * this.memory.length, MESSAGE_BYTES)))
    this.memory.copy(larger, 0, 0, this.#length)
    this.memory = larger
  }
}
