import type { Snapshot } from '../../observe/figures.js'
import { loopMs } from './top-rows.js'

/** A thread that has not answered for so many rounds is forgotten. */
const MISSES_MAX = 10

interface Thread {
  latest: Snapshot
  /** The last one that was different. */
  before: Snapshot | undefined
  /** It has answered with the same snapshot again. */
  isStale: boolean
  misses: number
}

/** The answers of one round, and those from which rates are measured. */
export interface Round {
  readonly now: readonly Snapshot[]
  /** Of the same threads, except those that are new. */
  readonly before: readonly Snapshot[]
  /** A thread has answered twice, but only with the same snapshot, so it has no rate yet. */
  readonly isStale: boolean
}

/**
 * The last two snapshots of each thread. A process keeps a snapshot for a while, longer if it is busy, so two answers can be the same one. It
 * does not follow that the process did nothing in between.
 */
export class SnapshotHistory {
  readonly #threads = new Map<string, Thread>()

  add(answers: readonly Snapshot[]): Round {
    for (const [id, thread] of this.#threads) {
      thread.misses += 1
      if (thread.misses > MISSES_MAX) this.#threads.delete(id)
    }
    const threads = answers.map((answer) => this.#addOne(answer))
    return {
      now: threads.map(({ latest }) => latest),
      before: threads.flatMap(({ before }) => before ?? []),
      isStale: threads.some(({ isStale, before }) => isStale && before === undefined),
    }
  }

  #addOne(answer: Snapshot): Thread {
    const known = this.#threads.get(answer.id)
    if (known === undefined) {
      const thread: Thread = { latest: answer, before: undefined, isStale: false, misses: 0 }
      this.#threads.set(answer.id, thread)
      return thread
    }
    known.misses = 0
    known.isStale = loopMs(answer) <= loopMs(known.latest)
    if (!known.isStale) {
      known.before = known.latest
      known.latest = answer
    }
    return known
  }
}
