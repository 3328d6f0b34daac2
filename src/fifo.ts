/** Slots of a queue's first segment. Each further segment has twice as many, up to the maximum. Powers of two. */
const SLOTS_MIN = 16
const SLOTS_MAX = 1024

/** An empty queue keeps a segment of up to this length, so that steady traffic needs no allocation. */
const SLOTS_KEPT = 128

/** A circular buffer. */
class Segment<T> {
  readonly slots: (T | undefined)[]
  /** Index of the oldest item. */
  head = 0
  count = 0
  next: Segment<T> | undefined

  constructor(length: number) {
    // oxlint-disable-next-line unicorn/no-new-array -- a known length, so that it never grows
    this.slots = new Array<T | undefined>(length)
  }
}

/**
 * A queue with constant time for `push` and `shift` at any length: a list of circular buffers, after the fixed-queue of Node and undici.
 * `Array.prototype.shift` moves a long array for each item. The queue drops its references to removed items and empty segments.
 */
export class Fifo<T> {
  #first = new Segment<T>(SLOTS_MIN)
  #last = this.#first
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The oldest item; undefined when the queue is empty. */
  get first(): T | undefined {
    return this.#first.slots[this.#first.head]
  }

  push(item: T): void {
    let last = this.#last
    if (last.count === last.slots.length) {
      last.next = new Segment<T>(Math.min(last.slots.length * 2, SLOTS_MAX))
      last = last.next
      this.#last = last
    }
    last.slots[(last.head + last.count) & (last.slots.length - 1)] = item
    last.count += 1
    this.#length += 1
  }

  /** Removes and returns the oldest item; undefined when the queue is empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const first = this.#first
    const item = first.slots[first.head]
    first.slots[first.head] = undefined
    first.head = (first.head + 1) & (first.slots.length - 1)
    first.count -= 1
    this.#length -= 1
    if (first.count === 0) this.#leave(first)
    return item
  }

  clear(): void {
    this.#first = new Segment<T>(SLOTS_MIN)
    this.#last = this.#first
    this.#length = 0
  }

  /** Keeps the invariant that the first segment is empty only if the whole queue is empty. */
  #leave(segment: Segment<T>): void {
    if (segment.next !== undefined) this.#first = segment.next
    else if (segment.slots.length > SLOTS_KEPT) this.clear()
  }
}
