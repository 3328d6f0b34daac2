import type { Frames } from './control-frame.js'

/** One reader of a topic or a cell, in the process of the writer. */
export class Session {
  #failure: { readonly error: unknown } | undefined
  #ended = false
  #wake: (() => void) | undefined

  get ended(): boolean {
    return this.#ended
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

  /** It ends with an error. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#failure ??= { error }
    this.end()
  }

  end(): void {
    this.#ended = true
    this.wake()
  }

  /** The reader reads shared memory until the session ends. Rejects with the error of `fail`. */
  async untilEnd(): Promise<void> {
    while (!this.#ended) await this.wait()
    this.assertNotFailed()
  }

  /** Passes on what the reader sends, until it has sent its last message. An error of `received` fails the session. Never rejects. */
  async listen(frames: Frames, received: (frame: Uint8Array) => void): Promise<void> {
    try {
      for (;;) {
        const result = await frames.next()
        if (result.done === true) break
        received(result.value)
      }
      this.end()
    } catch (error) {
      this.fail(error)
    }
  }
}
