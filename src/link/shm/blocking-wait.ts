import type { NativeBinding, NativeEndpoint } from '../../native/binding.js'

/** How long one look of a blocking call lasts before the core is offered to others. */
export const SYNC_LOOK_MICROS = 2

/** A spinning call asks so often whether the peer lives, which no event tells it while it spins. */
export const SYNC_SPIN_MICROS = 20_000

const NANOS_PER_MS = 1_000_000

/**
 * Blocks this thread in the addon until the peer has sent data, has room for `roomBytes` (unless 0), or is gone, for at
 * most `timeoutMs`. Returns `WAIT_READY`, `WAIT_TIMEOUT`, `WAIT_CLOSED` or `WAIT_PEER_GONE`.
 *
 * The addon interrupts the wait at least every 50 ms: V8 can terminate a thread only while it runs JavaScript, so a
 * worker under `terminate()`, or of a process that exits, leaves this loop.
 */
export function waitBlocked(
  binding: NativeBinding,
  endpoint: NativeEndpoint,
  roomBytes: number,
  timeoutMs: number,
  controlSocket: number,
): number {
  let outcome = endpoint.wait(true, roomBytes, timeoutMs * NANOS_PER_MS, controlSocket)
  while (outcome === binding.WAIT_INTERRUPTED) outcome = endpoint.continueWait()
  return outcome
}
