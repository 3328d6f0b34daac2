import type { StreamTarget } from '../../service/call/stream-pump.js'

/** The part of a stream of grpc-js that takes messages. */
export interface UploadStream {
  write(bytes: Buffer): boolean
  end(): unknown
  on(event: 'drain', listener: () => void): unknown
}

/** Sends the messages of a caller, as fast as the flow control of HTTP/2 allows. */
export class Upload implements StreamTarget {
  lastBytes = 0
  readonly #stream: UploadStream
  readonly #encode: (message: unknown) => Buffer
  #wake: (() => void) | undefined

  /** `encode` throws if the message cannot be sent. */
  constructor(stream: UploadStream, encode: (message: unknown) => Buffer) {
    this.#stream = stream
    this.#encode = encode
    stream.on('drain', () => this.wake())
  }

  send(message: unknown): Promise<void> | undefined {
    const bytes = this.#encode(message)
    this.lastBytes = bytes.length
    if (this.#stream.write(bytes)) return undefined
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** Ends the wait for room, also at the end of the call. */
  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  check(): undefined {
    return undefined
  }

  // Nothing is held back.
  flush(): undefined {
    return undefined
  }

  flushSoon(): void {}
}
