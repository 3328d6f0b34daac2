// The checks of a run: `[{ name, faults }]`. One without faults has passed.
import { lostChanges, openOperations } from './checks/call-check.mjs'
import { classifyErrors, faultsOfErrors } from './checks/error-check.mjs'
import { checkJobs } from './checks/job-check.mjs'
import { leaksOf } from './checks/leak-check.mjs'
import { faultsOfSubscription } from './checks/topic-check.mjs'

const STORE_FILES = new Set(['jobs.sqlite', 'jobs.sqlite-wal', 'jobs.sqlite-shm'])
const VICTIMS = ['worker', 'service', 'queue', 'gateway']

/** `[{ source, started, open, latency, errors }]` of all processes. */
export function outcomesOf({ accounts, h2load }) {
  const all = Object.values(accounts).flatMap(({ outcomes }) =>
    Object.entries(outcomes).map(([source, outcome]) => ({ source, ...outcome })),
  )
  if (h2load.missing === undefined) all.push({ source: 'gRPC, h2load', ...h2load.outcomes() })
  return all
}

export function judge(run) {
  const { events, before, after, accounts } = run
  const outcomes = outcomesOf(run)
  const errors = outcomes.flatMap(({ source, errors: rows }) =>
    rows.map((row) => ({ source, lastsMs: 100, ...row })),
  )
  const errorRows = classifyErrors(errors, events.windows)
  const jobs = checkJobs(run.lines, events.windows)
  const { sequences } = accounts.publisher
  const checks = [
    [
      'every acknowledged job has run, and again only with a reason',
      [...jobs.faults, ...undrained(after.drained)],
    ],
    ['every change that was answered was executed', lostChanges(run.answered, run.executed)],
    ['every operation has ended', openOperations(outcomes)],
    ['errors are of the expected kinds, and only while they are expected', faultsOfErrors(errorRows)],
    [
      'subscriptions have every message or count it as lost',
      [
        ...faultsOfSubscription('ticks', sequences.ticks, accounts.subscriber),
        ...faultsOfSubscription('feed', sequences.feed, accounts['slow-subscriber']),
        ...(accounts.subscriber.lost > 0
          ? [`ticks: ${accounts.subscriber.lost} messages lost, although its ring holds them`]
          : []),
      ],
    ],
    ['every watcher of the cell has its last value', wrongShares(accounts)],
    ['no process has more memory, descriptors or segments than before', leaks(before, after, jobs.held)],
    [
      'every process ends by itself, and leaves nothing behind',
      [...run.closeFaults, ...leftBehind(run.left)],
    ],
    ['every event had its effect', [...events.faults, ...withoutEffect(run, outcomes)]],
  ]
  return { checks: checks.map(([name, faults]) => ({ name, faults })), errorRows, jobs }
}

function undrained({ waiting, delayed, leased, dead }) {
  const left = waiting + delayed + leased + dead
  return left === 0 ? [] : [`${left} jobs are left: ${JSON.stringify({ waiting, delayed, leased, dead })}`]
}

function wrongShares(accounts) {
  return Object.entries(accounts)
    .filter(([, { share }]) => share !== undefined && share !== 0)
    .map(([name, { share }]) => `${name} reads ${share} instead of 0`)
}

function leaks(before, after, ids) {
  return Object.keys(before)
    .filter((name) => name !== 'drained')
    .flatMap((name) => leaksOf(name, before[name], after[name], name === 'queue' ? ids : 0))
}

function leftBehind({ runFiles, storeFiles, sharedMemory }) {
  return [
    ...runFiles.map((name) => `a file of the runtime directory is left: ${name}`),
    ...storeFiles
      .filter((name) => !STORE_FILES.has(name))
      .map((name) => `a file beside the store is left: ${name}`),
    ...sharedMemory.map((name) => `shared memory is left: ${name}`),
  ]
}

/** A run without these has tested nothing. */
function withoutEffect({ events, disk, clock, accounts }, outcomes) {
  const { kills, slowClients, storeFailures, clockSteps } = events.effects
  const absent = VICTIMS.filter((victim) => kills[victim] === undefined).map(
    (victim) => `no ${victim} was killed`,
  )
  if (slowClients === 0) absent.push('no slow client was ended')
  if (storeFailures === 0 && disk.missing === undefined) absent.push('the store has never failed')
  if (clockSteps === 0 && clock.missing === undefined) absent.push('the clock was never set')
  if (accounts['slow-subscriber'].lost === 0) absent.push('the slow subscriber has lost nothing')
  for (const { source, latency } of outcomes)
    if (latency.count === 0) absent.push(`nothing succeeded: ${source}`)
  return absent
}
