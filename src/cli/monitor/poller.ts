import { pause } from '../../abort-waits.js'
import { type ServerAnswer, snapshotsOf } from '../../discovery/observe-servers.js'
import { ShmwireError } from '../../errors.js'
import { newAbortController } from '../../host.js'
import { printable } from '../../printable.js'
import { SnapshotHistory } from '../top/snapshot-history.js'
import { faultFrame, frameOf } from './build-frame.js'
import type { MonitorFrame } from './frame.js'

/** A part of ServerObserver. */
export interface Observer {
  ask(signal: AbortSignal): Promise<ServerAnswer[]>
}

type Listener = (frame: MonitorFrame) => void

/** Reads the counters of all processes at intervals while there are listeners. All listeners get the same frames. */
export class Poller {
  readonly #observer: Observer
  readonly #intervalMs: number
  readonly #listeners = new Set<Listener>()
  #stopping: AbortController | undefined
  #latest: MonitorFrame | undefined

  constructor(observer: Observer, intervalMs: number) {
    this.#observer = observer
    this.#intervalMs = intervalMs
  }

  get isPolling(): boolean {
    return this.#stopping !== undefined
  }

  /** Calls the listener at once with the latest frame, and with each one after it. Returns a function that ends this. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    if (this.#stopping === undefined) {
      this.#stopping = newAbortController()
      void this.#poll(this.#stopping.signal)
    } else if (this.#latest !== undefined) listener(this.#latest)
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return
      this.#stopping?.abort()
      this.#stopping = undefined
      this.#latest = undefined
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const history = new SnapshotHistory()
    while (!signal.aborted) {
      const frame = await this.#take(history, signal)
      if (signal.aborted) return
      this.#latest = frame
      for (const listener of this.#listeners) listener(frame)
      await pause(this.#intervalMs, signal)
    }
  }

  async #take(history: SnapshotHistory, signal: AbortSignal): Promise<MonitorFrame> {
    try {
      return frameOfAnswers(await this.#observer.ask(signal), history)
    } catch (error) {
      // For example, the directory may be readable again later.
      if (!(error instanceof ShmwireError)) throw error
      return faultFrame(`${printable(error.message)} (${error.code})`)
    }
  }
}

export function frameOfAnswers(answers: readonly ServerAnswer[], history: SnapshotHistory): MonitorFrame {
  const { before, now } = history.add(snapshotsOf(answers))
  return frameOf(
    before,
    now,
    answers.flatMap(({ address, error }) =>
      error === undefined
        ? []
        : { address: printable(address), message: `${printable(error.message)} (${error.code})` },
    ),
  )
}
