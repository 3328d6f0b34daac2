import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a process holds that a closed channel must have given back. */
export interface Resources {
  /** What each open descriptor refers to; sorted. Sockets and pipes without their numbers. */
  readonly descriptors: readonly string[]
  /** Mappings of segments. */
  readonly segmentMappings: number
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
    sharedMemoryNames: readdirSync('/dev/shm').filter((name) => /shmwire|^sw-/.test(name)),
  }
}
