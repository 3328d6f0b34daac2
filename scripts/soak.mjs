// Two processes exchange messages in every way for a given time. Each byte is checked, and no stall is repaired.
//   npm run soak                                     a minute
//   npm run soak -- --minutes 600 --seed 7           or --seconds
// An exchange that stops while both are idle is a lost wake-up: it is reported with the wake words, and fails.
// The last line is `N passed, N failed`, of exchanges.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBits } from '../test/process/children/soak/pattern.mjs'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'
import { faultsOfPair, faultsOfSurvivor, readProgress } from './soak/oracle.mjs'
import {
  describePlans,
  gapPlans,
  inProcessPlans,
  randomPlans,
  streamPlans,
  turnPlans,
} from './soak/plans.mjs'
import { SoakChild } from './soak/soak-child.mjs'
import { Watch } from './soak/watch.mjs'
import { run } from './stages/command.mjs'

const SHOW_EVERY_MS = 10_000
/** Shares of the time. A stream sends the most messages; the others find more faults. */
const KINDS = [
  { plans: streamPlans, share: 0.5 },
  { plans: randomPlans, share: 0.35 },
  { plans: turnPlans, share: 0.08 },
  { plans: gapPlans, share: 0.05 },
  { plans: inProcessPlans, share: 0.02 },
]
/** For a long run. A short run has shorter exchanges, so that it has some of each type. */
const EXCHANGE_MS_MAX = 15_000
const EXCHANGES_MIN = 12
const KILLED_OF = 5
const STOPPED_OF = 4
const STOP_MS_MAX = 400

const { minutes, seconds, seed } = numbersFromArguments({
  minutes: undefined,
  seconds: undefined,
  seed: newSeed(),
})
const durationMs = ((minutes ?? 0) * 60 + (seconds ?? (minutes === undefined ? 60 : 0))) * 1000
const built = await run(process.execPath, ['scripts/build.mjs', '--quiet'])
if (!built.ok) throw new Error(`the build failed:\n${built.output}`)
console.log(`soak of ${durationMs / 1000} s: --seed ${seed}`)

