import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A process that writes a line of JSON to stdout, and the reason of a failure to stderr. */
export class PeerProcess {
  /** Resolves when the process has ended without an error. */
  ended
  #child
  #said
  #killedFor

  /**
   * @param {string} name its name in an error
   * @param {readonly string[]} command
   */
  constructor(name, [program, ...args]) {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    let errorText = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errorText += text
    })
    this.ended = new Promise((resolve, reject) => {
      child.on('error', (error) => reject(new Error(`${program} cannot be started: ${error.message}`)))
      child.on('close', (code, signal) => {
        if (code === 0) return resolve()
        const how = this.#killedFor ?? `ended with ${signal ?? `code ${code}`}`
        reject(new Error(`the ${name}: ${how}${gistOf(errorText)}`))
      })
    })
    const line = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve))
    this.#said = Promise.race([line.then(JSON.parse), this.ended])
    // They are awaited later, possibly after both have failed.
    this.ended.catch(() => {})
    this.#said.catch(() => {})
  }

  /** The line of JSON. */
  async said() {
    const message = await this.#said
    if (message === undefined) throw new Error('a process ended without a word')
    return message
  }

  kill(why) {
    this.#killedFor ??= why
    this.#child.kill('SIGKILL')
  }
}

/** The line of an uncaught error with its message. */
function gistOf(errorText) {
  const gist =
    errorText.split('\n').find((line) => /^(?:\w*Error|\w+ \[\w+\]): /.test(line)) ?? errorText.trim()
  return gist === '' ? '' : `: ${gist}`
}
