// Compares a process at rest after the day with the same process, or one in the same place, at rest before it.
const MIB = 1024 ** 2
/** Compiled code, caches, and counters of a longer life. A leak of one object for each operation is more. */
const HEAP_GROWTH_MAX = 6 * MIB
const EXTERNAL_GROWTH_MAX = 8 * MIB
/** At rest, a connection can just begin or end. */
const DESCRIPTORS_GROWTH_MAX = 2
/** Operations that have not ended. */
const OPEN = [
  'outboxRecords',
  'requestsOpen',
  'requestsRunning',
  'gatewayRunning',
  'gatewayStreams',
  'jobs',
  'dead',
]

/** A queue remembers each id within its dedup window, in 164 bytes (measured, Node.js 20). */
const BYTES_PER_ID_MAX = 256

/** `ids`: how many more the process has to remember. `before` and `after`: `{ heapBytes, externalBytes, counters, descriptors, segments }`. Returns the faults, as sentences. */
export function leaksOf(name, before, after, ids = 0) {
  const faults = []
  const grew = (what, from, to, max, unit = 1, suffix = '') => {
    if (to - from > max)
      faults.push(
        `${name} has ${Math.round((to - from) / unit)}${suffix} more ${what}: ${Math.round(to / unit)} after ${Math.round(from / unit)}`,
      )
  }
  grew('heap', before.heapBytes, after.heapBytes, HEAP_GROWTH_MAX + ids * BYTES_PER_ID_MAX, MIB, ' MiB')
  grew('external memory', before.externalBytes, after.externalBytes, EXTERNAL_GROWTH_MAX, MIB, ' MiB')
  const types = new Set([...Object.keys(before.descriptors), ...Object.keys(after.descriptors)])
  for (const type of types)
    grew(
      `descriptors of ${type}`,
      before.descriptors[type] ?? 0,
      after.descriptors[type] ?? 0,
      DESCRIPTORS_GROWTH_MAX,
    )
  grew('mapped segments', before.segments, after.segments, 0)
  grew('open channels', before.counters.channels, after.counters.channels, 0)
  // Workers and subscriptions are calls that last.
  grew('running calls', before.counters.callsRunning, after.counters.callsRunning, 0)
  for (const counter of OPEN)
    if (after.counters[counter] !== 0)
      faults.push(`${name} has ${counter} ${after.counters[counter]} at rest`)
  return faults
}
