import type { NativeBinding, NativeEndpoint } from '../../native/binding.js'

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
