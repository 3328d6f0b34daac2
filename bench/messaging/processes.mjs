// The processes of a setup of topics and queues.
import { fork } from 'node:child_process'
import { once } from 'node:events'
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

/** Other events of this process get a turn. */
export function turn() {
  return new Promise((resolve) => setImmediate(resolve))
}
