// Compares what the processes of a run did with the guarantees of a queue. Returns the faults, as sentences.

const SHOWN = 5

/**
 * @param lines all lines of the ledgers, in the order of their times
 * @param killed the names of the processes that were killed
 * @param bornNs when the last process of the queue was there; the jobs of the earlier ones are lost, unless there is a store
 * @param durable whether there is a store
 */
export function faultsOf(lines, { killed, bornNs, durable }) {
  const jobs = new Map()
  const faults = []
  for (const line of lines) add(jobs, line, faults)
  const all = [...jobs.values()]
  const check = (what, wrong) => {
    const found = all.filter(wrong)
    if (found.length > 0)
      faults.push(`${found.length} ${what}: ${found.slice(0, SHOWN).map(describe).join('; ')}`)
  }
  check('jobs ran that no program pushed', ({ begunNs, runs }) => begunNs === undefined && runs.length > 0)
  check(
    'jobs that the queue held were lost',
    ({ begunNs, isHeld, isDone }) => isHeld && !isDone && (durable || begunNs > bornNs),
  )
  check('pushes were refused without `executed`', ({ refused }) => refused?.executed === 'undefined')
  check(
    'pushes ran although `executed` was "no"',
    ({ refused, runs }) => refused?.executed === 'no' && runs.length > 0,
  )
  check('new ids were duplicates', ({ isDuplicate }) => isDuplicate)
  check('requests were answered before their jobs ran', ({ isReplied, isDone }) => isReplied && !isDone)
  check('jobs repeated an attempt', ({ runs }) =>
    runs.some(({ attempt }, index) => index > 0 && attempt <= runs[index - 1].attempt),
  )
  check('jobs ran again without a reason', ({ runs }) =>
    runs.slice(0, -1).some((run) => run.isDone && !run.isAborted && !killed.has(run.process)),
  )
  const late = lines.filter(({ what }) => what === 'late')
  const unexpected = late.filter(({ more: [code] }) => code !== 'ERR_SHMWIRE_LEASE_LOST')
  if (unexpected.length > 0) faults.push(`${unexpected.length} jobs failed with ${unexpected[0].more[0]}`)
  return {
    faults,
    jobs: all.length,
    done: all.filter(({ isDone }) => isDone).length,
    again: all.filter(({ runs }) => runs.length > 1).length,
  }
}

function add(jobs, { what, id, more, time, process }, faults) {
  let job = jobs.get(id)
  if (job === undefined) {
    job = { id, begunNs: undefined, isHeld: false, isDone: false, isReplied: false, runs: [] }
    jobs.set(id, job)
  }
  const run = () => job.runs.find((one) => one.attempt === Number(more[0]) && one.process === process)
  if (what === 'begun') job.begunNs = time
  else if (what === 'held') job.isHeld = true
  else if (what === 'replied') job.isReplied = true
  else if (what === 'duplicate') job.isDuplicate = true
  else if (what === 'refused') job.refused = { code: more[0], executed: more[1] }
  else if (what === 'ran')
    job.runs.push({ attempt: Number(more[0]), process, isDone: false, isAborted: false })
  else if (what === 'aborted') run().isAborted = true
  else if (what === 'done') {
    job.isDone = true
    run().isDone = true
  } else if (what === 'wrong') faults.push(`${process} got another message than that of ${id}`)
}

function describe({ id, runs, refused }) {
  const places = runs.map(
    ({ attempt, process, isDone }) => `attempt ${attempt} in ${process}${isDone ? ', done' : ''}`,
  )
  return `${id} (${[...places, ...(refused === undefined ? [] : [`refused ${refused.code} ${refused.executed}`])].join(', ')})`
}
