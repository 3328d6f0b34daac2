import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Runs a program to its end and collects its output. `show` also prints it. `timeoutMs` ends it. `bare` leaves out the environment of this
 * process. Never rejects.
 */
export function run(command, args, { cwd = root, env = {}, bare = false, show = false, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: bare ? env : { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        output += text
        if (show) process.stdout.write(text)
      })
    }
    child.on('error', (error) => resolve({ ok: false, output: `${command}: ${error.message}` }))
    child.on('close', (status, signal) => {
      if (signal !== null) output += `\n${command} was ended by ${signal}`
      resolve({ ok: status === 0, output })
    })
  })
}

/** Runs a program of node_modules by its script, without a shell. */
export function runNode(script, args, options) {
  return run(process.execPath, [join(root, script), ...args], options)
}

/** The path of a program; undefined if it is not on the PATH or does not start. */
export function find(program) {
  const folder = (process.env['PATH'] ?? '')
    .split(delimiter)
    .find((entry) => existsSync(join(entry, program)))
  // A version manager can have a shim without the program.
  if (folder === undefined || spawnSync(program, ['--version']).status !== 0) return undefined
  return join(folder, program)
}

/** The first available one of several programs. */
export function findAny(...programs) {
  return programs.find((program) => find(program) !== undefined)
}
