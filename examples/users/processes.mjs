// Starts the other processes of the example, and ends them.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** In a process that `startProcess` has started: reports where it listens, and ends when it is stopped or its parent is gone. */
export function whenStopped(places, close) {
  let isStopping = false
  const stop = () => {
    if (isStopping) return
    isStopping = true
    void close().then(() => process.exit())
  }
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.on(event, stop)
  if (process.send === undefined) console.log(places)
  else if (process.connected) process.send(places)
  else stop()
}

/**
 * Starts a program of this folder. `places` resolves to the places where it listens.
 *
 * @param inside a command that starts programs elsewhere, for example in a network namespace
 */
export function startProcess(file, args, { env = {}, inside = [] } = {}) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const options = { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }
  // node:sqlite of Node.js 22 prints one.
  const execArgv = ['--disable-warning=ExperimentalWarning']
  const [command, ...words] = inside
  const child =
    command === undefined
      ? fork(path, args, { ...options, execArgv })
      : spawn(command, [...words, process.execPath, ...execArgv, path, ...args], options)
  const places = new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${file} ended with ${signal ?? code}`)))
  })
  return { child, places }
}

/** Resolves when the process has ended. */
export async function stopProcess({ child }, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}
