import { Fifo } from '../../fifo.js'

interface SeenUntil {
  readonly id: string
  readonly untilMs: number
}

/** The ids of the jobs that were pushed within the window. All ids stay for the same time, so the oldest one is always the first to leave. */
export class DedupWindow {
  readonly #windowMs: number
  readonly #idsMax: number
  readonly #untilMs = new Map<string, number>()
  /** The same ids in the order of their times: the iterator of a Map skips each entry that was deleted at its front. */
  readonly #order = new Fifo<SeenUntil>()

  constructor(windowMs: number, idsMax: number) {
    this.#windowMs = windowMs
    this.#idsMax = idsMax
  }

  get size(): number {
    return this.#untilMs.size
  }

  /** When the oldest id leaves; Infinity: there is none. */
  get nextMs(): number {
    return this.#order.first?.untilMs ?? Number.POSITIVE_INFINITY
  }

  hasRoom(nowMs: number): boolean {
    if (this.#untilMs.size >= this.#idsMax) this.forget(nowMs)
    return this.#untilMs.size < this.#idsMax
  }

  has(id: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(id)
    return untilMs !== undefined && untilMs > nowMs
  }

  add(id: string, nowMs: number): void {
    // An entry whose time has passed would stay beside the new one.
    if (this.#untilMs.has(id)) this.forget(nowMs)
    this.restore(id, nowMs + this.#windowMs)
  }

  /** An id of the journal, in the order of their times. */
  restore(id: string, untilMs: number): void {
    this.#untilMs.set(id, untilMs)
    this.#order.push({ id, untilMs })
  }

  /** Drops the ids whose time has passed. Returns their number. */
  forget(nowMs: number): number {
    let count = 0
    for (
      let seen = this.#order.first;
      seen !== undefined && seen.untilMs <= nowMs;
      seen = this.#order.first
    ) {
      this.#order.shift()
      // The journal can have the id twice; then the later time counts.
      if (this.#untilMs.get(seen.id) !== seen.untilMs) continue
      this.#untilMs.delete(seen.id)
      count += 1
    }
    return count
  }
}
