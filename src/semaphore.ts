import { Fifo } from './fifo.js'

/** Lets a limited number of tasks run at once. The others wait in the order of their calls. */
export class Semaphore {
  readonly #waiting = new Fifo<() => void>()
  #free: number

  constructor(count: number) {
    this.#free = count
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}
