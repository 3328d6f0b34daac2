import { closeSync, openSync, writeSync } from 'node:fs'

/** How far a side is, in a file: the page cache keeps that whatever happens to the process, and whatever blocks its event loop. */
export class Progress {
  #file
  #words = new BigUint64Array(2)

  constructor(path) {
    this.#file = path === null ? undefined : openSync(path, 'w')
  }

  /** Undefined: as before. */
  write(sent, received) {
    if (this.#file === undefined) return
    if (sent !== undefined) this.#words[0] = BigInt(sent)
    this.#words[1] = BigInt(received)
    writeSync(this.#file, new Uint8Array(this.#words.buffer), 0, 16, 0)
  }

  close() {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
