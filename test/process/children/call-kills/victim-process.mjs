import { fork } from 'node:child_process'

const SILENCE_MS_MAX = 60_000

/** A process that is killed, seen from the survivor. */
export class Victim {
  #process
  #exited
  #messages = []
  #wake
  #exit

  constructor(file) {
    this.#process = fork(file, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#process.on('message', (message) => {
      this.#messages.push(message)
      this.#wake?.()
    })
    this.#exited = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#exit = signal ?? code
        this.#wake?.()
        resolve(this.#exit)
      })
    })
  }

  whenLoaded() {
    return this.next('loaded')
  }

  begin(order) {
    return this.order(order, 'ready')
  }

  /** Sends an order and resolves when the victim has reported this. */
  async order(order, report) {
    this.#process.send(order)
    await this.next(report)
  }

  async next(report) {
    const timer = setTimeout(() => this.#wake?.(), SILENCE_MS_MAX)
    const endMs = performance.now() + SILENCE_MS_MAX
    while (this.#messages.length === 0 && this.#exit === undefined && performance.now() < endMs)
      await new Promise((resolve) => {
        this.#wake = resolve
      })
    clearTimeout(timer)
    const message = this.#messages.shift()
    if (message !== report)
      throw new Error(
        `victim ${this.#process.pid}: ${message ?? this.#exit ?? 'silence'} instead of ${report}`,
      )
  }

  /** Resolves when the process is gone. */
  async kill() {
    this.#process.kill('SIGKILL')
    const exit = await this.#exited
    if (exit !== 'SIGKILL') throw new Error(`the victim ended before: ${exit}`)
  }
}
