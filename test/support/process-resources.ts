import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { expect } from 'vitest'
import { collectGarbage } from './garbage.js'
import { turns } from './turns.js'

/** Only a hang reaches it. It is shorter than a test's timeout, which would not show the leaked resources. */
const PATIENT_MS = 30_000

/** Resources of a process that a closed channel must have released. */
export interface Resources {
  /** The targets of the open descriptors, sorted. Sockets and pipes have no numbers. */
  readonly descriptors: readonly string[]
  /** Mappings of segments. */
  readonly segmentMappings: number
  readonly threads: number
  /** Names of shmwire in /dev/shm: there must never be one. */
  readonly sharedMemoryNames: readonly string[]
}

export function resourcesOf(pid: number | 'self' = 'self'): Resources {
  const folder = `/proc/${pid}/fd`
  const descriptors = readdirSync(folder).flatMap((name) => {
    try {
      const target = readlinkSync(`${folder}/${name}`)
      // The descriptor that reads this very folder.
      return /^\/proc\/\d+\/fd$/.test(target) ? [] : [target.replace(/:\[\d+\]$/, '')]
    } catch {
      return []
    }
  })
  const maps = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')
  return {
    descriptors: descriptors.toSorted(),
    segmentMappings: maps.filter((line) => line.includes('/memfd:')).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    sharedMemoryNames: readdirSync('/dev/shm').filter((name) => /shmwire|^sw-/.test(name)),
  }
}

/** Collections without effect before the last is final: the memory of an array may need several. */
const COLLECTIONS_WITHOUT_EFFECT = 3

/** Resources of this process after a collection, which frees the mappings of unused arrays. */
export async function resourcesOnceCollected(): Promise<Resources> {
  let resources = resourcesOf()
  for (let count = 0; count < COLLECTIONS_WITHOUT_EFFECT; count += 1) {
    collectGarbage()
    await turns(2)
    const { segmentMappings } = resources
    resources = resourcesOf()
    if (resources.segmentMappings < segmentMappings) count = -1
  }
  return resources
}

/** Waits until the process holds the same as before. Sockets close shortly after their channel, pipes after their child. */
export async function expectResources(before: Resources, pid: number | 'self' = 'self'): Promise<void> {
  const current = (): Resources => {
    if (pid === 'self') collectGarbage()
    return resourcesOf(pid)
  }
  await expect.poll(current, { timeout: PATIENT_MS, interval: 5 }).toEqual(before)
}
