import type { NativeEndpoint } from '../native/binding.js'
import { NativeFailure } from './native-failure.js'

/**
 * The segments that handshakes create while they wait for the peer. The peer may never continue, so only `max` of them exist at a time. The
 * other handshakes create theirs when they need it.
 */
export class EarlySegments {
  readonly #max: number
  #count = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Never throws. Undefined: there are `max` already. */
  create(createEndpoint: () => NativeEndpoint): EarlySegment | undefined {
    if (this.#count >= this.#max) return undefined
    this.#count += 1
    return new EarlySegment(createEndpoint, () => (this.#count -= 1))
  }
}

export class EarlySegment {
  readonly #onLeft: () => void
  #created: NativeEndpoint | NativeFailure | undefined

  constructor(createEndpoint: () => NativeEndpoint, onLeft: () => void) {
    this.#onLeft = onLeft
    try {
      this.#created = createEndpoint()
    } catch (failure) {
      // For `take`: the peer may choose the socket, and then the failure has no effect.
      this.#created = failure as NativeFailure
    }
  }

  /** Passes the segment to the caller, once. Throws the `NativeFailure` of its creation. */
  take(): NativeEndpoint {
    const created = this.#leave()
    if (created === undefined) throw new Error('unreachable: a handshake takes its segment once')
    if (created instanceof NativeFailure) throw created
    return created
  }

  /** Closes the segment, unless it was taken. Idempotent. */
  release(): void {
    const created = this.#leave()
    if (created !== undefined && !(created instanceof NativeFailure)) created.close()
  }

  #leave(): NativeEndpoint | NativeFailure | undefined {
    const created = this.#created
    if (created !== undefined) this.#onLeft()
    this.#created = undefined
    return created
  }
}
