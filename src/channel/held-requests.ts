/** At either limit, further requests are refused. */
const HELD_REQUESTS_MAX = 256
const HELD_BYTES_MAX = 256 * 1024

/** The requests that arrive before the program has a handler, in their order. */
export class HeldRequests {
  /** A Map removes any entry in constant time, and keeps the order. */
  readonly #payloads = new Map<number, Buffer>()
  #bytes = 0

  get empty(): boolean {
    return this.#payloads.size === 0
  }

  /** Holds a copy, because a payload can share the memory of many messages. False: there is no room. */
  push(id: number, payload: Buffer): boolean {
    const bytes = this.#bytes + payload.length
    if (this.#payloads.size >= HELD_REQUESTS_MAX || bytes > HELD_BYTES_MAX) return false
    this.#bytes = bytes
    this.#payloads.set(id, Buffer.from(payload))
    return true
  }

  /** Removes the oldest request. Undefined: there is none. */
  shift(): [id: number, payload: Buffer] | undefined {
    const [oldest] = this.#payloads
    if (oldest !== undefined) this.remove(oldest[0])
    return oldest
  }

  clear(): void {
    this.#payloads.clear()
    this.#bytes = 0
  }

  remove(id: number): void {
    const payload = this.#payloads.get(id)
    if (payload === undefined) return
    this.#payloads.delete(id)
    this.#bytes -= payload.length
  }
}
