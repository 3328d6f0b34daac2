import { ErrorCode, ShmwireError } from '../../errors.js'
import { nowMs } from '../../host.js'
import { watchedDescriptorOf } from '../../socket-descriptor.js'
import type { LinkContext } from './context.js'
import type { IdleStrategy } from './idle-strategy.js'

/** How long one poll of a blocking call lasts before it yields the core. */
const POLL_MICROS = 2

/** After this time a spinning call checks that the peer is alive, which no event reports meanwhile. */
const SPIN_MS_MAX = 20

const NANOS_PER_MS = 1_000_000

/** Waits that block the thread with its event loop: polls first, then sleeps in the addon. */
export class BlockingWait {
  readonly #context: LinkContext
  readonly #idle: IdleStrategy
  /** Reading the descriptor takes a tenth of a round trip. */
  #hasDescriptor = false

  constructor(context: LinkContext, idle: IdleStrategy) {
    this.#context = context
    this.#idle = idle
  }

  /** Throws `UNAVAILABLE` if the runtime hides the descriptor of a live socket: a wait would miss the peer's death. */
  assertPossible(): void {
    const { socket } = this.#context
    this.#hasDescriptor ||= socket.destroyed || watchedDescriptorOf(socket) !== undefined
    if (this.#hasDescriptor) return
    throw new ShmwireError(
      ErrorCode.UNAVAILABLE,
      'blocking calls need the descriptor of the control socket, which this runtime does not expose; use send and request',
    )
  }

  /** Delivers records, or reports `roomBytes` of room (unless 0). False: the peer is gone. */
  wait(roomBytes: number, timeoutMs: number): boolean {
    const { binding, budget, onError, socket, wait } = this.#context
    const idle = this.#idle
    // Afterwards the poller reads, and arms the words again: the wait disarms them.
    idle.wake()
    if (this.#poll(timeoutMs)) return true
    // A destroyed socket has none; its event cannot arrive while this thread is blocked.
    const controlSocket = watchedDescriptorOf(socket)
    if (controlSocket === undefined) return false
    let outcome: number
    try {
      outcome = this.#sleep(roomBytes, wait === 'spin' ? 0 : timeoutMs, controlSocket)
    } catch (error) {
      onError(error)
      return true
    }
    budget.woken(nowMs() * 1000)
    if (outcome === binding.WAIT_READY) idle.poll(0, false)
    return outcome === binding.WAIT_READY || outcome === binding.WAIT_TIMEOUT
  }

  /**
   * Polls before the sleep. True: it found something, or a listener has closed the link. By the clock,
   * because a poll that yields the core may take any time.
   */
  #poll(timeoutMs: number): boolean {
    const { budget, wait } = this.#context
    const idle = this.#idle
    const beginMs = nowMs()
    const spinEndMs = beginMs + Math.min(timeoutMs, SPIN_MS_MAX)
    budget.found()
    budget.waits(beginMs * 1000)
    for (;;) {
      if (idle.poll(POLL_MICROS * 1000, true) > 0 || idle.state === 'closed') return true
      const timeMs = nowMs()
      const isLast = wait === 'spin' ? timeMs >= spinEndMs : budget.exhausted(timeMs * 1000, false, false)
      if (isLast) return false
    }
  }

  /**
   * Returns `WAIT_READY`, `WAIT_TIMEOUT`, `WAIT_CLOSED` or `WAIT_PEER_GONE`. The addon interrupts the
   * wait at least every 50 ms: V8 can terminate a thread only while it runs JavaScript, so a worker
   * under `terminate()`, or of a process that exits, leaves this loop.
   */
  #sleep(roomBytes: number, timeoutMs: number, controlSocket: number): number {
    const { binding, endpoint } = this.#context
    let outcome = endpoint.wait(true, roomBytes, timeoutMs * NANOS_PER_MS, controlSocket)
    while (outcome === binding.WAIT_INTERRUPTED) outcome = endpoint.continueWait()
    return outcome
  }
}
