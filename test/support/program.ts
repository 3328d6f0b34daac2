import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll } from 'vitest'

export interface ProgramOutput {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Ends a program that hangs, so that its test fails with the output. */
const TIMEOUT_MS = 45_000

/** Runs a program to its end. Never rejects. */
export function runProgram(
  command: string,
  args: readonly string[],
  { env = {}, input }: ProgramOptions = {},
): Promise<ProgramOutput> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, timeout: TIMEOUT_MS })
    const output = outputOf(child)
    child.on('error', (error) => resolve({ code: null, stdout: '', stderr: error.message }))
    child.on('close', (code) => resolve({ code, ...output() }))
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** A program that prints a line when it is ready, and then runs until the last test of the file. */
export interface RunningProgram {
  /** The first line of its output. */
  readonly line: string
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<ProgramOutput>
}

const running = new Set<RunningProgram>()
afterAll(async () => {
  await Promise.all([...running].map((program) => program.stop()))
})

/** Rejects if the program ends before its first line. */
export async function startProgram(
  command: string,
  args: readonly string[],
  { env = {} }: ProgramOptions = {},
): Promise<RunningProgram> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = outputOf(child)
  const closed = once(child, 'close')
  const ended = async (): Promise<ProgramOutput> => {
    const [code] = (await closed) as [number | null]
    return { code, ...output() }
  }
  const line = await Promise.race([firstLine(child), ended()])
  if (typeof line !== 'string') throw new Error(`${command} ended (${line.code}): ${line.stderr}`)
  const program: RunningProgram = {
    line,
    stop: async () => {
      running.delete(program)
      const killer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
      child.kill('SIGTERM')
      const end = await ended()
      clearTimeout(killer)
      return end
    },
  }
  running.add(program)
  return program
}

function outputOf(child: ChildProcess): () => { stdout: string; stderr: string } {
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  return () => texts
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
  })
}
