import { clearTimeout, setTimeout } from '../../host.js'

/** So many calls of `set` have a wait of their own; further ones share the last one. */
const WAITS_MAX = 1024

/** A watcher that acknowledges nothing for so long is disconnected. */
const TAKEN_TIMEOUT_MS = 5_000

/** A watcher without shared memory. */
export interface TakingSession {
  readonly taken: number
}

interface Wait {
  version: number
  readonly promise: Promise<void>
  readonly resolve: () => void
}

/** The watchers that get values over their connection, and the calls of `set` that wait until these have them. */
export class TakenVersions {
  readonly sessions = new Set<TakingSession>()
  readonly #onLate: (session: TakingSession) => void
  /** In the order of their versions. */
  readonly #waits: Wait[] = []
  #timer: NodeJS.Timeout | undefined

  /** `onLate` gets each watcher that has not acknowledged a version in time. It must remove it. */
  constructor(onLate: (session: TakingSession) => void) {
    this.#onLate = onLate
  }

  /** Resolves when each of the watchers has this version, or has left. Undefined: each has. */
  wait(version: number): Promise<void> | undefined {
    if (this.sessions.size === 0) return undefined
    const last = this.#waits.at(-1)
    if (last !== undefined && this.#waits.length >= WAITS_MAX) {
      last.version = version
      return last.promise
    }
    let resolve!: () => void
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    this.#waits.push({ version, promise, resolve })
    this.#timer ??= this.#startTimer()
    return promise
  }

  add(session: TakingSession): void {
    this.sessions.add(session)
  }

  remove(session: TakingSession): void {
    if (this.sessions.delete(session)) this.changed()
  }

  /** A watcher has acknowledged a version, or has left. */
  changed(): void {
    const [first] = this.#waits
    if (first === undefined) return
    let oldest = Number.POSITIVE_INFINITY
    for (const { taken } of this.sessions) {
      if (taken < first.version) return
      oldest = Math.min(oldest, taken)
    }
    let count = 0
    for (const { version, resolve } of this.#waits) {
      if (version > oldest) break
      resolve()
      count += 1
    }
    this.#waits.splice(0, count)
    clearTimeout(this.#timer)
    this.#timer = this.#waits.length > 0 ? this.#startTimer() : undefined
  }

  #startTimer(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = undefined
      const version = this.#waits[0]?.version ?? 0
      for (const session of this.sessions) if (session.taken < version) this.#onLate(session)
    }, TAKEN_TIMEOUT_MS)
  }
}
