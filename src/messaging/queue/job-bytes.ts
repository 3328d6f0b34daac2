/**
 * The encoded parts of a job, one after the other in a memory that other jobs share: the id and the key in UTF-8, the headers and the body. Many
 * jobs exist at once, so a job has numbers instead of a view for each part.
 */
export class JobBytes {
  memory: Buffer
  start: number
  readonly idBytes: number
  readonly keyBytes: number
  readonly headersBytes: number
  /** The end of the body. */
  end: number

  constructor(
    memory: Buffer,
    start: number,
    idBytes: number,
    keyBytes: number,
    headersBytes: number,
    end: number,
  ) {
    this.memory = memory
    this.start = start
    this.idBytes = idBytes
    this.keyBytes = keyBytes
    this.headersBytes = headersBytes
    this.end = end
  }

  get size(): number {
    return this.end - this.start
  }

  get id(): string {
    return this.memory.toString('utf8', this.start, this.start + this.idBytes)
  }

  get key(): string | undefined {
    if (this.keyBytes === 0) return undefined
    const keyAt = this.start + this.idBytes
    return this.memory.toString('utf8', keyAt, keyAt + this.keyBytes)
  }

  get headerBytes(): Buffer {
    const headersAt = this.start + this.idBytes + this.keyBytes
    return this.memory.subarray(headersAt, headersAt + this.headersBytes)
  }

  get body(): Buffer {
    return this.memory.subarray(this.start + this.idBytes + this.keyBytes + this.headersBytes, this.end)
  }
}
