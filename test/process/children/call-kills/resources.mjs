// The resources of a process.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { queryObjects } from 'node:v8'

const PATIENT_MS = 10_000
/**
 * Compiled code, what V8 learns from more calls, and connections that are open at the moment: up to 158 objects of a gateway on a busy machine.
 * A leak of one object per call is more, because there are some hundred calls between two kills.
 */
const OBJECTS_MAX = 500
const HEAP_BYTES_MAX = 6 * 1024 * 1024

export function resources() {
  return {
    descriptors: descriptors(),
    mappings: readFileSync('/proc/self/maps', 'latin1')
      .split('\n')
      .filter((line) => line.includes('/memfd:')).length,
    threads: readdirSync('/proc/self/task').length,
    // Without the attempts of a client that has no server.
    active: counts(process.getActiveResourcesInfo().filter((name) => name !== 'ConnectWrap')),
  }
}

/** The state once it is the same as before; without `before`, once it rests. Then it also contains the size of the heap. */
export async function settledResources(state, before) {
  const endMs = performance.now() + PATIENT_MS
  let last = ''
  for (;;) {
    await collect()
    const held = state()
    const text = JSON.stringify(held)
    const isSettled = before === undefined ? text === last : text === JSON.stringify(before.held)
    if (isSettled || performance.now() > endMs)
      return { held, objects: queryObjects(Object, { format: 'count' }), ...process.memoryUsage() }
    last = text
    await sleep(20)
  }
}

/** In a long run, a leak of one object per kill is twice the limit. */
export function faultsOfResources(before, after, kills) {
  const faults = []
  for (const [name, value] of Object.entries(before.held)) {
    const [was, is] = [JSON.stringify(value), JSON.stringify(after.held[name])]
    if (was !== is) faults.push(`${name}: ${was} before, ${is} after`)
  }
  const objects = after.objects - before.objects
  if (objects > Math.max(OBJECTS_MAX, kills / 2)) faults.push(`there are ${objects} objects more`)
  for (const name of ['heapUsed', 'external', 'arrayBuffers']) {
    const grown = after[name] - before[name]
    if (grown > HEAP_BYTES_MAX) faults.push(`${name} has grown by ${grown} bytes`)
  }
  return faults
}

async function collect() {
  for (let count = 0; count < 3; count += 1) {
    globalThis.gc()
    await sleep(1)
  }
}

function descriptors() {
  const targets = readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`).replace(/:\[\d+\]$/, '')]
    } catch (error) {
      // The descriptor that read the folder.
      if (error.code === 'ENOENT') return []
      throw error
    }
  })
  return counts(targets)
}

function counts(names) {
  const found = {}
  for (const name of names.toSorted()) found[name] = (found[name] ?? 0) + 1
  return found
}
