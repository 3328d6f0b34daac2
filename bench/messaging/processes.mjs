// The processes of a setup, and their CPU time.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROLES = fileURLToPath(new URL('roles.mjs', import.meta.url))
let names = 0

/** An address that no other setup uses. */
export function newName() {
  names += 1
  return `messaging-bench-${process.pid}-${names}`
}

/** Starts a process of roles.mjs. Resolves when it is ready. */
export async function startRole(role, ...args) {
  const child = fork(ROLES, [role, ...args.map(String)])
  const [ready] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${role} ended with ${code}`))),
  ])
  if (ready !== 'ready') throw new Error(`${role} is not ready: ${ready}`)
  return child
}

/** Sends a message to a role and resolves to its answer. */
export async function ask(child, message) {
  const answer = once(child, 'message')
  child.send(message)
  return (await answer)[0]
}

export async function stop(children) {
  const ends = children.map((child) => once(child, 'exit'))
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(ends)
}

/** The time of all threads of a process on a core. */
export function cpuMicros(pid = process.pid) {
  const folder = `/proc/${pid}/task`
  let nanos = 0
  for (const task of readdirSync(folder)) {
    try {
      nanos += Number(readFileSync(`${folder}/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch (error) {
      // The thread has ended meanwhile.
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error
    }
  }
  return nanos / 1000
}

export function cpuOf(children) {
  return children.reduce((sum, { pid }) => sum + cpuMicros(pid), cpuMicros())
}

/** Other events of this process get a turn. */
export function turn() {
  return new Promise((resolve) => setImmediate(resolve))
}
