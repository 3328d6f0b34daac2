// Compares what the processes of a run did with the guarantees of a queue. Returns the faults, as sentences.

const SHOWN = 5

/** Deliveries of a killed holder that wait in the socket of a worker begin so much later, at most. */
const LATE_NS = 1_000_000_000n
const NS_PER_MS = 1_000_000n
const NEVER_NS = 2n ** 63n

/**
 * @param lines all lines of the ledgers, in the order of their times
 * @param killed the names of the processes that were killed
 * @param bornNs when the last process of the queue was there; the jobs of the earlier ones are lost, unless they are durable
 * @param durable whether a store or a server keeps the jobs
 * @param holderKills `{ fromNs, untilNs }` of each kill of what holds the jobs: from the signal until the next one is there
 * @param forgets whether a killed holder forgets the ids of jobs that are done, and its last deliveries and acknowledgements
 * @param resendMs a push that has no answer for so long is sent again, so its own id can be a duplicate; undefined: never
 */
export function faultsOf(lines, { killed, bornNs, durable, holderKills, forgets, resendMs }) {
  const faults = []
  const jobs = jobsOf(lines, faults)
  const all = [...jobs.values()]
  const check = (what, wrong) => {
    const found = all.filter(wrong)
    if (found.length > 0)
      faults.push(`${found.length} ${what}: ${found.slice(0, SHOWN).map(describe).join('; ')}`)
  }
  const wasForgotten = (fromNs, untilNs) =>
    forgets && holderKills.some((kill) => kill.fromNs < untilNs && endOf(kill) > fromNs)
  const wasResent = ({ begunNs, answeredNs = NEVER_NS }) =>
    resendMs !== undefined &&
    (answeredNs - begunNs >= BigInt(resendMs) * NS_PER_MS || wasForgotten(begunNs, answeredNs))

  /** The holder was killed between the runs, or has forgotten the id before the job was sent a second time. */
  const canRunAgain = (job, run, next) =>
    wasForgotten(run.begunNs, next.begunNs) ||
    ((job.newNs !== undefined || wasResent(job)) && wasForgotten(job.begunNs, next.begunNs))

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
  check('new ids were duplicates', (job) => job.isDuplicate && !wasResent(job))
  check('repeated ids were new', ({ begunNs, newNs }) => newNs !== undefined && !wasForgotten(begunNs, newNs))
  check('requests were answered before their jobs ran', ({ isReplied, isDone }) => isReplied && !isDone)
  check('jobs repeated an attempt', (job) =>
    pairsOf(job.runs).some(([run, next]) => next.attempt <= run.attempt && !canRunAgain(job, run, next)),
  )
  check('jobs ran again without a reason', (job) =>
    pairsOf(job.runs).some(
      ([run, next]) =>
        run.isDone && !run.isAborted && !killed.has(run.process) && !canRunAgain(job, run, next),
    ),
  )
  const late = lines.filter(({ what }) => what === 'late')
  const unexpected = late.filter(({ more: [code] }) => code !== 'ERR_SHMWIRE_LEASE_LOST')
  if (unexpected.length > 0) faults.push(`${unexpected.length} jobs failed with ${unexpected[0].more[0]}`)
  return {
    faults,
    jobs: all.length,
    done: all.filter(({ isDone }) => isDone).length,
    again: all.filter(({ runs }) => runs.length > 1).length,
    repeated: lines.filter(({ what }) => what === 'repeated').length,
  }
}

/** Whether all jobs that the queue holds are done. */
export function areAllDone(lines) {
  return [...jobsOf(lines, []).values()].every(({ isHeld, isDone }) => isDone || !isHeld)
}

function endOf({ untilNs }) {
  return untilNs === undefined ? NEVER_NS : untilNs + LATE_NS
}

function pairsOf(runs) {
  return runs.slice(1).map((next, index) => [runs[index], next])
}

function jobsOf(lines, faults) {
  const jobs = new Map()
  for (const line of lines) if (!TOPIC_LINES.has(line.what)) add(jobs, line, faults)
  return jobs
}

/** They belong to topic-oracle.mjs. */
const TOPIC_LINES = new Set(['sent', 'stored', 'unstored', 'got', 'lost', 'ended'])

function add(jobs, { what, id, more, time, process }, faults) {
  let job = jobs.get(id)
  if (job === undefined) {
    job = { id, begunNs: undefined, isHeld: false, isDone: false, isReplied: false, runs: [] }
    jobs.set(id, job)
  }
  const run = () => job.runs.find((one) => one.process === process && one.number === more[0])
  if (what === 'begun') job.begunNs = time
  else if (what === 'held' || what === 'duplicate') {
    job.isHeld = true
    job.answeredNs = time
    job.isDuplicate = what === 'duplicate'
  } else if (what === 'replied') job.isReplied = true
  else if (what === 'repeated') {
    if (more[0] === 'new') job.newNs = time
  } else if (what === 'refused') job.refused = { code: more[0], executed: more[1] }
  else if (what === 'ran') {
    const [attempt, number] = more
    job.runs.push({
      attempt: Number(attempt),
      number,
      process,
      begunNs: time,
      isDone: false,
      isAborted: false,
    })
  } else if (what === 'aborted') run().isAborted = true
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
