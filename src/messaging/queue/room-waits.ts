import { ErrorCode, ShmwireError } from '../../errors.js'
import { LinkedQueue, type QueueLinks } from '../../linked-queue.js'

/** Pushes that wait for room, for all programs together. Each remote program has one message here. */
const WAITS_MAX = 100_000

/** One push, or one message of pushes, that waits for room. */
export class RoomWait implements QueueLinks<RoomWait> {
  queue: LinkedQueue<RoomWait> | undefined
  previous: RoomWait | undefined
  next: RoomWait | undefined
  /** Tries to add the jobs. False: there is no room for the first one. */
  readonly admit: () => boolean
  readonly fail: (error: ShmwireError) => void

  constructor(admit: () => boolean, fail: (error: ShmwireError) => void) {
    this.admit = admit
    this.fail = fail
  }
}

/** Pushes that wait for room, in the order of their calls. */
export class RoomWaits {
  readonly #waiting = new LinkedQueue<RoomWait>()

  get length(): number {
    return this.#waiting.length
  }

  /** Throws `BACKLOG`. */
  add(wait: RoomWait): void {
    if (this.#waiting.length >= WAITS_MAX)
      throw new ShmwireError(
        ErrorCode.BACKLOG,
        `the queue is full, and ${WAITS_MAX} pushes wait for room already; push again later`,
        { executed: 'no' },
      )
    this.#waiting.push(wait)
  }

  remove(wait: RoomWait): boolean {
    return this.#waiting.remove(wait)
  }

  /** There may be room: adds the jobs of those that have waited longest. */
  admit(): void {
    for (let wait = this.#waiting.first; wait !== undefined; wait = this.#waiting.first) {
      if (!wait.admit()) return
      this.#waiting.remove(wait)
    }
  }

  /** No room follows. */
  fail(error: ShmwireError): void {
    for (let wait = this.#waiting.shift(); wait !== undefined; wait = this.#waiting.shift()) wait.fail(error)
  }
}
