import type { Channel } from '../channel/channel.js'

/** The longest chunk. A longer one would not be faster, and would occupy the ring alone. */
export const CHUNK_BYTES_MAX = 64 * 1024

/** An empty message: no chunk follows. */
const FIN = new Uint8Array(0)

type Done = (error?: unknown) => void

/** Sends bytes as messages of at most 64 KiB, one call at a time, and waits for room. */
export class ChannelOutput {
  readonly #channel: Channel<Uint8Array, Uint8Array>
  readonly #chunkBytesMax: number
  /** Not sent yet, with the callback that waits for it. */
  #rest: Uint8Array = FIN
  #done: Done | undefined
  #finSent = false

  constructor(channel: Channel<Uint8Array, Uint8Array>) {
    this.#channel = channel
    this.#chunkBytesMax = Math.min(CHUNK_BYTES_MAX, channel.maxMessageBytes)
    channel.on('drain', () => this.#resume())
  }

  /** True: everything was sent. False: `done` runs later. Throws when the channel has ended. */
  send(bytes: Uint8Array, done: Done): boolean {
    // An empty message would be the end.
    if (bytes.length === 0) return true
    this.#rest = bytes
    if (this.#sendRest()) return true
    this.#done = done
    return false
  }

  /** Like `send`, for the end of the stream. */
  sendFin(done: Done): boolean {
    if (this.#sendRest()) return true
    this.#done = done
    return false
  }

  /** The call that waits for room will get none. */
  fail(error: unknown): void {
    const done = this.#done
    this.#done = undefined
    this.#rest = FIN
    done?.(error)
  }

  /** Sends the end, unless it was sent. Resolves when it reaches the peer even if this process ends now. */
  async end(): Promise<void> {
    if (this.#finSent) return
    this.#finSent = true
    await this.#channel.send(FIN)
  }

  #sendRest(): boolean {
    const chunkBytesMax = this.#chunkBytesMax
    while (this.#rest.length > chunkBytesMax) {
      if (!this.#channel.trySend(this.#rest.subarray(0, chunkBytesMax))) return false
      this.#rest = this.#rest.subarray(chunkBytesMax)
    }
    if (!this.#channel.trySend(this.#rest)) return false
    this.#finSent = this.#rest.length === 0
    this.#rest = FIN
    return true
  }

  #resume(): void {
    const done = this.#done
    if (done === undefined) return
    try {
      if (!this.#sendRest()) return
    } catch (error) {
      this.fail(error)
      return
    }
    this.#done = undefined
    done()
  }
}
