import { randomBytes } from 'node:crypto'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Credentials, NativeEndpoint, NativeHandoverSocket } from '../native/binding.js'
import type { ReleaseSlot } from './handover-slots.js'
import { callNative, NativeFailure } from './native-failure.js'

const TOKEN_BYTES = 16
/** Between two reads, other work of the server runs. A flood of datagrams can use only a part of the time. */
const READ_AGAIN_MS = 5
/** With the pauses, about a second, during which the client waits. */
const READS_MAX = 200

/** Lets other work of the thread run. Throws if the handshake has ended. */
export type Pause = (ms: number) => Promise<void>

async function readAgain(pause: Pause, read: () => boolean): Promise<void> {
  for (let reads = 0; reads < READS_MAX; reads += 1) {
    if (read()) return
    await pause(READ_AGAIN_MS)
  }
  const message = `the server's handover socket was read ${READS_MAX} times, and datagrams of others are still queued before the client's`
  throw new NativeFailure(new ShmwireError(ErrorCode.UNAVAILABLE, message))
}

/** The server's resources for a client that may transfer descriptors: a slot, an expected token, and later a segment. */
export class ExpectedHandover {
  /** The client sends it with the descriptors. */
  readonly token = randomBytes(TOKEN_BYTES)
  readonly #socket: NativeHandoverSocket
  readonly #releaseSlot: ReleaseSlot
  #endpoint: NativeEndpoint | undefined

  /** Without `sender`, any process may send the descriptors. Throws `NativeFailure` after it has released the slot. */
  constructor(socket: NativeHandoverSocket, sender: Credentials | undefined, releaseSlot: ReleaseSlot) {
    this.#socket = socket
    this.#releaseSlot = releaseSlot
    try {
      callNative('the handover socket takes no token', () => socket.expect(this.token, sender))
    } catch (failure) {
      releaseSlot()
      throw failure
    }
  }

  /** Makes room in the handover socket. Throws `NativeFailure`, or the error of `pause`. */
  async drain(pause: Pause): Promise<void> {
    await readAgain(pause, () =>
      callNative('the handover socket cannot be drained', () => this.#socket.drain()),
    )
    // In a later turn, because the client can already have sent its next HANDOVER_FULL.
    await pause(0)
  }

  /** Reads the handover socket until `accept` finds the descriptors of the client. Throws `NativeFailure`, or the error of `pause`. */
  async settle(pause: Pause): Promise<void> {
    await readAgain(pause, () =>
      callNative('the handover socket cannot be read', () => this.#socket.settle(this.token)),
    )
  }

  /** Creates the server's segment and exchanges it for the client's. Throws `NativeFailure`. */
  accept(createEndpoint: (memoryId: Uint8Array) => NativeEndpoint): NativeEndpoint {
    // The client's memory has the token as id. On Windows, each side finds the other's memory by its id.
    const memoryId = this.token.map((byte) => ~byte)
    const endpoint = callNative('the server cannot create its segment', () => createEndpoint(memoryId))
    this.#endpoint = endpoint
    callNative("the client's segment cannot be mapped", () =>
      endpoint.acceptHandles(this.#socket, this.token),
    )
    return endpoint
  }

  /** Releases all resources, for a handshake without shared memory. Idempotent. */
  release(): void {
    this.#leave(false)
    this.#endpoint?.close()
  }

  /** Releases all resources but the segment, after a successful handshake. */
  complete(): void {
    this.#leave(true)
  }

  #leave(succeeded: boolean): void {
    this.#releaseSlot(succeeded)
    try {
      this.#socket.discard(this.token)
    } catch {
      // The server has closed its handover socket meanwhile, which discards all tokens.
    }
  }
}
