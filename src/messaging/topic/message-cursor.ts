import { bufferOver } from '../../buffer-over.js'
import { DESCRIPTOR_WORDS } from './ring.js'

const NO_MEMORY = Buffer.allocUnsafeSlow(0)

/** The messages of one batch, read one by one. One cursor serves all batches of a subscription. */
export class MessageCursor {
  /** Lost before the next message, and not reported yet. */
  lost = 0
  /** Of the next message. */
  sequence = 0
  #memory: Buffer = NO_MEMORY
  /** Of the memory. Reading them takes as long as creating a Buffer. */
  #buffer: ArrayBufferLike = NO_MEMORY.buffer
  #base = 0
  #descriptors: Uint32Array = new Uint32Array(0)
  #count = 0
  #index = 0

  /** The descriptors are those of `RingReader`, and must not change while messages are left. */
  load(memory: Buffer, descriptors: Uint32Array, count: number, firstSequence: number, lost: number): void {
    this.#memory = memory
    this.#buffer = memory.buffer
    this.#base = memory.byteOffset
    this.#descriptors = descriptors
    this.#count = count
    this.#index = 0
    this.sequence = firstSequence
    this.lost = lost
  }

  /** There is a message, or a loss to report. */
  get pending(): boolean {
    return this.#index < this.#count || this.lost > 0
  }

  get hasMessage(): boolean {
    return this.#index < this.#count
  }

  /** The program has transferred the memory of the batch with one of its messages. */
  get isTransferred(): boolean {
    return this.#memory.length === 0
  }

  /** The sequence of the message after the batch. */
  get endSequence(): number {
    return this.sequence + this.#count - this.#index
  }

  /** Parts of the next message. They are views of memory that does not change. */
  key(): Buffer {
    return this.#view(this.#word(0), this.#word(1))
  }

  headers(): Buffer {
    return this.#view(this.#word(0) + this.#word(1), this.#word(2))
  }

  body(): Buffer {
    return this.#view(this.#word(0) + this.#word(1) + this.#word(2), this.#word(3))
  }

  get keyBytes(): number {
    return this.#word(1)
  }

  get headersBytes(): number {
    return this.#word(2)
  }

  get bodyBytes(): number {
    return this.#word(3)
  }

  /** Continues with the message after the next one. */
  advance(): void {
    this.#index += 1
    this.sequence += 1
  }

  /** Forgets the rest. */
  clear(): void {
    this.#count = 0
    this.lost = 0
    this.#memory = NO_MEMORY
    this.#buffer = NO_MEMORY.buffer
  }

  #view(start: number, bytes: number): Buffer {
    return bufferOver(this.#buffer, this.#base + start, bytes)
  }

  #word(word: number): number {
    return this.#descriptors[this.#index * DESCRIPTOR_WORDS + word] as number
  }
}
