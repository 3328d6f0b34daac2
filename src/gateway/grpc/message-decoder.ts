/** The length of the prefix of a message: a flag and the length of the message. */
export const PREFIX_BYTES = 5
const COMPRESSED = 1
const CAPACITY_BYTES = 16 * 1024
const GROWTH = 4

/** A message as it travels: still compressed, if it is. */
export interface WireMessage {
  readonly compressed: boolean
  readonly bytes: Buffer
}

/** An announced message is longer than allowed. */
export class MessageTooLong extends Error {
  readonly bytes: number

  constructor(bytes: number) {
    super(`a message of ${bytes} bytes`)
    this.bytes = bytes
  }
}

/** Splits the bytes of one direction of a call into messages. */
export class MessageDecoder {
  readonly #bytesMax: number
  readonly #capacityBytes: number
  readonly #prefix = Buffer.alloc(PREFIX_BYTES)
  #prefixFilled = 0
  #body: Buffer | undefined
  #bodyFilled = 0

  /**
   * The memory for a message whose rest has not arrived begins with `capacityBytes`, and grows with the bytes that have arrived: a length is
   * easy to announce.
   */
  constructor(bytesMax: number, capacityBytes = CAPACITY_BYTES) {
    this.#bytesMax = bytesMax
    this.#capacityBytes = capacityBytes
  }

  /** Whether a part of a message has arrived, and its rest has not. */
  get incomplete(): boolean {
    return this.#prefixFilled > 0
  }

  /** Calls `onMessage` for each message that ends in the chunk. Throws `MessageTooLong`. */
  decode(chunk: Buffer, onMessage: (message: WireMessage) => void): void {
    for (let offset = 0; offset < chunk.length; ) {
      offset += this.#takePrefix(chunk, offset)
      if (this.#prefixFilled < PREFIX_BYTES) return
      const length = this.#prefix.readUInt32BE(1)
      if (length > this.#bytesMax) throw new MessageTooLong(length)
      const end = offset + length
      if (this.#body === undefined && end <= chunk.length) {
        this.#deliver(chunk.subarray(offset, end), onMessage)
        offset = end
      } else offset += this.#takeBody(chunk, offset, length, onMessage)
    }
  }

  #takePrefix(chunk: Buffer, offset: number): number {
    const copied = chunk.copy(this.#prefix, this.#prefixFilled, offset)
    this.#prefixFilled += copied
    return copied
  }

  #takeBody(
    chunk: Buffer,
    offset: number,
    length: number,
    onMessage: (message: WireMessage) => void,
  ): number {
    const taken = Math.min(length - this.#bodyFilled, chunk.length - offset)
    const body = this.#roomFor(this.#bodyFilled + taken, length)
    chunk.copy(body, this.#bodyFilled, offset, offset + taken)
    this.#bodyFilled += taken
    if (this.#bodyFilled === length) this.#deliver(body, onMessage)
    return taken
  }

  #roomFor(filled: number, length: number): Buffer {
    const body = this.#body
    if (body !== undefined && body.length >= filled) return body
    const capacity = Math.max(this.#capacityBytes, filled * GROWTH)
    const grown = Buffer.allocUnsafeSlow(Math.min(capacity, length))
    body?.copy(grown, 0, 0, this.#bodyFilled)
    this.#body = grown
    return grown
  }

  #deliver(bytes: Buffer, onMessage: (message: WireMessage) => void): void {
    this.#prefixFilled = 0
    this.#body = undefined
    this.#bodyFilled = 0
    onMessage({ compressed: this.#prefix[0] === COMPRESSED, bytes })
  }
}
