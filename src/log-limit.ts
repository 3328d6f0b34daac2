import { nowMs, setTimeout } from './host.js'

/** A peer can cause some lines as often as it likes. Of one event, a logger gets so many lines in a minute. */
export const LINES_PER_MINUTE = 100
const WINDOW_MS = 60_000

interface Window {
  endMs: number
  lines: number
  suppressed: number
}

/** Bounds the lines of each event. */
export class LogLimit<Event extends string> {
  readonly #windows = new Map<Event, Window>()
  readonly #report: (event: Event, suppressed: number) => void

  /** `report` gets the number of lines that were left out, at the end of their minute. */
  constructor(report: (event: Event, suppressed: number) => void) {
    this.#report = report
  }

  /** Whether the line may be written. */
  admits(event: Event): boolean {
    const now = nowMs()
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
    setTimeout(() => this.#flush(event, window), window.endMs - nowMs()).unref()
  }

  #flush(event: Event, window: Window): void {
    const { suppressed } = window
    window.suppressed = 0
    if (suppressed > 0) this.#report(event, suppressed)
  }
}
