import { backOffMs } from '../../back-off.js'
import { Channel } from '../../channel/channel.js'
import { waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, nowMs, setTimeout } from '../../host.js'
import type { Status } from '../../status.js'
import { type OpenedWatch, WatchAttempt, type WatchSettings } from './watch-attempt.js'

/** As `BackOff` of `keepConnected`, whose constructor has checked the options of the program. */
const DELAY_MS_MIN = 20
const DELAY_MS_MAX = 2_000
/** For one attempt to find the new writer. */
const ATTEMPT_MS = 30_000

/** The states of errors that a missing, ending or starting writer can cause. After any other, the next attempt would fail the same way. */
const PASSING: ReadonlySet<Status> = new Set<Status>([
  'UNAVAILABLE',
  'UNIMPLEMENTED',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'RESOURCE_EXHAUSTED',
])

export interface FollowerEvents {
  readonly onFound: (opened: OpenedWatch) => void
  /** No further attempt follows. */
  readonly onFailed: (error: Error) => void
}

/** Looks up the next writer of a cell until it finds one. */
export class Follower {
  readonly #settings: WatchSettings
  readonly #events: FollowerEvents
  #attempts = 0
  #foundAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #attempt: WatchAttempt | undefined
  #stopped = false

  constructor(settings: WatchSettings, events: FollowerEvents) {
    this.#settings = settings
    this.#events = events
    this.#foundAtMs = nowMs()
  }

  /** The writer has gone, with this error. */
  start(error: Error | undefined): void {
    if (this.#stopped) return
    // A writer that lasted shows that the next attempt can succeed at once.
    if (nowMs() - this.#foundAtMs > this.#delayMsMax) this.#attempts = 0
    this.#again(error)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#attempt?.abort()
  }

  get #delayMsMax(): number {
    const { minMs = DELAY_MS_MIN, maxMs } = this.#settings.channel?.backOff ?? {}
    return maxMs ?? Math.max(DELAY_MS_MAX, minMs)
  }

  #again(error: Error | undefined): void {
    if (error !== undefined && !this.#isPassing(error)) {
      this.#stopped = true
      this.#events.onFailed(error)
      return
    }
    const { minMs = DELAY_MS_MIN } = this.#settings.channel?.backOff ?? {}
    this.#attempts += 1
    this.#timer = setTimeout(() => void this.#try(), backOffMs(this.#attempts, minMs, this.#delayMsMax))
  }

  /** Never rejects. */
  async #try(): Promise<void> {
    try {
      const opened = await waitWithin<OpenedWatch>(
        { timeoutMs: ATTEMPT_MS },
        'watching the next writer',
        (resolve, reject) => {
          const attempt = new WatchAttempt(this.#settings)
          this.#attempt = attempt
          void attempt.run().then(resolve, reject)
          return () => attempt.abort()
        },
      )
      this.#attempt = undefined
      if (this.#stopped) await opened.disconnect().catch(() => {})
      else this.#found(opened)
    } catch (error) {
      this.#attempt = undefined
      if (!this.#stopped) this.#again(error as Error)
    }
  }

  #found(opened: OpenedWatch): void {
    this.#foundAtMs = nowMs()
    this.#events.onFound(opened)
  }

  #isPassing(error: Error): boolean {
    const { target } = this.#settings
    // No other channel can follow one of the program.
    if (target instanceof Channel && !target.open) return false
    if (!(error instanceof ShmwireError) || error.code === ErrorCode.MESSAGE_TOO_LARGE) return false
    return PASSING.has(error.status)
  }
}
