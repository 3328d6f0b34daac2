import { randomBytes } from 'node:crypto'
import type { Credentials, NativeEndpoint, NativeInbox } from '../native/binding.js'
import type { ReleaseSlot } from './handover-slots.js'
import { callNative } from './native-failure.js'

const TOKEN_BYTES = 16

/** What a server holds for a client that may hand descriptors over: a slot, a place in the inbox, and later a segment. */
export class ExpectedHandover {
  /** Under which the descriptors are expected. */
  readonly token = randomBytes(TOKEN_BYTES)
  readonly #inbox: NativeInbox
  readonly #releaseSlot: ReleaseSlot
  #endpoint: NativeEndpoint | undefined

  /** Without `sender`, any process may send the descriptors. Throws `NativeFailure`, and then the slot is free. */
  constructor(inbox: NativeInbox, sender: Credentials | undefined, releaseSlot: ReleaseSlot) {
    this.#inbox = inbox
    this.#releaseSlot = releaseSlot
    try {
      callNative('the inbox takes no token', () => inbox.expect(this.token, sender))
    } catch (failure) {
      releaseSlot()
      throw failure
    }
  }

  /** Makes room in the inbox. Throws `NativeFailure`. */
  drain(): void {
    callNative('the inbox cannot be drained', () => this.#inbox.drain())
  }

  /** Creates the own segment and exchanges it for the client's. Throws `NativeFailure`. */
  accept(createEndpoint: () => NativeEndpoint): NativeEndpoint {
    const endpoint = callNative('the server cannot create its segment', createEndpoint)
    this.#endpoint = endpoint
    callNative("the client's segment cannot be mapped", () => endpoint.acceptHandles(this.#inbox, this.token))
    return endpoint
  }

  /** The handshake does without shared memory: gives everything back. Idempotent. */
  release(): void {
    this.#leave(false)
    this.#endpoint?.close()
  }

  /** The handshake has succeeded: gives everything back but the segment. */
  complete(): void {
    this.#leave(true)
  }

  #leave(succeeded: boolean): void {
    this.#releaseSlot(succeeded)
    try {
      this.#inbox.discard(this.token)
    } catch {
      // The server has closed its inbox in the meantime, and with it all that it held.
    }
  }
}
