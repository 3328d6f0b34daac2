const UINT32_BYTES = 4
const FLOAT64_BYTES = 8

/** Appends numbers and bytes to one buffer that grows. Numbers are little-endian. */
export class ByteWriter {
  readonly #initialBytes: number
  #buffer: Buffer<ArrayBuffer>
  #length = 0

  constructor(initialBytes: number) {
    this.#initialBytes = initialBytes
    this.#buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  uint32(value: number): void {
    this.#reserve(UINT32_BYTES)
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  float64(value: number): void {
    this.#reserve(FLOAT64_BYTES)
    this.#length = this.#buffer.writeDoubleLE(value, this.#length)
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  /** Returns the bytes so far in memory of their own, and begins again. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#buffer.subarray(0, this.#length)
    this.#buffer = Buffer.allocUnsafeSlow(this.#initialBytes)
    this.#length = 0
    return taken
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
    grown.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = grown
  }
}
