import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Of stdin, which ends behind it. Undefined: stdin stays open. */
  readonly input?: string
  readonly nodeArguments?: readonly string[]
  /** A program, with arguments, that starts the process with fewer resources. */
  readonly launcher?: readonly string[]
}

export interface CliResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly error: string
}

/** A process of the built `shmwire`, whose output is not a terminal. */
export class Cli {
  readonly process
  out = ''
  error = ''
  readonly ended: Promise<CliResult>
  #onOut: (() => void) | undefined

  constructor(
    args: readonly string[],
    { env = {}, input, nodeArguments = [], launcher = [] }: CliOptions = {},
  ) {
    const [program, ...words] = [...launcher, process.execPath, ...nodeArguments, MAIN, ...args]
    this.process = spawn(program as string, words, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    processes.add(this)
    if (input !== undefined) this.process.stdin.end(input)
    this.process.stdin.on('error', () => {
      // A command that fails does not read its input.
    })
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.out += text
      this.#onOut?.()
    })
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.error += text
      this.#onOut?.()
    })
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        processes.delete(this)
        resolve({ code, signal, out: this.out, error: this.error })
      })
    })
  }

  /** Resolves when the output contains the text; rejects when the process ends without it. */
  async printed(text: string): Promise<void> {
    const found = new Promise<void>((resolve) => {
      this.#onOut = () => {
        if (this.out.includes(text) || this.error.includes(text)) resolve()
      }
      this.#onOut()
    })
    const ended = this.ended.then((result) => {
      if (!result.out.includes(text) && !result.error.includes(text))
        throw new Error(`shmwire ended without printing ${text}: ${JSON.stringify(result)}`)
    })
    await Promise.race([found, ended])
  }
}

/** Runs `shmwire <args>` with an empty stdin to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Cli(args, { input: '', ...options }).ended
}

const processes = new Set<Cli>()

afterEach(async () => {
  await Promise.all(
    [...processes].map((cli) => {
      cli.process.kill('SIGKILL')
      return cli.ended
    }),
  )
})
