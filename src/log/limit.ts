import { nowMs, setTimeout } from '../host.js'

/** A peer can cause some lines as often as it likes. Of one event, a logger gets so many lines in a minute. */
export const LINES_PER_MINUTE = 100
const WINDOW_MS = 60_000

interface Window {
  endMs: number
  lines: number
  suppressed: number
}

/** The time of a limit; a test has its own. */
export interface LimitClock {
  readonly nowMs: () => number
  readonly later: (work: () => void, delayMs: number) => void
}

const CLOCK: LimitClock = {
  nowMs,
  later: (work, delayMs) => void setTimeout(work, delayMs).unref(),
}

/** Bounds the lines of each event. */
export class LogLimit<Event extends string> {
  readonly #windows = new Map<Event, Window>()
  readonly #report: (event: Event, suppressed: number) => void
  readonly #clock: LimitClock

  /** `report` gets the number of lines that were left out, at the end of their minute. */
  constructor(report: (event: Event, suppressed: number) => void, clock = CLOCK) {
    this.#report = report
    this.#clock = clock
  }

  /** Whether the line may be written. */
  admits(event: Event): boolean {
    const now = this.#clock.nowMs()
    let window = this.#windows.get(event)
    if (window === undefined || now >= window.endMs) {
      if (window !== undefined) this.#flush(event, window)
      window = { endMs: now + WINDOW_MS, lines: 0, suppressed: 0 }
      this.#windows.set(event, window)
    }
    window.lines += 1
    if (window.lines <= LINES_PER_MINUTE) return true
    window.suppressed += 1
    if (window.suppressed === 1) this.#reportLater(event, window)
    return false
  }

  #reportLater(event: Event, window: Window): void {
    this.#clock.later(() => this.#flush(event, window), window.endMs - this.#clock.nowMs())
  }

  #flush(event: Event, window: Window): void {
    const { suppressed } = window
    window.suppressed = 0
    if (suppressed > 0) this.#report(event, suppressed)
  }
}
