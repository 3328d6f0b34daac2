// Creates users without a pause, over several ways at a time.
import { setTimeout as sleep } from 'node:timers/promises'

/** After a call that failed, so that a service that is away costs no processor time. */
const PAUSE_MS = 5

export class Lanes {
  #created
  #ended
  #stopped = false
  #users = 0
  /** Functions that wait for a success, by the index of the caller. */
  #waiting

  /** @param callers clients of the service, each with a name */
  constructor(callers, lanes, created) {
    this.#created = created
    this.#waiting = callers.map(() => [])
    this.#ended = callers.flatMap((caller, index) =>
      Array.from({ length: lanes }, () => this.#lane(caller, index)),
    )
  }

  /** Resolves when a call of each caller has succeeded. */
  async succeeded() {
    await Promise.all(this.#waiting.map((list) => new Promise((resolve) => list.push(resolve))))
  }

  /** Resolves after the last calls. */
  async stop() {
    this.#stopped = true
    await Promise.all(this.#ended)
  }

  async #lane({ name, users }, index) {
    while (!this.#stopped) {
      this.#users += 1
      const wanted = { name: `User ${this.#users}`, email: `user-${this.#users}@example.com` }
      try {
        const { user } = await users.createUser(wanted)
        this.#created.success(name, wanted, user)
        for (const resolve of this.#waiting[index].splice(0)) resolve()
      } catch (error) {
        this.#created.failure(name, wanted, error)
        await sleep(PAUSE_MS)
      }
    }
  }
}
