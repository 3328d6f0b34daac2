// A wall clock for the processes of a run, which is set while they run.
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../stages/command.mjs'

const SOURCE = 'native/test/clock/stepped_clock.cc'
const SECONDS_BYTES = 8

export class Clock {
  /** The environment of the processes. */
  env = {}
  /** Why the clock cannot be set; undefined if it can. */
  missing
  #path

  constructor(folder) {
    if (process.platform !== 'linux') {
      this.missing = 'the library is for Linux'
      return
    }
    const library = join(folder, 'stepped-clock.so')
    this.#path = join(folder, 'clock')
    const { error, status, stderr } = spawnSync(
      process.env.CXX ?? 'c++',
      ['-std=c++20', '-O1', '-shared', '-fPIC', '-o', library, SOURCE],
      { cwd: root, encoding: 'utf8' },
    )
    if (error !== undefined) {
      this.missing = `no C++ compiler (apt-get install g++): ${error.message}`
      return
    }
    if (status !== 0) throw new Error(`${SOURCE} does not compile:\n${stderr}`)
    writeFileSync(this.#path, Buffer.alloc(SECONDS_BYTES))
    this.env = { LD_PRELOAD: library, SHMWIRE_TEST_CLOCK: this.#path }
  }

  /** Sets the clock of all processes, so many seconds ahead of the true time. */
  set(seconds) {
    const bytes = Buffer.alloc(SECONDS_BYTES)
    bytes.writeBigInt64LE(BigInt(seconds))
    const file = openSync(this.#path, 'r+')
    writeSync(file, bytes, 0, SECONDS_BYTES, 0)
    closeSync(file)
  }
}
