// Compares what the workers did with what the queue has accepted.
const SHOWN = 5
const NS_PER_MS = 1_000_000n
/** The events after which a job may run a second time. */
const REASONS = new Set(['worker killed', 'queue killed', 'full disk'])

/**
 * @param lines of the ledgers of pushers and workers, in the order of their times
 * @param windows `[{ what, fromMs, untilMs }]`
 */
export function checkJobs(lines, windows) {
  const begun = new Set()
  const held = new Set()
  const done = new Map()
  const runs = new Map()
  for (const { what, id, time } of lines) {
    if (what === 'begun') begun.add(id)
    else if (what === 'held') held.add(id)
    else if (what === 'done') done.set(id, (done.get(id) ?? 0) + 1)
    else if (what === 'ran') runs.set(id, [...(runs.get(id) ?? []), Number(time / NS_PER_MS)])
  }
  const canRunAgain = (atMs) =>
    windows.some(({ what, fromMs, untilMs }) => REASONS.has(what) && fromMs <= atMs && atMs <= untilMs)
  const again = [...runs].filter(([, times]) => times.length > 1)
  const faults = []
  const report = (what, ids) => {
    if (ids.length > 0) faults.push(`${ids.length} ${what}: ${ids.slice(0, SHOWN).join(', ')}`)
  }
  report(
    'acknowledged jobs are not done',
    [...held].filter((id) => !done.has(id)),
  )
  report(
    'jobs ran that no program pushed',
    [...runs.keys()].filter((id) => !begun.has(id)),
  )
  report(
    'jobs ran again without a reason',
    again.filter(([, times]) => !times.slice(1).every(canRunAgain)).map(([id]) => id),
  )
  return { faults, held: held.size, done: done.size, again: again.length }
}
