/** Slots of a queue's first segment. Each further segment has twice as many, up to the maximum. Powers of two. */
const SLOTS_MIN = 16
const SLOTS_MAX = 1024

/** An empty queue keeps a segment of up to this length, so that a steady flow allocates nothing. */
const SLOTS_KEPT = 128

/** A ring of slots. */
class Segment<T> {
  readonly slots: (T | undefined)[]
  /** Index of the oldest item. */
  head = 0
  count = 0
  next: Segment<T> | undefined

  constructor(length: number) {
    // oxlint-disable-next-line unicorn/no-new-array -- of known length, so that it never grows
    this.slots = new Array<T | undefined>(length)
  }
}

/**
 * A queue whose `push` and `shift` take constant time, however long it is: a list of rings, after the
 * fixed-queue of Node and undici. `Array.prototype.shift` moves a long array for each item that leaves it.
 * An item that has left is not referenced any more, and neither is a segment that is empty.
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

  /** Removes all items. */
  clear(): void {
    this.#first = new Segment<T>(SLOTS_MIN)
    this.#last = this.#first
    this.#length = 0
  }

  /** Invariant: the first segment is empty only while the whole queue is. */
  #leave(segment: Segment<T>): void {
    if (segment.next !== undefined) this.#first = segment.next
    else if (segment.slots.length > SLOTS_KEPT) this.clear()
  }
}
