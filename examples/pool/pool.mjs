// A pool of worker threads. Each of them serves; each call goes to the worker that has the fewest open calls.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { client } from 'shmwire'

/** Before a worker that ended is replaced, so that one that fails at once does not take a core. */
const RESTART_MS = 100
let pools = 0

export class Pool {
  #workers = []
  #file
  #name = `pool-${process.pid}-${pools++}`
  #closed = false

  /** Starts `size` workers that run `file`; by default one less than there are cores, because the caller needs one. */
  static async start(file, size = Math.max(1, availableParallelism() - 1)) {
    const pool = new Pool()
    pool.#file = file
    pool.#workers = Array.from({ length: size }, (_, index) => ({ index, open: 0 }))
    try {
      await Promise.all(pool.#workers.map((worker) => pool.#connect(worker)))
    } catch (error) {
      pool.#closed = true
      throw error
    }
    return pool
  }

  /** Calls a function of the least loaded worker. */
  async call(method, request, options) {
    let worker = this.#workers[0]
    for (const other of this.#workers) if (other.open < worker.open) worker = other
    worker.open += 1
    try {
      return await worker.service[method](request, options)
    } finally {
      worker.open -= 1
    }
  }

  /** Waits for the open calls. */
  async close() {
    this.#closed = true
    await Promise.all(this.#workers.map(({ service }) => service.$close()))
    await Promise.all(this.#workers.map(({ thread }) => thread.terminate()))
  }

  /** Rejects if the worker ends before it serves. Later, a worker that ends is replaced, and its client connects again. */
  async #connect(worker) {
    const address = `${this.#name}-${worker.index}`
    this.#begin(worker, address)
    const connected = client(address, { waitForServer: true, whenUnavailable: 'wait' })
    const ended = once(worker.thread, 'exit').then(() => Promise.reject(new Error('the worker ended')))
    worker.service = await Promise.race([connected, ended])
  }

  #begin(worker, address) {
    if (this.#closed) return
    worker.thread = new Worker(this.#file, { workerData: { address } })
    worker.thread.on('error', ({ message }) => console.log(`worker ${worker.index} ends: ${message}`))
    worker.thread.on('exit', () => setTimeout(() => this.#begin(worker, address), RESTART_MS))
  }
}
