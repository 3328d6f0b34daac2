import { DATA_BYTES_MAX } from './tunnel-message.js'

/** So that the bytes of one message are never in two blocks. */
const BLOCK_BYTES = DATA_BYTES_MAX

/**
 * The bytes of one direction that the peer has not acknowledged, from `start` to `end`. They are copied into blocks of a fixed size, so
 * that short writes need no more memory than long ones.
 */
export class SendBuffer {
  readonly #bytesMax: number
  /** The first one holds `#start`. */
  readonly #blocks: Buffer[] = []
  #start = 0
  #end = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  /** Copies as many bytes as there is room for, and returns their number. */
  append(bytes: Uint8Array): number {
    const total = Math.min(bytes.length, this.#bytesMax - (this.#end - this.#start))
    for (let copied = 0; copied < total; ) {
      const block = this.#blockOf(this.#end)
      const offset = this.#end % BLOCK_BYTES
      const count = Math.min(total - copied, BLOCK_BYTES - offset)
      block.set(bytes.subarray(copied, copied + count), offset)
      copied += count
      this.#end += count
    }
    return total
  }

  /** The bytes from a position on, before `limit`: as many as one message can have. The view is valid until the bytes are released. */
  view(position: number, limit: number): Buffer {
    const offset = position % BLOCK_BYTES
    const count = Math.min(limit - position, this.#end - position, BLOCK_BYTES - offset)
    return this.#blockOf(position).subarray(offset, offset + count)
  }

  /** Forgets the bytes before a position from `start` to `end`. */
  release(position: number): void {
    const blocks = Math.floor(position / BLOCK_BYTES) - Math.floor(this.#start / BLOCK_BYTES)
    this.#blocks.splice(0, blocks)
    this.#start = position
  }

  clear(): void {
    this.#blocks.length = 0
    this.#start = this.#end
  }

  #blockOf(position: number): Buffer {
    const index = Math.floor(position / BLOCK_BYTES) - Math.floor(this.#start / BLOCK_BYTES)
    let block = this.#blocks[index]
    if (block === undefined) {
      block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      this.#blocks[index] = block
    }
    return block
  }
}
