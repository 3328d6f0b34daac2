import { ErrorCode, ShmwireError } from './errors.js'
import { Fifo } from './fifo.js'

/** A queue that one `for await` loop at a time reads. The owner can also take the items itself. */
export class AsyncQueue<T> {
  readonly #items = new Fifo<T>()
  readonly #onShift: () => void
  #iterator: QueueIterator<T> | undefined
  #end: QueueEnd | undefined

  /** `onShift` runs after each item that leaves the queue by `shift` or through the loop. It does not run for a direct transfer. */
  constructor(onShift: () => void = () => {}) {
    this.#onShift = onShift
  }

  get length(): number {
    return this.#items.length
  }

  get iterating(): boolean {
    return this.#iterator !== undefined
  }

  /** True: the queue holds the item. False: a waiting loop received it directly. */
  push(item: T): boolean {
    if (this.#iterator?.deliver(item) === true) return false
    this.#items.push(item)
    return true
  }

  /** Removes and returns the oldest item; undefined when the queue is empty. */
  shift(): T | undefined {
    if (this.#items.length === 0) return undefined
    const item = this.#items.shift()
    this.#onShift()
    return item
  }

  /** Removes all items, without `onShift`. */
  clear(): void {
    this.#items.clear()
  }

  /** No more items will follow. The loop ends after the items that are held; it throws `error`, if there is one. */
  end(error?: Error): void {
    this.#end = { error }
    this.#iterator?.endWaiting(this.#end)
  }

  /** Only one loop at a time, because two would each receive some of the items. `onDone` runs when the loop ends. */
  iterate(onDone: () => void): AsyncIterableIterator<T, undefined> {
    if (this.#iterator !== undefined)
      throw new ShmwireError(ErrorCode.INVALID_STATE, 'another for await loop is running; end it first')
    this.#iterator = new QueueIterator(this, {
      end: () => this.#end,
      done: () => {
        this.#iterator = undefined
        onDone()
      },
    })
    return this.#iterator
  }
}

interface QueueEnd {
  readonly error: Error | undefined
}

interface IteratorOwner {
  end(): QueueEnd | undefined
  done(): void
}

type Result<T> = IteratorResult<T, undefined>

interface Waiter<T> {
  readonly resolve: (result: Result<T>) => void
  readonly reject: (error: Error) => void
}

class QueueIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #queue: AsyncQueue<T>
  readonly #owner: IteratorOwner
  readonly #waiting = new Fifo<Waiter<T>>()
  #done = false

  constructor(queue: AsyncQueue<T>, owner: IteratorOwner) {
    this.#queue = queue
    this.#owner = owner
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result<T>> {
    if (this.#done) return Promise.resolve({ value: undefined, done: true })
    if (this.#queue.length > 0) return Promise.resolve({ value: this.#queue.shift() as T, done: false })
    const end = this.#owner.end()
    if (end !== undefined) return this.#finish(end.error)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  /** The user left the loop. The items that it has not taken stay in the queue. */
  return(): Promise<Result<T>> {
    return this.#finish(undefined)
  }

  /** True: a call of `next` was waiting and received the item. */
  deliver(item: T): boolean {
    const waiter = this.#waiting.shift()
    waiter?.resolve({ value: item, done: false })
    return waiter !== undefined
  }

  endWaiting({ error }: QueueEnd): void {
    const first = this.#waiting.shift()
    if (first !== undefined) void this.#finish(error).then(first.resolve, first.reject)
  }

  #finish(error: Error | undefined): Promise<Result<T>> {
    if (!this.#done) {
      this.#done = true
      this.#owner.done()
      for (let waiter = this.#waiting.shift(); waiter !== undefined; waiter = this.#waiting.shift())
        waiter.resolve({ value: undefined, done: true })
    }
    return error === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error)
  }
}
