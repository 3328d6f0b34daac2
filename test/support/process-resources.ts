import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { expect } from 'vitest'
import { collectGarbage } from './garbage.js'
import { turns } from './turns.js'

/** Ends what hangs, and only that; sooner than a test's own timeout, which would not show what is left. */
const PATIENT_MS = 30_000

/** What a process holds that a closed channel must have given back. */
export interface Resources {
  /** What each open descriptor refers to; sorted. Sockets and pipes without their numbers. */
  readonly descriptors: readonly string[]
  /** Mappings of segments. */
  readonly segmentMappings: number
  readonly threads: number
  /** Names of ours in /dev/shm: there never is one. */
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

/** Collections without effect after which nothing more is expected of one: an array's memory may take several. */
const COLLECTIONS_WITHOUT_EFFECT = 3

/** What this process holds, without the mappings that only arrays which nobody uses any more keep. */
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

/** The process comes to hold what it held before; sockets close a few turns after their channel, pipes after their child. */
export async function expectResources(before: Resources, pid: number | 'self' = 'self'): Promise<void> {
  const current = (): Resources => {
    if (pid === 'self') collectGarbage()
    return resourcesOf(pid)
  }
  await expect.poll(current, { timeout: PATIENT_MS, interval: 5 }).toEqual(before)
}
