/** An entry of a `TimerHeap`, in one heap at a time. */
export interface TimerEntry {
  dueMs: number
  /** Its place in the heap; −1: it is in none. */
  heapIndex: number
}

/** A binary heap of entries by their time, from which any entry can be removed in logarithmic time. */
export class TimerHeap<T extends TimerEntry> {
  readonly #entries: T[] = []

  get length(): number {
    return this.#entries.length
  }

  /** The entry with the earliest time. */
  get first(): T | undefined {
    return this.#entries[0]
  }

  add(entry: T): void {
    this.#entries.push(entry)
    this.#rise(entry, this.#entries.length - 1)
  }

  remove(entry: T): void {
    const index = entry.heapIndex
    if (index < 0) return
    entry.heapIndex = -1
    const last = this.#entries.pop() as T
    if (last === entry) return
    this.#place(last, index)
  }

  /** The time of the entry has changed. */
  update(entry: T): void {
    this.#place(entry, entry.heapIndex)
  }

  #place(entry: T, index: number): void {
    const parent = this.#entries[(index - 1) >> 1]
    if (index > 0 && parent !== undefined && parent.dueMs > entry.dueMs) this.#rise(entry, index)
    else this.#sink(entry, index)
  }

  #rise(entry: T, from: number): void {
    const entries = this.#entries
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = entries[parentIndex] as T
      if (parent.dueMs <= entry.dueMs) break
      entries[index] = parent
      parent.heapIndex = index
      index = parentIndex
    }
    entries[index] = entry
    entry.heapIndex = index
  }

  #sink(entry: T, from: number): void {
    const entries = this.#entries
    let index = from
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= entries.length) break
      const right = entries[childIndex + 1]
      if (right !== undefined && right.dueMs < (entries[childIndex] as T).dueMs) childIndex += 1
      const child = entries[childIndex] as T
      if (child.dueMs >= entry.dueMs) break
      entries[index] = child
      child.heapIndex = index
      index = childIndex
    }
    entries[index] = entry
    entry.heapIndex = index
  }
}
