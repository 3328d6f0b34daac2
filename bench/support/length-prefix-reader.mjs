const HEADER_BYTES = 4

/** Reads messages from chunks. Only a message that spans chunks is copied, once. */
export class LengthPrefixReader {
  #onMessage
  #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  /** A message that has arrived in part. */
  #message
  #messageBytes = 0

  constructor(onMessage) {
    this.#onMessage = onMessage
  }

  push(chunk) {
    const onMessage = this.#onMessage
    const { length } = chunk
    let at = this.#finish(chunk)
    while (length - at >= HEADER_BYTES) {
      const bytes = chunk[at] | (chunk[at + 1] << 8) | (chunk[at + 2] << 16) | (chunk[at + 3] << 24)
      const start = at + HEADER_BYTES
      if (length - start < bytes) return this.#begin(bytes, chunk, start)
      at = start + bytes
      onMessage(chunk.subarray(start, at))
    }
    if (at === length) return
    chunk.copy(this.#header, 0, at)
    this.#headerBytes = length - at
  }

  /** Completes the message of the last chunk; returns the position of the next message. */
  #finish(chunk) {
    let at = 0
    if (this.#headerBytes > 0) {
      at = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length)
      chunk.copy(this.#header, this.#headerBytes, 0, at)
      this.#headerBytes += at
      if (this.#headerBytes < HEADER_BYTES) return chunk.length
      this.#headerBytes = 0
      this.#begin(this.#header.readUInt32LE(), chunk, at)
      at = Math.min(chunk.length, at + this.#messageBytes)
    } else if (this.#message !== undefined) {
      at = chunk.copy(this.#message, this.#messageBytes)
      this.#messageBytes += at
    }
    if (this.#message !== undefined && this.#messageBytes === this.#message.length) {
      const message = this.#message
      this.#message = undefined
      this.#onMessage(message)
    }
    return at
  }

  #begin(bytes, chunk, start) {
    this.#message = Buffer.allocUnsafe(bytes)
    this.#messageBytes = chunk.copy(this.#message, 0, start)
  }
}
