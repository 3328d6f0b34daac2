import type { TakenVersions } from './taken-versions.js'

/** One watch, in the process of the writer. */
export class WatchSession {
  /** The last version that was sent to a watcher without shared memory. */
  sent = 0
  /** The last one that it has acknowledged. */
  taken = 0
  readonly #taken: TakenVersions
  #failure: { readonly error: unknown } | undefined
  #ended = false
  #wake: (() => void) | undefined

  constructor(taken: TakenVersions) {
    this.#taken = taken
  }

  get ended(): boolean {
    return this.#ended
  }

  /** It waits for the acknowledgement of a value. */
  get isBehind(): boolean {
    return this.taken !== this.sent
  }

  /** The watcher has acknowledged the last value that was sent. */
  acknowledge(): void {
    this.taken = this.sent
    this.#taken.changed()
    this.wake()
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

  /** The watch ends with an error. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#failure ??= { error }
    this.end()
  }

  end(): void {
    this.#ended = true
    this.wake()
  }
}
