import { closeSync, openSync, writeSync } from 'node:fs'

/** The progress of a side, in a file: the page cache keeps it if the process is killed or its event loop blocks. */
export class Progress {
  #file
  #words = new BigUint64Array(2)

  constructor(path) {
    this.#file = path === null ? undefined : openSync(path, 'w')
  }

  /** `sent` undefined keeps the last value. */
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
