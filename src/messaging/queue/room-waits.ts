import { ErrorCode, ShmwireError } from '../../errors.js'
import { LinkedQueue, type QueueLinks } from '../../linked-queue.js'

/** Pushes that wait for room, for all programs together. Each remote program has one message here. */
const WAITS_MAX = 100_000
/** All may have so many bytes, also if the queue has less. */
const BYTES_MIN = 64 * 1024 * 1024

/** One push, or one message of pushes, that waits for room. */
export class RoomWait implements QueueLinks<RoomWait> {
  queue: LinkedQueue<RoomWait> | undefined
  previous: RoomWait | undefined
  next: RoomWait | undefined
  /** Of the jobs. */
  readonly bytes: number
  /** Tries to add the jobs. False: there is no room for the first one. */
  readonly admit: () => boolean
  readonly fail: (error: ShmwireError) => void

  constructor(bytes: number, admit: () => boolean, fail: (error: ShmwireError) => void) {
    this.bytes = bytes
    this.admit = admit
    this.fail = fail
  }
}

/** Pushes that wait for room, in the order of their calls. */
export class RoomWaits {
  readonly #bytesMax: number
  readonly #waiting = new LinkedQueue<RoomWait>()
  #bytes = 0

  /** @param queueBytes those of the queue itself: the jobs that wait may have as many again */
  constructor(queueBytes: number) {
    this.#bytesMax = Math.max(queueBytes, BYTES_MIN)
  }

  get length(): number {
    return this.#waiting.length
  }

  /** Throws `BACKLOG`. */
  add(wait: RoomWait): void {
    const { length } = this.#waiting
    // One alone is within the limit of a message.
    if (length >= WAITS_MAX || (length > 0 && this.#bytes + wait.bytes > this.#bytesMax))
      throw new ShmwireError(
        ErrorCode.BACKLOG,
        `the queue is full, and ${length} pushes of ${this.#bytes} bytes wait for room already; push again later`,
        { executed: 'no' },
      )
    this.#waiting.push(wait)
    this.#bytes += wait.bytes
  }

  remove(wait: RoomWait): boolean {
    if (!this.#waiting.remove(wait)) return false
    this.#bytes -= wait.bytes
    return true
  }

  /** There may be room: adds the jobs of those that have waited longest. */
  admit(): void {
    for (let wait = this.#waiting.first; wait !== undefined; wait = this.#waiting.first) {
      if (!wait.admit()) return
      this.remove(wait)
    }
  }

  /** No room follows. */
  fail(error: ShmwireError): void {
    for (let wait = this.#waiting.first; wait !== undefined; wait = this.#waiting.first) {
      this.remove(wait)
      wait.fail(error)
    }
  }
}
