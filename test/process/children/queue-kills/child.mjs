// A process of a run, and the messages that it sends.
import { fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Only a hang reaches it. */
export const WATCHDOG_MS = 60_000

export class RunChild {
  role
  name
  process
  /** Resolves when the process has ended. */
  ended
  /** Resolves to its first message; to undefined if it ended before. */
  ready
  #messages = []
  #waiting = []

  constructor(role, name, args, env) {
    this.role = role
    this.name = name
    const file = fileURLToPath(new URL(`${role}.mjs`, import.meta.url))
    this.process = fork(file, args, { env: { ...process.env, ...env } })
    this.ended = new Promise((resolve) => {
      this.process.once('exit', () => {
        resolve()
        this.#deliver(undefined)
      })
    })
    this.process.on('message', (message) => this.#deliver(message))
    this.ready = within(this.next())
  }

  next() {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift())
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves to the answer; to undefined if there is none. */
  ask(message) {
    this.process.send(message)
    return within(this.next())
  }

  kill() {
    this.process.kill('SIGKILL')
    return this.ended
  }

  #deliver(message) {
    const resolve = this.#waiting.shift()
    if (resolve === undefined) this.#messages.push(message)
    else resolve(message)
  }
}

/** Resolves to undefined when the wait takes too long. */
async function within(promise) {
  const watchdog = new AbortController()
  try {
    return await Promise.race([
      promise,
      sleep(WATCHDOG_MS, undefined, { signal: watchdog.signal }).catch(() => {}),
    ])
  } finally {
    watchdog.abort()
  }
}
