import { Session } from '../attach/session.js'
import type { TakenVersions } from './taken-versions.js'

/** One watch, in the process of the writer. */
export class WatchSession extends Session {
  /** The last version that was sent to a watcher without shared memory. */
  sent = 0
  /** The last one that it has acknowledged. */
  taken = 0
  readonly #taken: TakenVersions

  constructor(taken: TakenVersions) {
    super()
    this.#taken = taken
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
}
