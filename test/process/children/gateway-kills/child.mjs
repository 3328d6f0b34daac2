// A process of a run, seen from the process that kills it.
import { fork } from 'node:child_process'

const EXEC_ARGV = ['--expose-gc', '--disable-warning=ExperimentalWarning']

export class Child {
  #loaded
  #process
  #exited
  #answers = new Map()
  #orders = 0
  #killed = false

  constructor(file) {
    this.#process = fork(file, [], { execArgv: EXEC_ARGV, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#loaded = new Promise((resolve, reject) => {
      this.#answers.set(undefined, { resolve, reject })
    })
    this.#process.on('message', ({ id, result, error }) => {
      const answer = this.#answers.get(id)
      this.#answers.delete(id)
      if (error === undefined) answer.resolve(result)
      else answer.reject(new Error(error))
    })
    this.#exited = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        if (!this.#killed)
          for (const { reject } of this.#answers.values())
            reject(new Error(`process ${this.#process.pid} ended with ${signal ?? code}`))
        resolve(signal ?? code)
      })
    })
  }

  whenLoaded() {
    return this.#loaded
  }

  /** Resolves to the answer of the process. It has none after it was killed. */
  order(order, parts = {}) {
    this.#orders += 1
    const id = this.#orders
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject })
      this.#process.send({ id, order, ...parts })
    })
  }

  /** Resolves when the process is gone. */
  async kill() {
    this.#killed = true
    this.#process.kill('SIGKILL')
    const exit = await this.#exited
    if (exit !== 'SIGKILL') throw new Error(`the process ended before: ${exit}`)
  }
}
