import type { ShmwireError } from '../../errors.js'
import type { JobChange, JobStore } from './job-store.js'

/** Called when the changes before it are on disk, or with the reason why they may not be. */
export type Committed = (error: ShmwireError | undefined) => void

/**
 * Lets effects of a queue follow the changes that they depend on. The changes of a turn are one call of the store; without a store, every effect
 * happens at once.
 */
export class Commits {
  readonly #store: JobStore | undefined
  readonly #onFailure: (error: ShmwireError) => void
  #changes: JobChange[] = []
  #effects: Committed[] = []
  #failure: ShmwireError | undefined
  /** Calls of the store in flight, in their order. */
  #last: Promise<void> | undefined

  constructor(store: JobStore | undefined, onFailure: (error: ShmwireError) => void) {
    this.#store = store
    this.#onFailure = onFailure
  }

  get isImmediate(): boolean {
    return this.#store === undefined
  }

  /** For the journal of the table. */
  readonly add = (change: JobChange): void => {
    this.#changes.push(change)
  }

  /** Runs `effect` when all changes so far are on disk. */
  after(effect: Committed): void {
    if (this.#store === undefined || this.#failure !== undefined) effect(this.#failure)
    else this.#effects.push(effect)
  }

  /** Called at the end of a turn. */
  flush(): void {
    if (this.#store === undefined || (this.#effects.length === 0 && this.#changes.length === 0)) return
    const effects = this.#effects
    const changes = this.#changes
    this.#effects = []
    this.#changes = []
    const before = this.#last ?? Promise.resolve()
    const written = changes.length === 0 ? before : Promise.all([before, this.#store.write(changes)])
    const last = written.then(
      () => run(effects, undefined),
      (error: ShmwireError) => {
        run(effects, error)
        this.#fail(error)
      },
    )
    this.#last = last
    void last.then(() => {
      if (this.#last === last) this.#last = undefined
    })
  }

  /** Resolves when all changes are on disk, or the store has failed. */
  async settled(): Promise<void> {
    this.flush()
    while (this.#last !== undefined) await this.#last
  }

  #fail(error: ShmwireError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#onFailure(error)
  }
}

function run(effects: readonly Committed[], error: ShmwireError | undefined): void {
  for (const effect of effects) effect(error)
}