const totals = {
  exchanges: 0,
  failed: 0,
  records: 0,
  bytes: 0,
  requests: 0,
  kills: 0,
  stops: 0,
  wakes: 0,
  stalls: 0,
}
const current = { files: [], what: '' }
const bits = randomBits(seed)
const startMs = performance.now()
const ticker = setInterval(() => show(), SHOW_EVERY_MS)
const spentMs = KINDS.map(() => 0)
while (performance.now() - startMs < durationMs) await exchangeOnce()
clearInterval(ticker)
current.files = []
current.what = 'done'
show()
console.log(`${totals.exchanges - totals.failed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed > 0 ? 1 : 0

async function exchangeOnce() {
  // The plans that are furthest behind their share.
  const behind = KINDS.map(({ share }, index) => spentMs[index] / share)
  const kind = behind.indexOf(Math.min(...behind))
  const lengthMs = Math.min(
    EXCHANGE_MS_MAX,
    durationMs / EXCHANGES_MIN,
    durationMs - (performance.now() - startMs),
  )
  const isKilled = KINDS[kind].plans === randomPlans && bits() % KILLED_OF === 0
  const plans = KINDS[kind].plans(bits, isKilled ? null : Math.max(1, lengthMs))
  const begunMs = performance.now()
  const root = mkdtempSync(join(tmpdir(), 'sw-'))
  const directory = join(root, 'run')
  mkdirSync(directory, { mode: 0o700 })
  current.files = plans.sides.map((side, index) => {
    side.file = join(root, `progress-${index}`)
    return side.file
  })
  current.what = describePlans(plans)
  const children =
    plans.transport === 'in-process'
      ? [new SoakChild(directory)]
      : plans.sides.map(() => new SoakChild(directory))
  let faults
  try {
    faults = await exchange(children, plans, isKilled ? lengthMs : undefined)
  } catch (error) {
    faults = [error.stack]
  } finally {
    await Promise.all(children.map((child) => child.kill()))
    rmSync(root, { recursive: true, force: true })
  }
  spentMs[kind] += performance.now() - begunMs
  totals.exchanges += 1
  if (faults.length === 0) return
  totals.failed += 1
  console.error(`${describePlans(plans)}:\n  ${faults.join('\n  ')}`)
}

/** Returns the faults. */
async function exchange(children, plans, killAfterMs) {
  if (plans.transport === 'in-process') children[0].send({ plan: { role: 'both', sides: plans.sides } })
  else {
    children[0].send({ plan: plans.sides[0] })
    await children[0].next('listening')
    children[1].send({ plan: plans.sides[1] })
  }
  await Promise.all(children.map((child) => child.next('running')))
  const stopped = { now: false }
  const watch = new Watch(children, current.files, () => stopped.now)
  const ending =
    killAfterMs === undefined ? endInOrder(children, stopped, plans) : endByKill(children, plans, killAfterMs)
  // Only the stall is a fault, later errors of the killed children are not.
  ending.catch(() => {})
  const stall = watch.stalled.then((report) => {
    totals.stalls += 1
    return [report]
  })
  try {
    return await Promise.race([ending, stall])
  } finally {
    watch.stop()
  }
}

async function endInOrder(children, stopped, plans) {
  const isStopped = plans.transport !== 'in-process' && bits() % STOPPED_OF === 0
  const stopping = isStopped ? stopOnce(children[bits() % 2], stopped, plans.sides[0].durationMs) : undefined
  const accounts = (await Promise.all(children.map((child) => child.next('account')))).flatMap(
    (message) => message.accounts,
  )
  await stopping
  for (const account of accounts) tally(account)
  return faultsOfPair(accounts)
}

async function endByKill(children, plans, killAfterMs) {
  await sleep(fraction() * killAfterMs)
  const doomed = bits() % 2
  await children[doomed].kill()
  totals.kills += 1
  const [account] = (await children[1 - doomed].next('account')).accounts
  tally(account)
  const committedFile = plans.transport === 'shm' ? plans.sides[doomed].file : undefined
  return [...children[doomed].faults, ...faultsOfSurvivor(account, committedFile)]
}

/** Stops a process for a while during an exchange. No message may be lost, and the peer must not report its death. */
async function stopOnce(child, stopped, withinMs) {
  await sleep(fraction() * withinMs * 0.8)
  stopped.now = true
  child.signal('SIGSTOP')
  totals.stops += 1
  await sleep(1 + fraction() * STOP_MS_MAX)
  child.signal('SIGCONT')
  stopped.now = false
}

/** In [0, 1). */
function fraction() {
  return bits() / 2 ** 32
}

function tally({ received, answered, stats }) {
  totals.records += received
  totals.requests += answered
  totals.bytes += stats.bytesReceived
  totals.wakes += stats.wakesReceived
}

function show() {
  const { records, bytes, requests, kills, stops, wakes, stalls, exchanges, failed } = totals
  const underWay = current.files.reduce((sum, file) => sum + receivedOf(file), 0)
  const counts = [
    `${Math.round((performance.now() - startMs) / 1000)} s`,
    `${(records + underWay).toLocaleString('en')} records, ${(bytes / 1e9).toFixed(1)} GB, ${requests.toLocaleString('en')} requests`,
    `${kills} kills, ${stops} stops, ${wakes.toLocaleString('en')} wake-ups, ${stalls} stalls`,
    `${exchanges} exchanges, ${failed} failed`,
  ]
  console.log(`${counts.join('; ')}; ${current.what}`)
}

function receivedOf(file) {
  try {
    return readProgress(file).received
  } catch (error) {
    // The exchange has not begun yet.
    if (error.code === 'ENOENT') return 0
    throw error
  }
}
