import { fork } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('../../test/process/children/soak-child.mjs', import.meta.url))
/** Only a hang reaches it. Longer than the silence of any exchange. */
const SILENCE_MS_MAX = 120_000

/** A process of test/process/children/soak-child.mjs, and its messages. */
export class SoakChild {
  /** Resolves to its exit code or signal. */
  exited
  stderr = ''
  #process
  #messages = []
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
      this.#messages.push(message)
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

  send(order) {
    this.#process.send(order)
  }

  /** The next message. Throws if it has another type. */
  async next(type) {
    const endMs = performance.now() + SILENCE_MS_MAX
    while (this.#messages.length === 0) {
      if (this.#exit !== undefined)
        throw new Error(
          `process ${this.pid} ended (${this.#exit}) instead of sending '${type}'; ${this.stderr}`,
        )
      await this.#nextEvent(endMs, type)
    }
    const message = this.#messages.shift()
    if (message.type === type) return message
    throw new Error(`instead of '${type}': ${message.fault ?? message.failure ?? message.type}`)
  }

  /** The reported faults. */
  get faults() {
    return this.#messages.filter(({ type }) => type === 'fault').map(({ fault }) => fault)
  }

  signal(name) {
    this.#process.kill(name)
  }

  async kill() {
    this.#process.kill('SIGKILL')
    return this.exited
  }

  /** Its resources outside of the heap, from the kernel, and in the heap, after a collection. */
  async resources() {
    this.send('resources')
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

  #nextEvent(endMs, type) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`process ${this.pid} has not sent '${type}' in ${SILENCE_MS_MAX / 1000} s`)),
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

/** The target of a descriptor; sockets and pipes without their numbers. */
function targetOf(link) {
  try {
    return readlinkSync(link).replace(/:\[\d+\]$/, '')
  } catch (error) {
    if (error.code === 'ENOENT') return 'closed meanwhile'
    throw error
  }
}
