import { Fifo } from '../../fifo.js'
import { DATA_BYTES_MAX } from './tunnel-message.js'

const BLOCK_BYTES = DATA_BYTES_MAX

/**
 * Bytes that have arrived and that the program has not read. They are copied into blocks, so that short messages need no more memory than
 * long ones. The reader owns the bytes that it has taken.
 */
export class UnreadBytes {
  readonly #full = new Fifo<Buffer>()
  #block: Buffer | undefined
  #filled = 0

  get isEmpty(): boolean {
    return this.#filled === 0 && this.#full.length === 0
  }

  append(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES)
      const count = Math.min(bytes.length - from, BLOCK_BYTES - this.#filled)
      this.#block.set(bytes.subarray(from, from + count), this.#filled)
      this.#filled += count
      from += count
      if (this.#filled < BLOCK_BYTES) continue
      this.#full.push(this.#block)
      this.#block = undefined
      this.#filled = 0
    }
  }

  /** The oldest bytes. Undefined: there are none. */
  take(): Buffer | undefined {
    const full = this.#full.shift()
    if (full !== undefined || this.#filled === 0) return full
    // A copy, because the reader can keep a few bytes for long, and the block has room for more.
    const rest = Buffer.from(this.#block?.subarray(0, this.#filled) ?? [])
    this.#filled = 0
    return rest
  }

  clear(): void {
    this.#full.clear()
    this.#block = undefined
    this.#filled = 0
  }
}
