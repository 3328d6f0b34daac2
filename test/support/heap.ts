import { getHeapStatistics, queryObjects } from 'node:v8'
import { expect } from 'vitest'
import { Channel } from '../../src/index.js'
import { collectGarbage } from './garbage.js'
import { turns } from './turns.js'

/** Ends what hangs, and only that. */
const PATIENT_MS = 10_000

/** The content of the heap after a complete collection. */
export async function heapStatistics(): Promise<{ used: number; external: number; contexts: number }> {
  for (let count = 0; count < 3; count += 1) {
    collectGarbage()
    await turns(5)
  }
  const { used_heap_size: used, external_memory: external, number_of_native_contexts } = getHeapStatistics()
  return { used, external, contexts: number_of_native_contexts }
}

/** How many objects of a class a walk over the whole heap finds, as a heap snapshot does. */
export function objectsOf(kind: abstract new (...args: never) => unknown): number {
  return queryObjects(kind, { format: 'count' })
}

/** Collects every closed channel of this thread. The caller must not hold one in a local variable. */
export async function expectNoChannels(): Promise<void> {
  await expect.poll(() => objectsOf(Channel), { timeout: PATIENT_MS, interval: 20 }).toBe(0)
}
