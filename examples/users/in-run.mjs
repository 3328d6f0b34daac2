// A run of the example: its folder and its processes, which end with it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeCertificates } from './certificates.mjs'
import { startProcess, stopProcess } from './processes.mjs'

/** Calls `work`, then undoes everything, the last part first; also after an error and on Ctrl-C. Ends the process after these. */
export async function inRun(work) {
  const undo = []
  let ending
  const end = () => {
    ending ??= (async () => {
      for (const one of undo.toReversed()) await one()
    })()
    return ending
  }
  const stop = () => {
    void end().then(() => process.exit(1))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
  try {
    await work(new Run(undo))
    await end()
  } catch (error) {
    // A run that is ended fails, because its processes end.
    if (ending === undefined) console.error(error)
    await end()
    // Clients that are open keep a process alive.
    process.exit(1)
  }
}

class Run {
  folder = mkdtempSync(join(tmpdir(), 'shmwire-users-'))
  #undo

  constructor(undo) {
    this.#undo = undo
    this.undo(() => rmSync(this.folder, { recursive: true, force: true }))
    writeCertificates(this.folder)
    // The names of servers are those of this run.
    process.env.SHMWIRE_DIR = this.directory('run')
  }

  /** Creates a directory that only this user can read. */
  directory(name) {
    const path = join(this.folder, name)
    mkdirSync(path, { mode: 0o700 })
    return path
  }

  /** See `startProcess`. Resolves to the places where the program listens. */
  start(file, args, options) {
    const started = startProcess(file, [this.folder, ...args], options)
    this.undo(() => stopProcess(started))
    return started.places
  }

  /** @param one a function that is called at the end, before those that were passed earlier */
  undo(one) {
    this.#undo.push(one)
  }
}
