/** The ids of the jobs that were pushed within the window. All ids stay for the same time, so the oldest one is always the first to leave. */
export class DedupWindow {
  readonly #windowMs: number
  readonly #idsMax: number
  readonly #untilMs = new Map<string, number>()

  constructor(windowMs: number, idsMax: number) {
    this.#windowMs = windowMs
    this.#idsMax = idsMax
  }

  get size(): number {
    return this.#untilMs.size
  }

  /** When the oldest id leaves; Infinity: there is none. */
  get nextMs(): number {
    for (const untilMs of this.#untilMs.values()) return untilMs
    return Number.POSITIVE_INFINITY
  }

  hasRoom(nowMs: number): boolean {
    if (this.#untilMs.size >= this.#idsMax) this.forget(nowMs)
    return this.#untilMs.size < this.#idsMax
  }

  has(id: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(id)
    return untilMs !== undefined && untilMs > nowMs
  }

  /** Returns the time until which the id is known. */
  add(id: string, nowMs: number): number {
    return this.restore(id, nowMs + this.#windowMs)
  }

  /** An id of the journal, in the order of their times. */
  restore(id: string, untilMs: number): number {
    // An old entry would keep its place, and hide the time of the new one.
    this.#untilMs.delete(id)
    this.#untilMs.set(id, untilMs)
    return untilMs
  }

  /** Drops the ids whose time has passed. Returns their number. */
  forget(nowMs: number): number {
    let count = 0
    for (const [id, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) break
      this.#untilMs.delete(id)
      count += 1
    }
    return count
  }
}
