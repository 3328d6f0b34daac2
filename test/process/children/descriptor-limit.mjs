// Takes all descriptors that a process may open, and closes a given number of them.
import { closeSync, openSync, readdirSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Ends the wait for a leaked descriptor. */
const POLLS_MAX = 1_000
const POLL_MS = 5

export class DescriptorLimit {
  #held = []

  /** Leaves `free` descriptors to the process. */
  leave(free) {
    this.#fill()
    this.#release(free)
  }

  /** The number of descriptors that the process could still open. */
  free() {
    const held = this.#held.length
    this.#fill()
    const free = this.#held.length - held
    this.#release(free)
    return free
  }

  /** Waits for closing sockets; resolves to whether this many descriptors are free again. */
  async isFree(expected) {
    for (let poll = 0; poll < POLLS_MAX; poll += 1) {
      if (this.free() === expected) return true
      await sleep(POLL_MS)
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

/** Sockets close a little later than the call that ends them. A late one would look like one more free descriptor. */
export async function socketsClosed(expected) {
  for (let poll = 0; poll < POLLS_MAX && socketCount() > expected; poll += 1) await sleep(POLL_MS)
}

export function socketCount() {
  return readdirSync('/proc/self/fd').filter(isSocket).length
}

/** The descriptor that reads the folder is closed by now. */
function isSocket(descriptor) {
  return statSync(`/proc/self/fd/${descriptor}`, { throwIfNoEntry: false })?.isSocket() === true
}

/** The number of open descriptors, without the one that reads the folder. */
export function openCount() {
  return readdirSync('/proc/self/fd').length - 1
}
