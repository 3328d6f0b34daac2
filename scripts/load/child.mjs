// A process of a load run, seen from the process that runs it all.
import { fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('../../test/process/children/load/process.mjs', import.meta.url))
const EXEC_ARGV = ['--expose-gc', '--disable-warning=ExperimentalWarning']
/** Only a hang reaches it. */
const ANSWER_MS_MAX = 120_000

export class LoadChild {
  name
  /** Resolves to its exit code or signal. */
  ended
  #process
  #answers = new Map()
  #orders = 0
  #ready

  constructor({ role, name, options, env }) {
    this.name = name
    this.#process = fork(SCRIPT, [role, JSON.stringify(options)], {
      execArgv: EXEC_ARGV,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#ready = this.#answerOf(undefined)
    this.#process.on('message', ({ id, result, error }) => {
      const { resolve, reject } = this.#answers.get(id)
      this.#answers.delete(id)
      if (error === undefined) resolve(result)
      else reject(new Error(`${name}: ${error}`))
    })
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        for (const { reject } of this.#answers.values())
          reject(new Error(`process ${name} ended: ${signal ?? code}`))
        resolve(signal ?? code)
      })
    })
  }

  get pid() {
    return this.#process.pid
  }

  ready() {
    return within(this.#ready, `${this.name} does not begin`)
  }

  /** Resolves to the answer of the process. */
  ask(order, parts = {}) {
    this.#orders += 1
    const id = this.#orders
    const answer = this.#answerOf(id)
    this.#process.send({ id, order, ...parts }, () => {})
    return within(answer, `${this.name} does not answer '${order}'`)
  }

  kill() {
    this.#process.kill('SIGKILL')
    return this.ended
  }

  #answerOf(id) {
    const answer = new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }))
    // It can be killed before the caller waits.
    answer.catch(() => {})
    return answer
  }
}

async function within(promise, fault) {
  const watchdog = new AbortController()
  const limit = sleep(ANSWER_MS_MAX, undefined, { signal: watchdog.signal }).then(
    () => {
      throw new Error(fault)
    },
    () => {},
  )
  try {
    return await Promise.race([promise, limit])
  } finally {
    watchdog.abort()
  }
}
