// Starts the other processes of the example, and ends them.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** In a process that `startProcess` has started: reports where it listens, and ends when it is stopped or its parent is gone. */
export function whenStopped(places, close) {
  let isStopping = false
  const stop = async () => {
    if (isStopping) return
    isStopping = true
    await close()
    process.exit()
  }
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.on(event, stop)
  if (process.send) process.send(places)
  else console.log(places)
}

/**
 * Starts a program of this folder. Resolves to its process, and the places where it listens.
 *
 * @param inside a command that starts programs elsewhere, for example in a network namespace
 */
export async function startProcess(file, args, { env = {}, inside = [] } = {}) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const options = { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }
  const [command, ...words] = inside
  const child =
    command === undefined
      ? fork(path, args, options)
      : spawn(command, [...words, process.execPath, path, ...args], options)
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${file} ended with ${signal ?? code}`)
  })
  const [places] = await Promise.race([once(child, 'message'), ended])
  ended.catch(() => {})
  return { child, places }
}

/** Resolves when the process has ended. */
export async function stopProcess({ child }, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}
