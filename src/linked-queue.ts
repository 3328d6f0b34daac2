/** The fields of an entry for its queue. In a new entry, all three are undefined. */
export interface QueueLinks<T extends QueueLinks<T>> {
  queue: LinkedQueue<T> | undefined
  previous: T | undefined
  next: T | undefined
}

/**
 * A queue that removes any entry in constant time: a doubly linked list through fields of the entries. An entry is in one queue at a
 * time. A removed entry keeps no reference to its neighbours.
 */
export class LinkedQueue<T extends QueueLinks<T>> {
  #first: T | undefined
  #last: T | undefined
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The oldest entry. */
  get first(): T | undefined {
    return this.#first
  }

  push(entry: T): void {
    this.#link(entry, this.#last, undefined)
  }

  unshift(entry: T): void {
    this.#link(entry, undefined, this.#first)
  }

  /** Removes and returns the oldest entry; undefined when the queue is empty. */
  shift(): T | undefined {
    const first = this.#first
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Removes the entry at any position. False: it is not in this queue. */
  remove(entry: T): boolean {
    if (entry.queue !== this) return false
    const { previous, next } = entry
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    entry.queue = undefined
    entry.previous = undefined
    entry.next = undefined
    this.#length -= 1
    return true
  }

  #link(entry: T, previous: T | undefined, next: T | undefined): void {
    entry.queue = this
    entry.previous = previous
    entry.next = next
    if (previous === undefined) this.#first = entry
    else previous.next = entry
    if (next === undefined) this.#last = entry
    else next.previous = entry
    this.#length += 1
  }
}
