import { randomBytes } from 'node:crypto'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Credentials, NativeEndpoint, NativeHandoverSocket } from '../native/binding.js'
import type { ReleaseSlot } from './handover-slots.js'
import { callNative, NativeFailure } from './native-failure.js'

const TOKEN_BYTES = 16
/** Other threads of the server run between two reads of the inbox, and a flood of strangers takes a part of the time only. */
const READ_AGAIN_MS = 5
/** With the pauses, about a second. The client waits meanwhile. */
const READS_MAX = 200

/** Lets other work of the thread run. Throws when the handshake is over. */
export type Pause = (ms: number) => Promise<void>

async function readAgain(pause: Pause, read: () => boolean): Promise<void> {
  for (let reads = 0; reads < READS_MAX; reads += 1) {
    if (read()) return
    await pause(READ_AGAIN_MS)
  }
  const message = `the server's inbox was read ${READS_MAX} times, and datagrams of others are still queued before the client's`
  throw new NativeFailure(new ShmwireError(ErrorCode.UNAVAILABLE, message))
}

/** What a server holds for a client that may hand descriptors over: a slot, a place in the inbox, and later a segment. */
export class ExpectedHandover {
  /** Under which the descriptors are expected. */
  readonly token = randomBytes(TOKEN_BYTES)
  readonly #inbox: NativeHandoverSocket
  readonly #releaseSlot: ReleaseSlot
  #endpoint: NativeEndpoint | undefined

  /** Without `sender`, any process may send the descriptors. Throws `NativeFailure`, and then the slot is free. */
  constructor(inbox: NativeHandoverSocket, sender: Credentials | undefined, releaseSlot: ReleaseSlot) {
    this.#inbox = inbox
    this.#releaseSlot = releaseSlot
    try {
      callNative('the inbox takes no token', () => inbox.expect(this.token, sender))
    } catch (failure) {
      releaseSlot()
      throw failure
    }
  }

  /** Makes room in the inbox. Throws `NativeFailure`, or what `pause` throws. */
  async drain(pause: Pause): Promise<void> {
    await readAgain(pause, () => callNative('the inbox cannot be drained', () => this.#inbox.drain()))
    // Not in this turn: the client may have sent its next request to drain already.
    await pause(0)
  }

  /** Reads the inbox until `accept` will find what the client has sent. Throws `NativeFailure`, or what `pause` throws. */
  async settle(pause: Pause): Promise<void> {
    await readAgain(pause, () => callNative('the inbox cannot be read', () => this.#inbox.settle(this.token)))
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
