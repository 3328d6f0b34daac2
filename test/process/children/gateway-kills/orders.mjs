// The orders of a process with a role.
import { setTimeout as sleep } from 'node:timers/promises'
import { resources, settledResources } from '../call-kills/resources.mjs'
import { ROLES } from './roles.mjs'

const PATIENT_MS = 10_000

/** The returned function executes an order; the first one is `begin`. */
export function runOrders() {
  let role
  const held = () => ({ ...resources(), ...role.held() })
  return async ({ order, ...parts }) => {
    if (order === 'begin') role = await ROLES[parts.role](parts)
    else if (order === 'held') return settledHeld(held, parts.expected)
    else if (order === 'memory')
      return settledResources(() => ({ ...held(), objects: role.objects() }), parts.before)
    else return role.orders[order](parts)
    return undefined
  }
}

/** The resources of the process, once they are as expected; without `expected`, once they rest. */
async function settledHeld(held, expected) {
  const endMs = performance.now() + PATIENT_MS
  let last = expected === undefined ? '' : JSON.stringify(expected)
  for (;;) {
    const now = held()
    const text = JSON.stringify(now)
    if (text === last || performance.now() > endMs) return now
    if (expected === undefined) last = text
    // A mapping ends with its buffer.
    globalThis.gc()
    await sleep(10)
  }
}
