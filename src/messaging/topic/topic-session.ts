import { Session } from '../attach/session.js'
import type { OwnReader } from './ring.js'

/** One subscription, in the process of the publisher. */
export class TopicSession extends Session {
  /** In the table of the ring. */
  readonly index: number
  /** Reads the ring for a subscriber that does not. Undefined: the subscriber reads shared memory. */
  readonly reader: OwnReader | undefined
  readonly #onClose: (session: TopicSession) => void
  #closed = false

  /** `onClose` detaches the reader, once. */
  constructor(index: number, reader: OwnReader | undefined, onClose: (session: TopicSession) => void) {
    super()
    this.index = index
    this.reader = reader
    this.#onClose = onClose
  }

  /** The subscription ends with an error. Its reader keeps no room from now on. */
  override fail(error: unknown): void {
    if (this.ended) return
    super.fail(error)
    this.close()
  }

  /** Releases the reader. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose(this)
    this.reader?.close()
  }
}
