import {
  type HistogramFigures,
  LatencyHistogram,
  type LatencyQuantiles,
} from '../../observe/latency-histogram.js'

export type { LatencyQuantiles }

/** The figures of one method since the service began. */
export interface MethodStats {
  /** Calls that have ended. */
  readonly calls: number
  /** Of these, calls that ended with an error, cancelled ones included. */
  readonly errors: number
  /** Calls that run now. */
  readonly running: number
  /** The time from the call's arrival to its answer. */
  readonly latencyMs: LatencyQuantiles
}

/** Counts the calls of one method. */
export class MethodRecorder {
  readonly #latency = new LatencyHistogram()
  #errors = 0
  #running = 0

  begin(): void {
    this.#running += 1
  }

  end(latencyMs: number, failed: boolean): void {
    this.#running -= 1
    if (failed) this.#errors += 1
    this.#latency.record(latencyMs)
  }

  stats(): MethodStats {
    return {
      calls: this.#latency.count,
      errors: this.#errors,
      running: this.#running,
      latencyMs: this.#latency.quantiles(),
    }
  }

  /** For snapshots. */
  figures(): { readonly errors: number; readonly running: number; readonly latency: HistogramFigures } {
    return { errors: this.#errors, running: this.#running, latency: this.#latency.figures() }
  }
}
