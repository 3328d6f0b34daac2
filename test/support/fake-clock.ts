import type { Clock } from '../../src/resilience/clock.js'

interface Timer {
  readonly dueMs: number
  readonly run: () => void
}

/** A clock that a test moves. */
export class FakeClock implements Clock {
  #timeMs = 1_000
  #timers: Timer[] = []

  /** The timers that are set. */
  get timers(): number {
    return this.#timers.length
  }

  readonly nowMs = (): number => this.#timeMs

  readonly after = (delayMs: number, run: () => void): (() => void) => {
    if (delayMs === Number.POSITIVE_INFINITY) return () => {}
    const timer = { dueMs: this.#timeMs + delayMs, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Lets promises settle, moves the time on, and runs the timers that are due, each at its time. */
  async advance(byMs: number): Promise<void> {
    await settle()
    const untilMs = this.#timeMs + byMs
    for (;;) {
      const [first] = this.#timers
        .filter(({ dueMs }) => dueMs <= untilMs)
        .toSorted((a, b) => a.dueMs - b.dueMs)
      if (first === undefined) break
      this.#timers = this.#timers.filter((other) => other !== first)
      this.#timeMs = Math.max(this.#timeMs, first.dueMs)
      first.run()
      await settle()
    }
    this.#timeMs = untilMs
    await settle()
  }

  /** The event loop is busy: the time passes, and timers run late, with the next `advance`. */
  block(forMs: number): void {
    this.#timeMs += forMs
  }
}

/** Lets all promises that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
