import type { ExpectedHandover } from '../../control/expected-handover.js'
import { SERVER_HANDSHAKE_TIMEOUT_MS } from '../../control/handshake.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, setTimeout } from '../../host.js'

/**
 * The resources of the server for one attachment, which the reader has a limited time to finish. The server's generator cannot release them
 * itself while it is suspended at a message that the reader does not take.
 */
export class AttachExchange {
  readonly handover: ExpectedHandover
  readonly #detach: (index: number) => void
  readonly #timer: NodeJS.Timeout
  #index: number | undefined
  #isLate = false

  /** `detach` gets the index of a reader that was accepted and has not finished. */
  constructor(handover: ExpectedHandover, detach: (index: number) => void) {
    this.handover = handover
    this.#detach = detach
    this.#timer = setTimeout(() => {
      this.#isLate = true
      this.#release()
    }, SERVER_HANDSHAKE_TIMEOUT_MS)
  }

  /** Throws `TIMEOUT` if the resources are released already. Call it after each wait. */
  assertInTime(): void {
    if (!this.#isLate) return
    throw new ShmwireError(
      ErrorCode.TIMEOUT,
      `the reader has not finished its attachment within ${SERVER_HANDSHAKE_TIMEOUT_MS} ms`,
    )
  }

  accepted(index: number): void {
    this.#index = index
  }

  /** The reader stays attached. */
  complete(): void {
    this.#index = undefined
    this.handover.complete()
  }

  /** Idempotent. */
  end(): void {
    clearTimeout(this.#timer)
    if (!this.#isLate) this.#release()
  }

  #release(): void {
    const index = this.#index
    this.#index = undefined
    if (index !== undefined) this.#detach(index)
    this.handover.release()
  }
}
