import type { OwnReader } from './ring.js'

/** One subscription, in the process of the publisher. */
export class TopicSession {
  /** In the table of the ring. */
  readonly index: number
  /** Reads the ring for a subscriber that does not. Undefined: the subscriber reads shared memory. */
  readonly reader: OwnReader | undefined
  readonly #onClose: (session: TopicSession) => void
  #failure: { readonly error: unknown } | undefined
  #ended = false
  #closed = false
  #wake: (() => void) | undefined

  /** `onClose` detaches the reader, once. */
  constructor(index: number, reader: OwnReader | undefined, onClose: (session: TopicSession) => void) {
    this.index = index
    this.reader = reader
    this.#onClose = onClose
  }

  get ended(): boolean {
    return this.#ended
  }

  get failed(): boolean {
    return this.#failure !== undefined
  }

  assertNotFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Resolves after the next `wake`. One wait at a time. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  wake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** The subscription ends with an error. Its reader keeps no room from now on. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#failure ??= { error }
    this.end()
    this.close()
  }

  /** The subscription ends. */
  end(): void {
    this.#ended = true
    this.wake()
  }

  /** Releases the reader. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose(this)
    this.reader?.close()
  }
}
