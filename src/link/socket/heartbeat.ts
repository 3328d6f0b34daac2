import { clearInterval, nowMs, setImmediate, setInterval } from '../../host.js'
import type { Heartbeat as Bounds } from '../../options.js'

/** The link of a heartbeat. */
export interface HeartbeatLink {
  /** Bytes of the peer can arrive: this side does not keep them with the kernel. */
  readonly reading: boolean
  /** Sends a sign of life. */
  beat(): void
  /** Nothing has arrived from the peer for `timeoutMs`. */
  silent(timeoutMs: number): void
}

/**
 * Sends signs of life, and notices a peer that has fallen silent, once every `intervalMs`. Any byte of the peer is a sign of life. Only time in
 * which this side could have noticed one counts: not while it does not read, and at most one interval for each tick, which is late if the
 * event loop was blocked or the process was stopped.
 */
export class Heartbeat {
  readonly #bounds: Bounds
  readonly #link: HeartbeatLink
  readonly #timer: NodeJS.Timeout
  #lastTickMs = nowMs()
  /** Since the first tick after the last byte. */
  #silentMs = 0
  #heard = false

  constructor(bounds: Bounds, link: HeartbeatLink) {
    this.#bounds = bounds
    this.#link = link
    this.#timer = setInterval(() => this.#tick(), bounds.intervalMs).unref()
  }

  /** Bytes have arrived. */
  heard(): void {
    this.#heard = true
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const { intervalMs } = this.#bounds
    const tickMs = nowMs()
    this.#silentMs += Math.min(tickMs - this.#lastTickMs, intervalMs)
    this.#lastTickMs = tickMs
    if (this.#heard || !this.#link.reading) this.#silentMs = 0
    this.#heard = false
    this.#link.beat()
    // Timers run before the sockets of the same turn, and the bytes may be there.
    if (this.#silentMs >= this.#bounds.timeoutMs) setImmediate(() => this.#report())
  }

  #report(): void {
    if (this.#heard) return
    this.stop()
    this.#link.silent(this.#bounds.timeoutMs)
  }
}
