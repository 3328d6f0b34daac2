import { fork } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('../../test/process/children/talker.mjs', import.meta.url))
/** Ends a hanging process. Longer than any pause in a conversation. */
const PATIENCE_MS = 120_000

/** A process of test/process/children/talker.mjs, and its reports. */
export class Talker {
  /** Resolves to its exit code or signal. */
  exited
  stderr = ''
  #process
  #said = []
  #waiting
  #exit

  constructor(directory) {
    this.#process = fork(SCRIPT, [], {
      execArgv: ['--expose-gc'],
      env: { ...process.env, SHMWIRE_DIR: directory },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    this.#process.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.#process.on('message', (message) => {
      this.#said.push(message)
      this.#waiting?.()
    })
    this.exited = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#exit = signal ?? code
        this.#waiting?.()
        resolve(this.#exit)
      })
    })
  }

  get pid() {
    return this.#process.pid
  }

  tell(order) {
    this.#process.send(order)
  }

  /** The next report. Rejects if it is not of this kind. */
  async next(kind) {
    const endMs = performance.now() + PATIENCE_MS
    while (this.#said.length === 0) {
      if (this.#exit !== undefined)
        throw new Error(
          `process ${this.pid} ended (${this.#exit}) instead of saying '${kind}'; ${this.stderr}`,
        )
      await this.#news(endMs, kind)
    }
    const message = this.#said.shift()
    if (message.said === kind) return message
    throw new Error(`instead of '${kind}': ${message.fault ?? message.failure ?? message.said}`)
  }

  /** The reports that were not read, except those that a conversation has started. */
  get faults() {
    return this.#said.filter(({ said }) => said === 'fault').map(({ fault }) => fault)
  }

  signal(name) {
    this.#process.kill(name)
  }

  async kill() {
    this.#process.kill('SIGKILL')
    return this.exited
  }

  /** Its resources: those of the kernel, and its heap after a collection. */
  async resources() {
    this.tell('resources')
    const { heap, objects } = await this.next('heap')
    const proc = `/proc/${this.pid}`
    const held = {
      descriptors: readdirSync(`${proc}/fd`)
        .map((name) => targetOf(`${proc}/fd/${name}`))
        .toSorted(),
      segmentMappings: readFileSync(`${proc}/maps`, 'latin1')
        .split('\n')
        .filter((line) => line.includes('/memfd:')).length,
      threads: readdirSync(`${proc}/task`).length,
      sharedMemoryNames: readdirSync('/dev/shm').filter((name) => /shmwire|^sw-/.test(name)),
    }
    return { held, heap, objects }
  }

  #news(endMs, kind) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`process ${this.pid} has not said '${kind}' in ${PATIENCE_MS / 1000} s`)),
        endMs - performance.now(),
      )
      this.#waiting = () => {
        clearTimeout(timer)
        this.#waiting = undefined
        resolve()
      }
    })
  }
}

/** Sockets and pipes, without their numbers. */
function targetOf(link) {
  try {
    return readlinkSync(link).replace(/:\[\d+\]$/, '')
  } catch (error) {
    if (error.code === 'ENOENT') return 'closed meanwhile'
    throw error
  }
}
