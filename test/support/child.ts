import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeRemoval } from './temporary-directory.js'

export interface ChildOptions {
  readonly args?: readonly (string | number)[]
  readonly env?: Readonly<Record<string, string>>
  /** Without it the child can end when it has nothing more to do: an IPC channel with a listener keeps it alive. */
  readonly ipc?: boolean
  /** A program, with arguments, that starts the child in another environment or with fewer resources. */
  readonly launcher?: readonly string[]
  /** The child serves all tests of the file, not only one. */
  readonly lasting?: boolean
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A process of test/process/children and its messages: process.send with `ipc`, else lines of JSON on stdout. */
export class Child {
  readonly process: ChildProcess
  /** Resolves when the process has ended and its output has arrived. */
  readonly ended: Promise<Exit>
  stderr = ''
  #messages: unknown[] = []
  #waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = []
  #rest = ''
  #exit: Exit | undefined

  constructor(name: string, options: ChildOptions = {}) {
    const { args = [], env = {}, ipc = false, launcher = [], lasting = false } = options
    const siblings = lasting ? lastingChildren : children
    const file = fileURLToPath(new URL(`../process/children/${name}.mjs`, import.meta.url))
    const [program, ...words] = [...launcher, process.execPath, file, ...args.map(String)]
    this.process = spawn(program as string, words, {
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
      env: { ...process.env, ...env },
      serialization: 'advanced',
    })
    siblings.add(this)
    this.process.on('message', (message) => this.#receive(message))
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        siblings.delete(this)
        this.#exit = { code, signal }
        resolve(this.#exit)
        for (const { reject } of this.#waiting.splice(0)) reject(this.#endedError())
      })
    })
  }

  /** The next message. Rejects when the process ends without one. */
  next<T>(): Promise<T> {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift() as T)
    if (this.#exit !== undefined) return Promise.reject(this.#endedError())
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    }) as Promise<T>
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  send(message: object | string): void {
    this.process.send?.(message)
  }

  async kill(): Promise<Exit> {
    this.process.kill('SIGKILL')
    return this.ended
  }

  #receive(message: unknown): void {
    const waiter = this.#waiting.shift()
    if (waiter === undefined) this.#messages.push(message)
    else waiter.resolve(message)
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#receive(JSON.parse(line))
  }

  #endedError(): Error {
    const { code, signal } = this.#exit ?? {}
    return new Error(`the child ended (${signal ?? code}) without a further message; stderr: ${this.stderr}`)
  }
}

const children = new Set<Child>()
const lastingChildren = new Set<Child>()

const killAll = (all: ReadonlySet<Child>) => Promise.all([...all].map((child) => child.kill()))

// Windows does not remove a file that a process has open.
beforeRemoval(
  () => killAll(children),
  () => killAll(lastingChildren),
)
