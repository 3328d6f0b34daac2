const SPARE = 2

/** Starts processes ahead of their use, because a process takes longer to start than to be killed. */
export class SpareProcesses {
  #start
  #spare = []

  /** `start` returns an object with `whenLoaded()`, which is called once, and `kill()`. */
  constructor(start) {
    this.#start = start
    for (let spare = 0; spare < SPARE; spare += 1) this.#spare.push(start())
  }

  /** Resolves to a process that has loaded. The next one starts meanwhile. */
  async next() {
    const process = this.#spare.shift()
    this.#spare.push(this.#start())
    await process.whenLoaded()
    return process
  }

  /** Ends those that are left. */
  async end() {
    await Promise.all(
      this.#spare.map(async (process) => {
        await process.whenLoaded()
        await process.kill()
      }),
    )
  }
}
