const NOTHING: Uint8Array = new Uint8Array(0)

/** Reads what a ByteWriter has written. Throws a RangeError at the end of the bytes. */
export class ByteReader {
  readonly #buffer: Buffer
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#buffer.length - this.#position
  }

  uint32(): number {
    const value = this.#buffer.readUInt32LE(this.#position)
    this.#position += 4
    return value
  }

  float64(): number {
    const value = this.#buffer.readDoubleLE(this.#position)
    this.#position += 8
    return value
  }

  /** The next bytes as UTF-8. */
  text(length: number): string {
    return this.#buffer.toString('utf8', this.#skip(length), this.#position)
  }

  /** A view of the next bytes. */
  bytes(length: number): Uint8Array {
    const start = this.#skip(length)
    if (length === 0) return NOTHING
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset + start, length)
  }

  #skip(length: number): number {
    const start = this.#position
    if (length > this.remaining) throw new RangeError(`${length} bytes expected, ${this.remaining} there`)
    this.#position += length
    return start
  }
}
