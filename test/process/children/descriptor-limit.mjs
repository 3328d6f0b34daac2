// Takes all descriptors that a process may have, and gives back as many as wanted.
import { closeSync, openSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Ends what would wait for ever for a descriptor that has leaked. */
const LOOKS_MAX = 1_000
const LOOK_MS = 5

export class DescriptorLimit {
  #held = []

  /** Leaves `free` descriptors to the process. */
  leave(free) {
    this.#fill()
    this.#release(free)
  }

  /** How many the process could open. */
  free() {
    const held = this.#held.length
    this.#fill()
    const free = this.#held.length - held
    this.#release(free)
    return free
  }

  /** Whether as many are free again, once the sockets that are closing have closed. */
  async isFree(wanted) {
    for (let look = 0; look < LOOKS_MAX; look += 1) {
      if (this.free() === wanted) return true
      await sleep(LOOK_MS)
    }
    return false
  }

  releaseAll() {
    this.#release(this.#held.length)
  }

  #fill() {
    for (;;) {
      try {
        this.#held.push(openSync('/dev/null', 'r'))
      } catch (error) {
        if (error.code === 'EMFILE') return
        throw error
      }
    }
  }

  #release(count) {
    for (let left = count; left > 0; left -= 1) closeSync(this.#held.pop())
  }
}

/** Descriptors that are open, without the one that reads them. */
export function openCount() {
  return readdirSync('/proc/self/fd').length - 1
}
