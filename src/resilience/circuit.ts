import { SlidingWindow } from './sliding-window.js'

export type CircuitState = 'closed' | 'open' | 'half-open'

/** The result of a call. `neither`: it says nothing about the service, for example because the caller cancelled it. */
export type CircuitResult = 'success' | 'failure' | 'neither'

export interface CircuitSettings {
  readonly failureShare: number
  readonly callsMin: number
  readonly windowMs: number
  readonly openMs: number
  readonly probeTimeoutMs: number
}

/** A change of the state of a circuit. */
export interface CircuitChange {
  readonly from: CircuitState
  readonly to: CircuitState
}

/** A call that the circuit let through. */
export interface Admitted {
  /** The first message of a stream has arrived. A probe has then succeeded: a stream without an end must not keep the circuit half-open. */
  answering(): void
  /** The first result counts. It has no effect if the state has changed since the call began. */
  settle(result: CircuitResult): void
}

/**
 * The states of a circuit breaker (M. Nygard, "Release It!", 2007), without timers: the time is read whenever a call begins or ends.
 *
 * 1. Half-open, one probe runs at a time. The success of a probe closes the circuit, its failure opens it. A probe with neither, or without a
 *    result for `probeTimeoutMs`, makes room for another one. The result of the earlier probe still counts, so that a service whose answers take
 *    longer than `probeTimeoutMs` closes the circuit, too.
 * 2. Calls that began in an earlier state do not count.
 */
export class Circuit {
  readonly #settings: CircuitSettings
  readonly #nowMs: () => number
  readonly #onChange: (change: CircuitChange) => void
  readonly #window: SlidingWindow
  #state: CircuitState = 'closed'
  #openedMs = 0
  #probe: Admitted | undefined
  #probeBeganMs = 0
  /** Counts the changes of the state. */
  #epoch = 0

  constructor(settings: CircuitSettings, nowMs: () => number, onChange: (change: CircuitChange) => void) {
    this.#settings = settings
    this.#nowMs = nowMs
    this.#onChange = onChange
    this.#window = new SlidingWindow(settings.windowMs)
  }

  get state(): CircuitState {
    return this.#state === 'open' && this.retryDelayMs === 0 ? 'half-open' : this.#state
  }

  /** Of the calls in `windowMs`. */
  get counts(): { successes: number; failures: number } {
    return this.#window.counts(this.#nowMs())
  }

  /** The time until a call can pass, in milliseconds, unless a probe ends before; 0: a call can pass now. */
  get retryDelayMs(): number {
    const nowMs = this.#nowMs()
    const { openMs, probeTimeoutMs } = this.#settings
    if (this.#state === 'open') return Math.max(0, this.#openedMs + openMs - nowMs)
    return this.#probe === undefined ? 0 : Math.max(0, this.#probeBeganMs + probeTimeoutMs - nowMs)
  }

  /** Undefined: the call is refused. */
  admit(): Admitted | undefined {
    if (this.retryDelayMs > 0) return undefined
    if (this.#state === 'open') this.#change('half-open')
    const epoch = this.#epoch
    let settled = false
    const admitted: Admitted = {
      answering: () => {
        if (this.#state === 'half-open') admitted.settle('success')
      },
      settle: (result) => {
        if (settled || epoch !== this.#epoch) return
        settled = true
        if (this.#state === 'closed') this.#count(result)
        else if (result !== 'neither') this.#probed(result)
        else if (this.#probe === admitted) this.#probe = undefined
      },
    }
    if (this.#state === 'half-open') {
      this.#probe = admitted
      this.#probeBeganMs = this.#nowMs()
    }
    return admitted
  }

  #count(result: CircuitResult): void {
    if (result === 'neither') return
    const { failureShare, callsMin } = this.#settings
    this.#window.add(this.#nowMs(), result === 'success')
    if (result === 'success') return
    const { successes, failures } = this.counts
    const calls = successes + failures
    if (calls >= callsMin && failures / calls >= failureShare) this.#open()
  }

  #probed(result: 'success' | 'failure'): void {
    if (result === 'failure') {
      this.#open()
      return
    }
    this.#window.clear()
    this.#change('closed')
  }

  #open(): void {
    this.#openedMs = this.#nowMs()
    this.#change('open')
  }

  #change(to: CircuitState): void {
    const from = this.#state
    this.#state = to
    this.#epoch += 1
    this.#probe = undefined
    this.#onChange({ from, to })
  }
}
