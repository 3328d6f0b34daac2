import { Fifo } from '../../fifo.js'

/** A push that the queue has not confirmed. The frame is that of its job. */
export interface WaitingPush {
  readonly frame: Buffer
}

/** Pushes in their order. Those that come back stand at the front again. */
export class PushLine<T extends WaitingPush> {
  /** The last one is the first of the line. */
  #front: T[] = []
  readonly #rest = new Fifo<T>()

  get length(): number {
    return this.#front.length + this.#rest.length
  }

  push(push: T): void {
    this.#rest.push(push)
  }

  /** In their order, before all others. */
  return(pushes: readonly T[]): void {
    for (const push of pushes.toReversed()) this.#front.push(push)
  }

  /** Removes the first pushes: at least one, and more while they have at most so many bytes. */
  take(bytesMax: number, countMax: number): T[] {
    const taken: T[] = []
    let bytes = 0
    for (;;) {
      const first = this.#front.at(-1) ?? this.#rest.first
      if (first === undefined || taken.length === countMax) return taken
      bytes += first.frame.length
      if (taken.length > 0 && bytes > bytesMax) return taken
      if (this.#front.length > 0) this.#front.pop()
      else this.#rest.shift()
      taken.push(first)
    }
  }
}
