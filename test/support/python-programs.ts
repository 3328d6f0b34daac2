import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect } from 'vitest'

/** Another Python than that of the system may be the first on the PATH. Undefined if there is none that can run the example. */
export const python = ['/usr/bin/python3', 'python3'].find(
  (program) => spawnSync(program, ['-c', 'import os; os.memfd_create']).status === 0,
)
if (python === undefined)
  console.log('skipped: apt-get install python3: there is no Python with memfd_create')

export interface Program {
  readonly process: ChildProcess
  /** The lines of stdout so far. */
  readonly lines: string[]
  readonly stderr: () => string
}

const programs: Program[] = []
afterEach(() => {
  for (const { process: child } of programs.splice(0)) child.kill('SIGKILL')
})

/** Starts a program of test/interop/children, and kills it after the test. */
export function start(command: string, file: string, ...args: readonly string[]): Program {
  const path = fileURLToPath(new URL(`../interop/children/${file}`, import.meta.url))
  // Otherwise Python writes its compiled modules into the folder of the example.
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const child = spawn(command, [path, ...args], { env })
  const lines: string[] = []
  createInterface(child.stdout).on('line', (line) => lines.push(line))
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const program = { process: child, lines, stderr: () => stderr }
  programs.push(program)
  return program
}

/** Rejects unless the program ends with 0. Returns what it printed. */
export async function outputOf({ process: child, lines, stderr }: Program): Promise<string[]> {
  const status = child.exitCode ?? (await once(child, 'close'))[0]
  expect({ status, stderr: stderr() }).toEqual({ status: 0, stderr: '' })
  return lines
}
