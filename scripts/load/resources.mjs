// The resources of a process, from the kernel.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const KIB = 1024

/** Undefined if the process has ended. */
export function residentBytesOf(pid) {
  return whileAlive(() => {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return match === null ? undefined : Number(match[1]) * KIB
  })
}

/** The number of descriptors for each target, of sockets and pipes for each type. Undefined if the process has ended. */
export function descriptorsOf(pid) {
  return whileAlive(() => {
    const counts = {}
    for (const name of readdirSync(`/proc/${pid}/fd`)) {
      const target = whileAlive(() => readlinkSync(`/proc/${pid}/fd/${name}`))
      if (target === undefined) continue
      const type = target.replace(/:\[\d+\]$/, '').replace(/ \(deleted\)$/, '')
      counts[type] = (counts[type] ?? 0) + 1
    }
    return counts
  })
}

export function descriptorCountOf(pid) {
  return whileAlive(() => readdirSync(`/proc/${pid}/fd`).length)
}

/** Mappings of segments. */
export function segmentsOf(pid) {
  return whileAlive(
    () =>
      readFileSync(`/proc/${pid}/maps`, 'latin1')
        .split('\n')
        .filter((line) => line.includes('/memfd:shmwire')).length,
  )
}

/** Names of shared memory that this project would leave. */
export function sharedMemoryNames() {
  return readdirSync('/dev/shm').filter((name) => /shmwire|^sw-/.test(name))
}

function whileAlive(read) {
  try {
    return read()
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined
    throw error
  }
}
